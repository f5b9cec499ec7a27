"""What modifications are for: beta-VAEs lose the factors, or find them. Trains; minutes each."""

from statistics import fmean

import pytest

from vaescope.config.loading import resolved
from vaescope.experiment.training import train
from vaescope.modification import modify

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600), pytest.mark.usefixtures("no_figures")]
TRAINING = (
    *("experiment=panels", "network=mlp_64", "likelihood=gaussian", "data.batch_size=256"),
    *("trainer.max_steps=1000", "ensemble.size=4", "statistics=[disentanglement]", "logger=[]"),
    *("callbacks=[progress,finite]", "callbacks.progress.bar=false", "threads=1"),
)


@pytest.fixture
def no_figures():
    from builders.figures import undrawn

    with undrawn():
        yield


@pytest.fixture
def mig(config, tmp_path):
    """Mean MIG of four beta-VAEs on a data set."""

    def trained(name, *words):
        folder = tmp_path / name
        folder.mkdir()
        rows = train(config(*TRAINING, *words, f"output_dir='{folder}'"))
        return fmean(row["test/mig"] for row in rows)

    return trained


@pytest.fixture
def made(config, tmp_path):
    """A modified set and its margin."""

    def modified(name, *words):
        settings = ("bar=false", "threads=1", "device=cpu", f"output_dir='{tmp_path / name}'")
        return modify(resolved(config(*settings, *words, name="modify")))

    return modified


def test_panels_are_lost_and_the_game_does_as_well_as_the_closed_form(made, mig):
    learnt, closed = made("learnt"), made("closed", "method=closed_form")
    assert learnt.before.margin < 0 < learnt.after.margin
    scores = [
        mig(name, "data=modified", f"data.path='{set_.path}'")
        for name, set_ in (("on_learnt", learnt), ("on_closed", closed))
    ]
    assert scores[0] < mig("on_original") / 3
    assert scores[0] < scores[1] + 0.05


def test_turned_panels_are_found_once_aligned(made, mig):
    aligned = made("aligned", "data.turn=45", "direction=align", "epsilon=0.2")
    assert aligned.after.margin < min(0, aligned.before.margin)
    score = mig("on_aligned", "data=modified", f"data.path='{aligned.path}'")
    assert score > 2 * mig("on_original", "data.turn=45")
