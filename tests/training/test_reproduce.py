"""A small reproduction from the plan to the page; what is there is taken up, not made anew."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from builders.warm_processes import WarmProcess
from vaescope.cli import main
from vaescope.config.loading import config_dir, register_schemas, resolved
from vaescope.errors import RunsFailedError
from vaescope.experiment.training import train
from vaescope.reproduction import reproduce
from vaescope.reproduction.plan import Run
from vaescope.reproduction.runner import make_runs

SMALL = [
    *("ensemble.size=3", "trainer.max_epochs=-1", "trainer.max_steps=30"),
    *("callbacks.evaluation.every_n_steps=10", "callbacks.checkpoint.every_n_steps=10"),
]


@pytest.fixture
def plain(config, tmp_path):
    register_schemas()
    words = ["part=[rotation]", "scale=full", "jobs=2", f"output_dir='{tmp_path}'"]
    plain = resolved(config(*words, name="reproduce"))
    plain["paper"]["scales"]["full"] = [
        {"runs": "table1_synthetic_linear_*", "words": SMALL, "reduced": "a test"},
        {"runs": "table1_synthetic_nonlinear_*", "skip": "a test"},
    ]
    return plain


class Started:
    """A run's process as ``subprocess.Popen`` starts it, but forked from a warm one."""

    def __init__(self, command, *, stdout, stderr, env):
        self.process = WarmProcess(main, command[3:], cwd=os.getcwd(), env=env)
        self.output = stdout

    def wait(self):
        told, _ = self.process.communicate(timeout=500)
        self.output.write(told.encode())
        return self.process.returncode


@pytest.fixture
def warm(monkeypatch):
    """Runs begin at once; a test below starts one as users do."""
    started = SimpleNamespace(Popen=Started, STDOUT=subprocess.STDOUT)
    monkeypatch.setattr("vaescope.reproduction.runner.subprocess", started)


@pytest.mark.slow
@pytest.mark.usefixtures("warm")
def test_from_the_plan_to_the_page(plain, tmp_path, config, capsys):
    begun = tmp_path / "table1_synthetic_linear_full"
    begun.mkdir()
    words = ["experiment=cvpr2019_table1_synthetic_linear_full", *SMALL, "logger=[csv]"]
    stopped = config(*words, "callbacks.progress.bar=false", f"output_dir='{begun}'")
    stopped.trainer.max_steps = 20
    train(stopped)
    (begun / "scores.json").unlink()
    kept = begun / "config.yaml"
    kept.write_text(kept.read_text().replace("max_steps: 20", "max_steps: 30"))

    page = reproduce(plain, "cvpr2019", Path(config_dir()))

    assert page == tmp_path / "report.html"
    assert (tmp_path / "rotation.png").is_file()
    results = json.loads((tmp_path / "results.json").read_text())
    (made,) = results["reproductions"]
    for method in ("autoencoder", "full"):
        rises = made["runs"][f"table1_synthetic_linear_{method}"]["measured"]["rotation_rise"]
        assert len(rises) == 3
        assert max(map(abs, rises)) < 1e-9
    assert "nats, predicted" in results["judged"][15]["numbers"]
    lines = {(line["run"], line["score"]): line for line in results["tables"]["table1"]}
    line = lines["table1_synthetic_linear_full", "dto"]
    assert (line["published"], line["n"]) == ("0.34 ± 0.35", 3)
    assert line["setting"] == "a test; over-pruned: 3 of 3"
    assert lines["synthetic_linear, random decoder", "dto"]["published"] == "0.79 ± 0.21"
    assert "table1_synthetic_nonlinear_full" in made["left_out"]["a test"]
    assert "0.34 ± 0.35" in (tmp_path / "results.md").read_text()
    assert len(json.loads((begun / "environment.json").read_text())) == 2  # taken up
    assert "Synth. Lin." in capsys.readouterr().out

    times = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/scores.json")}
    assert len(times) == 3
    texts = (tmp_path / "results.md").read_text()
    reproduce(plain | {"make": False}, "cvpr2019", Path(config_dir()))
    assert (tmp_path / "results.md").read_text() == texts
    again = tmp_path.with_name("again")
    file = {"results": str(tmp_path / "results.json"), "output_dir": str(again)}
    reproduce(plain | file, "cvpr2019", Path(config_dir()))
    lines = [line for line in texts.splitlines() if not line.startswith("![")]
    assert (again / "results.md").read_text().rstrip() == "\n".join(lines).rstrip()
    assert times == {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/scores.json")}


@pytest.mark.slow
@pytest.mark.usefixtures("warm")
def test_modified_sets_from_the_plan_to_the_page(config, tmp_path):
    register_schemas()
    words = ["paper=icml2021", "scale=quick", "part=[panels,images,codes,mechanism]", "jobs=2"]
    plain = resolved(config(*words, f"output_dir='{tmp_path}'", name="reproduce"))
    schedule = [f"schedule.{k}=2" for k in ("steps", "decoders_before", "decoders_after")]
    plain["paper"]["scales"]["quick"] = [
        {"runs": "modification_panels", "words": [*schedule, "epsilon=0.15"], "reduced": "a test"},
        {"runs": "panels_*", "words": ["ensemble.size=2", "trainer.max_steps=4"], "reduced": "t"},
        *({"runs": f"*_{on}", "skip": "a test"} for on in ("closed_form", "noise", "shuffled")),
        *(
            {"runs": runs, "skip": "a test"}
            for runs in ("panels_pcl_*", "table1_*", "robustness_*")
        ),
    ]
    reproduce(plain, "icml2021", Path(config_dir()))
    results = json.loads((tmp_path / "results.json").read_text())
    runs = results["reproductions"][0]["runs"]
    modified = runs["panels_beta_vae_modified"]["measured"]
    assert 0 < modified["largest_change"][0] <= modified["epsilon"][0] == 0.15
    assert len(modified["margin_original"]) == len(modified["margin_modified"]) == 1
    assert len(runs["panels_beta_vae_original"]["measured"]["probe_r2"]) == 3
    judged = {verdict["number"]: verdict["verdict"] for verdict in results["judged"]}
    assert (judged[1], judged[4], judged[6]) == ("open", "not tested", "holds")
    assert [line["n"] for line in results["tables"]["panels"]] == [2, 2]
    for part in ("panels", "images", "codes", "mechanism"):
        assert (tmp_path / f"{part}.png").is_file()
    page = (tmp_path / "report.html").read_text()
    assert "VAEs stop disentangling" in page
    assert "two imagined VAEs" in page


@pytest.mark.slow
@pytest.mark.usefixtures("warm")
def test_pilots_choose_the_weight_of_the_runs_behind_them(config, tmp_path):
    register_schemas()
    words = ["paper=methods", "scale=quick", "jobs=1", "only=shapes3d_like_beta_vae"]
    plain = resolved(config(*words, f"output_dir='{tmp_path}'", name="reproduce"))
    few = ["trainer.max_steps=4", "callbacks.evaluation.every_n_steps=4"]
    plain["paper"]["scales"]["quick"][0]["words"] += few
    plain["paper"]["pilots"]["quick"] += few
    plain["paper"]["weights"]["quick"]["beta_vae"]["model.beta"] = [0.01, 1.0, 1e6]
    reproduce(plain, "methods", Path(config_dir()))
    choice = json.loads((tmp_path / "weights.json").read_text())["shapes3d_like_beta_vae"]
    assert [pilot["weight"] for pilot in choice["pilots"]] == [1e6, 1.0]
    kept = choice["pilots"][1]["keeps"]
    (run,) = json.loads((tmp_path / "results.json").read_text())["reproductions"][0][
        "runs"
    ].values()
    assert run["config"]["model.beta"] == (1.0 if kept else 0.01)
    assert run["beside"]["choice"]["pilots"][1]["keeps"] == kept
    times = {path: path.stat().st_mtime_ns for path in tmp_path.glob("**/scores.json")}
    assert len(times) == 3
    texts = (tmp_path / "results.md").read_text()
    for again in (plain, plain | {"make": False}):
        reproduce(again, "methods", Path(config_dir()))
    assert (tmp_path / "results.md").read_text() == texts
    assert times == {path: path.stat().st_mtime_ns for path in tmp_path.glob("**/scores.json")}


def test_runs_of_other_settings_are_refused(plain, tmp_path):
    made = tmp_path / "table1_synthetic_linear_full"
    made.mkdir()
    (made / "config.yaml").write_text("trainer: {max_steps: 20}\n")
    (made / "scores.json").write_text("{}")
    run = Run(made.name, "", ("trainer.max_steps=30",))
    errors = make_runs([run], tmp_path, jobs=1, threads=1, data_dir=None)
    assert "made with trainer.max_steps=20, not 30" in errors[made.name]
    same = Run(made.name, "", ("trainer.max_steps=20",))
    assert make_runs([same], tmp_path, jobs=1, threads=1, data_dir=None) == {}
    (made / ".hydra").mkdir()
    overrides = made / ".hydra" / "overrides.yaml"
    overrides.write_text("- threads=1\n- trainer.max_steps=20\n")
    assert make_runs([same], tmp_path, jobs=1, threads=1, data_dir=None) == {}
    overrides.write_text("- trainer.max_steps=20\n- model.beta=3\n")  # of a smaller scale
    errors = make_runs([same], tmp_path, jobs=1, threads=1, data_dir=None)
    assert "made with model.beta=3, not what the experiment says" in errors[made.name]


def test_a_run_that_fails_is_told_and_leaves_the_others(tmp_path):
    wrong = Run("wrong", "cvpr2019_table1_synthetic_linear_vae_", ("model.beta=1",))
    errors = make_runs([wrong], tmp_path, jobs=1, threads=1, data_dir=None)
    assert list(errors) == ["wrong"]
    assert "there is no experiment=" in (tmp_path / "wrong" / "process.log").read_text()


@pytest.fixture
def broken(tmp_path):
    """Runs of one part, all there: one without rows, one damaged, the others as they should be."""
    begun = [f"table1_synthetic_linear_{name}" for name in ("autoencoder", "beta_vae", "full")]
    for name in begun:
        (tmp_path / name).mkdir()
        (tmp_path / name / "scores.json").write_text('{"about": {}, "ro')
        (tmp_path / name / "config.yaml").write_text("published: {}\n")
    (tmp_path / begun[0] / "scores.json").write_text('{"about": {}, "rows": []}')
    (tmp_path / begun[1] / "config.yaml").write_text("published: {\n")
    return begun


def test_a_reproduction_with_failures_ends_as_failed(plain, broken, tmp_path, monkeypatch):
    monkeypatch.setattr("vaescope.reproduction.runner.other_settings", lambda run, folder: "")
    with pytest.raises(RunsFailedError) as refusal:
        reproduce(plain, "cvpr2019", Path(config_dir()))
    told = str(refusal.value)
    assert told.startswith("3 runs failed:\n  - table1_synthetic_linear_autoencoder: ")
    assert "scores.json has no rows" in told
    assert [line.count("cannot be read") > 0 for line in told.splitlines()[1:4]] == [0, 1, 1]
    assert str(tmp_path / "report.html") in told
    assert (tmp_path / "report.html").is_file()


def test_a_damaged_folder_is_told_and_not_run(tmp_path, broken):
    run = Run(broken[1], "", ("trainer.max_steps=30",))
    errors = make_runs([run], tmp_path, jobs=1, threads=1, data_dir=None)
    assert "cannot be read" in errors[run.name]


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("only=nonsense", "only=nonsense: there are convergence_lr"),
        ("part=[nonsense]", "part=nonsense: there are table1"),
        ("table=99", "part=table99: there are table1"),
        ("scale=nonsense", "scale=nonsense: there are full"),
        ("jobs=0", "config.jobs: 0 is not an integer from 1"),
    ],
)
def test_what_there_is_not_is_refused(command, tmp_path, word, told):
    assert told in command("reproduce", "cvpr2019", word, code=1).err


def test_a_failed_run_is_the_commands_failure(command, tmp_path, monkeypatch):
    name = "table1_synthetic_linear_vae"
    module = sys.modules["vaescope.reproduction.pipeline"]

    def fail(runs, folder, **options):
        return {run.name: "[/red] no disk" for run in runs}

    monkeypatch.setattr(module, "make_runs", fail)
    words = ("part=[table1]", "only=table1_synthetic_linear_full", "output_dir=it's=1")
    told = command("reproduce", "cvpr2019", *words, code=1)
    assert "1 run failed:\n  - table1_synthetic_linear_full: [/red] no disk" in told.err
    assert (tmp_path / "it's=1" / "report.html").is_file()
    assert name not in told.err


def test_on_the_command_line(shell):
    assert (
        "part=table9: there are table1" in shell("reproduce", "cvpr2019", "table=9", code=1).stderr
    )
    assert "there are cascade, cvpr2019" in shell("reproduce", "cvpr", code=2).stderr
    assert "scale: quick" in shell("reproduce", "cvpr2019", "scale=quick", "--cfg", "job").stdout
