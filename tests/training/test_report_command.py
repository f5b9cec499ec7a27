"""``vaescope report`` on the command line, on runs made by ``vaescope train``."""

import json
from statistics import fmean, stdev

import pytest

from builders.loading import loaded_by
from builders.warm_processes import run_vaescope

SWEEP = (
    *("train", "-m", "experiment=tiny", "network=mlp_60_40_20", "latent_dim=3", "logger=[csv]"),
    *("callbacks=[]", "statistics=[disentanglement,alignment]", "trainer.max_steps=3"),
    *("trainer.accelerator=cpu", "threads=1", "hydra.sweep.dir=runs"),
)

pytestmark = pytest.mark.slow  # processes of their own


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    return tmp_path_factory.mktemp("report")


@pytest.fixture(scope="module")
def runs(here):
    """Three seeds of two values of beta; of them one value cannot work."""
    run_vaescope(here, *SWEEP, "seed=0,1,2", "model=beta_vae", "model.beta=2,-1", code=1)
    return here / "runs"


def test_a_sweep_with_failures_is_compared(here, runs):
    done = run_vaescope(here, "report", "runs=[runs]", "scores=[loss,mig]", "output_dir=out")
    content = json.loads((here / "out" / "comparison.json").read_text())
    (group,) = content["groups"]
    rows = [json.loads(path.read_text())["rows"][0] for path in runs.glob("*/scores.json")]
    losses = [row["test/loss"] for row in rows]
    assert len(losses) == 3
    assert group["scores"]["test/loss"]["mean"] == pytest.approx(fmean(losses))
    assert group["scores"]["test/loss"]["std"] == pytest.approx(stdev(losses))
    assert (group["method"], group["data"], group["updates"]) == ("BetaVAE", "TinySquares", 3)
    assert sorted(group["seeds"]) == [0, 1, 2]
    assert [line["seed"] for line in content["remarks"]] == [0, 1, 2]
    assert all("model.beta: -1" in line["reason"] for line in content["remarks"])
    assert "out/report.html" in done.stdout
    assert sorted(p.name for p in (here / "out").iterdir()) == [
        "comparison.json",
        "comparison.md",
        "report.html",
    ]


def test_refusals_are_one_sentence_and_a_run_is_left_alone(here, runs):
    run = next(runs.glob("*/scores.json")).parent
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    for words, message in (
        (("runs=[nowhere]",), f"runs: {here / 'nowhere'} does not exist; give folders of runs"),
        (("runs=[runs]", "sort=-migg"), "sort: no run has the score 'migg'; did you mean 'mig"),
        (("runs=[runs]", f"output_dir='{run}'"), "written over; leave output_dir"),
    ):
        code = 2 if len(words) > 1 and "output_dir" in words[1] else 1
        told = run_vaescope(here, "report", "output_dir=refused", *words, code=code).stderr
        assert message in told
        assert "Traceback" not in told
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before


def test_the_program_loads_what_draws_but_no_torch(here, runs):
    loaded = loaded_by("report", "runs=[runs]", "output_dir=again", folder=here)
    assert loaded == {"matplotlib", "jinja2", "PIL", "numpy", "hydra"}
    assert (here / "again" / "report.html").is_file()
