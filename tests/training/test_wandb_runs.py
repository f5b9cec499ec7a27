"""An offline wandb run, read back by wandb's own reader."""

import functools
import json

import numpy as np
import pytest
import wandb
from PIL import Image

from builders.wandb_log import WandbLog, wandb_logs
from vaescope.dashboard.chart_sections import FIGURES
from vaescope.experiment.training import train
from vaescope.loggers.results import score_table
from vaescope.scores import LOGGED

WORDS = ("logger=[csv,wandb]", "trainer.max_steps=10", "objective=val/mig", "model.beta=2")
WORDS += ("logger.wandb.artifacts=[checkpoints,codes]", "logger.wandb.notes=a note")


@pytest.fixture(scope="module", autouse=True)
def closed_service():
    """The process that wandb starts ends with these tests."""
    yield
    wandb.teardown()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runs") / "run"


@pytest.fixture
def rows(tiny, folder):
    """Scores of one run that the tests here read."""
    if not (folder / "scores.json").exists():
        train(tiny(folder, *WORDS))
    return json.loads((folder / "scores.json").read_text())["rows"]


@pytest.fixture
def logged(rows, folder):
    return _first_session(folder)


@functools.cache
def _first_session(folder):
    return wandb_logs(folder)[0]


def test_run_has_its_labels_and_has_ended(logged, folder):
    assert logged.run["run_id"] == (folder / "wandb-id.txt").read_text()
    assert (logged.run["project"], logged.run["job_type"]) == ("vaescope", "train")
    assert (logged.run["notes"], logged.run["run_group"]) == ("a note", folder.parent.name)
    assert (logged.state["state"], logged.state["exit_code"]) == ("finished", 0)


def test_config_is_the_whole_configuration(logged):
    assert logged.config["model"] == {
        "_target_": "vaescope.models.BetaVAE",
        "anneal_steps": None,
        "beta": 2,
        "initial_beta": None,
    }
    assert logged.config["trainer"]["max_steps"] == 10
    assert logged.config["latent_dim"] == 3


def test_summary_has_the_good_end_of_each_score(logged, rows):
    for key, best, worst in (("val/mig", max, "min"), ("align/dto", min, "max")):
        values = [value for _, value in logged.curve(key)]
        assert len(values) == 3
        found = logged.summary[key]
        assert found[best.__name__] == pytest.approx(best(values))
        assert found["last"] == pytest.approx(values[-1])
        assert worst not in found
    assert logged.summary["test/mig"] == pytest.approx(rows[0]["test/mig"])


def test_only_scores_with_a_good_end_have_one_in_the_summary(logged):
    keys = {key for row in logged.records["history"] for key in row["item"] if "/" in key}
    ends = {key: getattr(LOGGED.get(key.split("/")[1]), "good", None) for key in keys}
    good = {
        key: "max" if end == "high" else "min"
        for key, end in ends.items()
        if end and not key.startswith("test/")
    }
    declared = {
        key: next(end for end in ("max", "min") if end in metric["summary"])
        for key, metric in logged.metrics().items()
        if metric.get("summary")
    }
    assert declared == good
    assert {"val/mig", "val/loss", "align/dto"} <= declared.keys()


def test_x_axis_of_each_chart_is_the_number_of_updates(logged):
    axes = {metric.get("step_metric") for metric in logged.records["metric"]}
    assert axes == {None, "trainer/global_step"}
    globs = {m["glob_name"]: m["step_metric"] for m in logged.records["metric"] if "glob_name" in m}
    assert globs == {"*": "trainer/global_step"}
    assert [step for step, _ in logged.curve("val/mig")] == [0, 5, 10]
    assert [step for step, _ in logged.curve("train/loss")] == list(range(1, 11))


def test_every_latent_has_its_curve_of_kl(logged):
    for latent in range(3):
        assert [step for step, _ in logged.curve(f"val/kl_latent_{latent:02}")] == [0, 5, 10]


@pytest.mark.parametrize("name", ["traversals", "reconstructions", "jacobian", "information"])
def test_figures_are_those_of_the_folder(logged, folder, name):
    step, kind, path = logged.media(f"figures/{name}")
    assert (step, kind) == (10, "image-file")
    with Image.open(path) as kept, Image.open(folder / f"{name}.png") as own:
        assert kept.tobytes() == own.tobytes()


def test_dashboards_know_the_figures(logged):
    keys = {key.split(".")[0] for row in logged.records["history"] for key in row["item"]}
    shown = {key.removeprefix("figures/") for key in keys if key.startswith("figures/")}
    assert shown == {*FIGURES}


def test_traversals_move(logged):
    _, kind, path = logged.media("figures/traversals_moving")
    assert kind == "video-file"
    with Image.open(path) as moving:
        assert moving.format == "GIF"
        assert moving.n_frames == 20  # 11 values and back
        assert moving.size == (3 * 2 * 64, 2 * 64)  # a picture a latent


def test_table_of_scores_has_chance_and_ceiling(logged, rows):
    table = json.loads(logged.media("scores")[2].read_text())
    assert table["columns"][:6] == ["score", "value", "std", "seeds", "chance", "ceiling"]
    assert table["data"] == score_table(rows)
    mig = next(line for line in table["data"] if line[0] == "test/mig")
    assert mig[4:6] == [rows[0]["test/mig_chance"], rows[0]["test/mig_ceiling"]]


def test_report_is_a_panel_and_a_file(logged, folder):
    page = (folder / "report.html").read_bytes()
    assert logged.media("report")[2].read_bytes() == page
    assert (logged.media_folder / "report.html").read_bytes() == page


def test_checkpoints_and_codes_are_artifacts_when_asked(logged, folder):
    found = {a["type"]: a for a in logged.records["artifact"] if a["type"] != "run_table"}
    names = {
        kind: {entry["path"] for entry in artifact["manifest"]["contents"]}
        for kind, artifact in found.items()
    }
    assert names == {"checkpoints": {"last.ckpt", "best.ckpt"}, "codes": {"codes.npz"}}
    with np.load(folder / "codes.npz") as codes:
        assert codes["codes"].shape == codes["variance"].shape == (19, 3)
        assert codes["factors"].shape == (19, 3)


def test_a_search_is_told_the_last_evaluation(logged):
    assert logged.summary["objective"] == pytest.approx(logged.curve("val/mig")[-1][1])


def test_a_resumed_run_is_the_same_wandb_run(rows, tiny, folder):
    train(tiny(folder, *WORDS, "trainer.max_steps=15", f"resume='{folder}'"))
    first, second = wandb_logs(folder)
    assert first.run["run_id"] == second.run["run_id"]
    assert [step for step, _ in second.curve("val/mig")] == [15]
    assert [step for step, _ in second.curve("train/loss")] == [11, 12, 13, 14, 15]


def test_an_ensemble_is_one_run_with_means_and_members(tiny, tmp_path):
    words = (*WORDS[:3], "ensemble.size=2", "statistics=[disentanglement]")
    train(tiny(tmp_path, *words))
    (logged,) = wandb_logs(tmp_path)
    mean, *seeds = (logged.curve(key) for key in ("val/mig", "seed_0/val/mig", "seed_1/val/mig"))
    for (step, value), *members in zip(mean, *seeds, strict=True):
        assert value == pytest.approx(sum(member for _, member in members) / 2), step
    assert "max" in logged.summary["seed_1/val/mig"]
    assert json.loads(logged.media("scores")[2].read_text())["data"][0][3] == 2  # seeds


def test_training_goes_on_without_wandb(tiny, tmp_path, monkeypatch, caplog):
    def refuse(**_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(wandb, "init", refuse)
    assert train(tiny(tmp_path, "logger=[csv,wandb]", "trainer.max_steps=2", "~callbacks.pictures"))
    told = [r.getMessage() for r in caplog.records if "wandb" in r.getMessage()]
    assert len(told) == 1
    assert "No space left on device" in told[0]


@pytest.mark.slow
def test_a_server_that_cannot_be_reached_makes_an_offline_run(process, tmp_path):
    """Nothing listens at the address; the user has a key."""
    words = ("experiment=tiny", "network=linear", "trainer.max_steps=2", "threads=1")
    words += ("logger.wandb.init_timeout=3", "~callbacks.pictures", "hydra.run.dir=run")
    server = {"WANDB_BASE_URL": "http://127.0.0.1:9", "WANDB_API_KEY": "x" * 40}
    told = process("train", *words, WANDB_MODE="online", **server).stdout
    assert "the run is kept offline in" in told
    assert "fails" not in told
    (path,) = tmp_path.glob("run/wandb/offline-run-*/*.wandb")
    assert "test/mig" in WandbLog(path).summary
