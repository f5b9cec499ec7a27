"""What the data set and the method choose for the user is told once; ``debug=smoke``."""

import json

import pytest

BARE = ("trainer.max_steps=1", "callbacks=[]", "logger=[]", "statistics=[]", "threads=1")
POINTS = ("data=synthetic_linear", "data.num_points=100")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            (*POINTS, "model=ada_gvae"),
            "network=mlp_60_40_20, likelihood=gaussian, trainer=float32: because "
            "data=synthetic_linear has vectors of 3 numbers; view=pairs_locatello: because "
            "model=ada_gvae needs it",
        ),
        (
            (*POINTS, "network=linear", "trainer.precision=32-true"),
            "likelihood=gaussian: because data=synthetic_linear has vectors of 3 numbers",
        ),
        (("data=digits",), "network=mlp_400_500: because data=digits has images of 1 x 8 x 8"),
        (("experiment=tiny", "network=linear"), None),
        (("experiment=tiny", "network=linear", "schedule_steps=${trainer.max_steps}"), None),
        (("experiment=synthetic_linear", "data.num_points=100"), None),
    ],
)
def test_one_line_says_what_was_chosen_for_the_user(command, tmp_path, words, line):
    command("train", *words, *BARE, "trainer.accelerator=cpu", "hydra.run.dir=run")
    log = (tmp_path / "run" / "train.log").read_text()
    told = [each for each in log.splitlines() if "because" in each]
    assert len(told) == (line is not None)
    assert line is None or line in told[0]


def test_smoke_does_everything_once(command, tmp_path):
    words = ("experiment=tiny", "network=linear", "debug=smoke", "threads=1")
    command("train", *words, "trainer.accelerator=cpu", "hydra.run.dir=run")
    run = tmp_path / "run"
    for name in ("checkpoints/last.ckpt", "traversals.png", "reconstructions.png", "report.html"):
        assert (run / name).stat().st_size > 0, name
    (row,) = json.loads((run / "scores.json").read_text())["rows"]
    assert row["step"] == 4
    assert "test/mig" in row
    assert (run / "metrics.csv").read_text().count("\n") > 2
