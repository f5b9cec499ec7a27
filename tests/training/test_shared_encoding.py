"""What is asked of a split at one step shares one encoding."""

import pytest
import torch

from vaescope.callbacks import Evaluation, save_figures
from vaescope.data import EvaluationBatches
from vaescope.experiment.training import train
from vaescope.statistics import encode_split

pytestmark = pytest.mark.usefixtures("no_figures")  # nobody reads them


def test_figures_take_the_encoding_of_the_last_evaluation(tiny, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("the split is encoded again")

    monkeypatch.setattr(save_figures, "encode_split", refuse)
    train(tiny(tmp_path, "trainer.max_steps=6"))
    assert (tmp_path / "traversals.png").is_file()
    with pytest.raises(AssertionError, match="encoded again"):  # no evaluation, no encoding to take
        train(tiny(tmp_path / "other", "trainer.max_steps=2", "~callbacks.evaluation"))


def test_an_encoding_is_kept_for_its_step_alone(tiny, tmp_path, monkeypatch):
    found = []

    def look(evaluation, trainer, module):
        found.extend(evaluation.encoded(module, step) for step in (trainer.global_step, 5))

    monkeypatch.setattr(Evaluation, "on_fit_end", look)
    monkeypatch.setattr(Evaluation, "on_train_end", Evaluation.on_update)
    train(tiny(tmp_path, "trainer.max_steps=6"))
    now, before = found
    assert before is None
    again = encode_split(
        now.model, EvaluationBatches(now.dataset, None, 0), now.index, split="val", step=6
    )
    assert torch.equal(now.mean, again.mean)
