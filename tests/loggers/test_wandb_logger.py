"""When a wandb run is offline, and which run it is."""

import pytest

from vaescope.loggers.wandb_runs import logged_in, wandb_logger


@pytest.fixture(autouse=True)
def nobody(monkeypatch, tmp_path):
    """A user without wandb key or mode."""
    for name in ("WANDB_MODE", "WANDB_API_KEY", "WANDB_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))


def mode(folder):
    return wandb_logger(str(folder))._wandb_init.get("mode")


def test_offline_without_login(tmp_path):
    assert not logged_in()
    assert mode(tmp_path) == "offline"


def test_a_key_is_a_login(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "x" * 40)
    assert mode(tmp_path) is None


@pytest.mark.parametrize(("machine", "known"), [("own.example.org", True), ("other.org", False)])
def test_the_netrc_file_of_wandbs_host_is_a_login(tmp_path, monkeypatch, machine, known):
    monkeypatch.setenv("WANDB_BASE_URL", "https://own.example.org")
    path = tmp_path / "netrc"
    path.write_text(f"machine {machine} login user password {'x' * 40}\n")
    path.chmod(0o600)
    assert logged_in() is known


def test_the_users_mode_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert mode(tmp_path) is None


def test_a_run_keeps_its_id_and_two_runs_have_two(tmp_path):
    ids = [wandb_logger(str(tmp_path / name))._wandb_init["id"] for name in ("a", "a", "b")]
    assert ids[0] == ids[1] != ids[2]


def test_jobs_of_a_sweep_are_a_group(tmp_path):
    init = wandb_logger(str(tmp_path / "sweep" / "3"))._wandb_init
    assert (init["group"], init["name"]) == ("sweep", "sweep-3")
