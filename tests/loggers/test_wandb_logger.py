"""When a wandb run is offline, which run it is, and what it is called."""

import pytest
import wandb

from vaescope.dashboard.wandb_account import logged_in
from vaescope.loggers.wandb_runs import wandb_logger

RECORD = """
hydra:
  overrides: {task: [data=tiny, model=vae, seed=3, threads=1, +model.x=2, experiment=e]}
  runtime: {choices: {data: tiny, model: vae, network: mlp, experiment: EXPERIMENT, debug: null}}
"""


@pytest.fixture(autouse=True)
def nobody(monkeypatch, tmp_path):
    """A user without wandb key or mode."""
    for name in ("WANDB_MODE", "WANDB_API_KEY", "WANDB_BASE_URL", "WANDB_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))


@pytest.fixture
def begun(monkeypatch):
    """Arguments with which a logger of these options begins its run; ``error`` is raised first."""

    def begin(folder, error=None, **options):
        calls = []

        def init(**arguments):
            calls.append(arguments)
            if error and len(calls) == 1:
                raise error
            return run

        run = wandb.sdk.wandb_run.Run(wandb.Settings(mode="disabled"))
        monkeypatch.setattr(wandb, "init", init)
        monkeypatch.setattr(run, "define_metric", lambda *_, **__: None)
        logger = wandb_logger(str(folder), **options)
        logger.show(lambda sink: None)
        assert logger.sink is not None
        return calls[-1]

    return begin


def test_offline_without_login(tmp_path, begun):
    assert not logged_in()
    assert begun(tmp_path)["mode"] == "offline"


def test_a_key_is_a_login(tmp_path, monkeypatch, begun):
    monkeypatch.setenv("WANDB_API_KEY", "x" * 40)
    assert "mode" not in begun(tmp_path)


@pytest.mark.parametrize(("machine", "known"), [("own.example.org", True), ("other.org", False)])
def test_the_netrc_file_of_wandbs_host_is_a_login(tmp_path, monkeypatch, machine, known):
    monkeypatch.setenv("WANDB_BASE_URL", "https://own.example.org")
    path = tmp_path / "netrc"
    path.write_text(f"machine {machine} login user password {'x' * 40}\n")
    path.chmod(0o600)
    assert logged_in() is known


def test_the_users_mode_is_left_alone(tmp_path, monkeypatch, begun):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert "mode" not in begun(tmp_path)


def test_a_server_that_does_not_answer_makes_an_offline_run(tmp_path, monkeypatch, begun, caplog):
    monkeypatch.setenv("WANDB_API_KEY", "x" * 40)
    error = wandb.errors.CommError("timed out after 60 s")
    assert begun(tmp_path, error)["mode"] == "offline"
    assert f"timed out after 60 s; the run is kept offline in {tmp_path}/wandb" in caplog.text


def test_a_run_keeps_its_id_and_two_runs_have_two(tmp_path, begun):
    ids = [begun(tmp_path / name)["id"] for name in ("a", "a", "b")]
    assert ids[0] == ids[1] != ids[2]


def test_the_id_that_an_agent_gives_is_kept(tmp_path, monkeypatch, begun):
    monkeypatch.setenv("WANDB_RUN_ID", "agents")
    assert begun(tmp_path)["id"] == "agents"
    monkeypatch.delenv("WANDB_RUN_ID")
    assert begun(tmp_path)["id"] == "agents"


def test_the_server_has_a_minute_and_the_end_ten(tmp_path, begun):
    settings = begun(tmp_path)["settings"]
    assert (settings["init_timeout"], settings["finish_timeout"]) == (60, 600)


@pytest.mark.parametrize(
    ("experiment", "in_sweep", "group"),
    [("null", False, "runs"), ("paper", False, "paper"), ("paper", True, "sweep")],
)
def test_labels_come_from_what_was_chosen(tmp_path, begun, experiment, in_sweep, group):
    """Group: the sweep, else the experiment, else the folder above."""
    folder = tmp_path / ("sweep" if in_sweep else "runs") / "3"
    record = folder / ".hydra" / "hydra.yaml"
    record.parent.mkdir(parents=True)
    record.write_text(RECORD.replace("EXPERIMENT", experiment))
    if in_sweep:
        (folder.parent / "multirun.yaml").write_text("")
    given = begun(folder)
    assert given["name"] == "tiny-vae experiment=e model.x=2 seed=3"
    assert given["group"] == group
    assert given["tags"] == ["tiny", "vae", "mlp", *(["paper"] if experiment == "paper" else [])]
    assert (given["job_type"], given["project"]) == ("train", "vaescope")


def test_without_a_record_the_folders_are_the_name(tmp_path, begun):
    given = begun(tmp_path / "a" / "b")
    assert (given["name"], given["group"], given["tags"]) == ("a-b", "a", [])


def test_what_the_user_says_is_taken(tmp_path, begun):
    said = {
        "project": "p",
        "entity": "e",
        "name": "n",
        "group": "g",
        "job_type": "j",
        "tags": [],
        "notes": "t",
    }
    given = begun(tmp_path, **said)
    assert {key: given[key] for key in said} == said


def test_what_else_it_is_asked_to_keep_is_refused(tmp_path):
    with pytest.raises(ValueError, match="artifacts"):
        wandb_logger(str(tmp_path), artifacts=["weights"])
