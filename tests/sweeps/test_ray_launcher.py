"""What the launcher ``ray`` refuses before any job."""

import importlib.util

import pytest

from vaescope.errors import ConfigError
from vaescope.sweeps import ray_cluster
from vaescope.sweeps.ray_cluster import RayLauncher


@pytest.fixture
def found(monkeypatch):
    """Whether or not the package is installed here, it is found."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())


@pytest.mark.parametrize(
    ("option", "value", "least"),
    [("num_cpus", -1, 0), ("num_gpus", -0.5, 0), ("max_retries", -2, -1), ("num_cpus", "all", 0)],
)
def test_numbers_out_of_range_are_refused(found, option, value, least):
    told = rf"hydra\.launcher\.{option}={value}: give a number from {least}"
    with pytest.raises(ConfigError, match=told):
        RayLauncher(**{option: value})


def test_without_the_package_a_sentence_says_what_to_install(sweep, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "ray" else find(name)
    )
    words = ("train", "-m", "experiment=tiny", "seed=0,1", "hydra/launcher=ray")
    told = sweep(*words, "hydra.sweep.dir=s", code=1)
    assert "pip install 'vaescope[ray]'" in told.err
    assert told.made == []


class TwoCores:
    """Ray, of a cluster with one machine."""

    def cluster_resources(self):
        return {"CPU": 2.0}

    def nodes(self):
        return [{"Resources": {"CPU": 2.0}}]


def test_a_job_that_fits_no_machine_is_refused_or_waits_for_one(found, caplog):
    told = r"num_cpus=3: no machine of the cluster has as many"
    with pytest.raises(ConfigError, match=rf"{told}; it has 2"):
        RayLauncher(num_cpus=3)._needs(TwoCores())
    assert RayLauncher(address="auto", num_cpus=3)._needs(TwoCores())["num_gpus"] == 0
    assert "jobs wait until one does" in caplog.text


def test_an_address_where_nothing_listens_is_told_at_once():
    with pytest.raises(ConnectionRefusedError):
        ray_cluster._knock("127.0.0.1:1")
