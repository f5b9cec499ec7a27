"""A run uses one device; settings that ask for more are refused before anything starts."""

import pytest
import torch
from omegaconf import OmegaConf

from vaescope.config.checks import check
from vaescope.config.devices import device_problems
from vaescope.errors import ConfigError

ADVICE = "a run uses one: set trainer.devices=1"


def found(**trainer):
    return list(device_problems(OmegaConf.create(trainer)))


@pytest.mark.parametrize("devices", [1, "1", [0], [3], "0,", "2,", "auto", None])
def test_one_device_is_none_too_many(devices, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert found(devices=devices, num_nodes=1, strategy="auto") == []
    assert found(devices=-1, accelerator="gpu") == []


@pytest.mark.parametrize(
    ("devices", "count"),
    [(2, 2), ("2", 2), ([0, 1], 2), ("0,1", 2), ("auto", 4), (-1, 4), ("-1", 4), (None, 4), (0, 0)],
)
def test_more_are_refused_with_their_number(devices, count, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    (told,) = found(devices=devices, accelerator="auto")
    assert told.startswith(f"config.trainer.devices: {count} devices were given to one run; ")
    assert ADVICE in told


def test_all_devices_of_a_cpu_are_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert found(devices="auto", accelerator="cpu") == []


@pytest.mark.parametrize("devices", ["two", 1.5, True, {}, -1])
def test_what_names_no_devices_is_refused(devices):
    (told,) = found(devices=devices, accelerator="cpu")
    assert told.startswith(f"config.trainer.devices: {devices!r} names no devices; ")


@pytest.mark.parametrize("strategy", ["ddp", "ddp_spawn", "fsdp", {"_target_": "x.DDPStrategy"}])
def test_strategies_of_several_devices_are_refused(strategy):
    (told,) = found(strategy=strategy)
    assert "is for several devices, and a run uses one; leave it at auto" in told


def test_it_is_part_of_the_check(config):
    words = ("trainer.devices=2", "trainer.strategy=ddp", "+trainer.num_nodes=2")
    with pytest.raises(ConfigError) as refusal:
        check(config(*words))
    told = str(refusal.value)
    assert told.startswith("3 mistakes in the configuration:")
    assert f"config.trainer.devices: 2 devices were given to one run; {ADVICE}" in told
    assert "config.trainer.num_nodes: 2 nodes were given to one run" in told
    assert "config.trainer.strategy: ddp is for several devices" in told
