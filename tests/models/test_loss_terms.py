"""What is logged of every method's loss: terms with a meaning, weights of terms, no clashes."""

import pytest
import torch

from builders.methods import METHODS, STEP, batch_of, made, summands
from vaescope.distributions.posteriors import DiagonalGaussian
from vaescope.errors import ConfigError
from vaescope.models import HausdorffVAE
from vaescope.models.schedules import loss_of, schedule_length, weighted_sum
from vaescope.scores import LOGGED, LOSS_TERMS, PANEL_SCORES

every_method = pytest.mark.parametrize("method", METHODS)


def terms_of(model, step=STEP):
    return model.terms(batch_of(), step, model.noise_for(4, step))


@every_method
def test_every_term_has_a_meaning_and_no_score_has_its_name(method):
    names = terms_of(made(method, method.posteriors[0])).keys()
    terms = {term.name for term in LOSS_TERMS}
    assert names <= terms
    assert not names & PANEL_SCORES.keys()
    assert not names & (LOGGED.keys() - terms)


@every_method
def test_weights_are_numbers_of_terms_and_their_sum_is_the_loss(method):
    model = made(method, method.posteriors[0])
    for step in (0, STEP, model.schedule_end, 10**6):
        terms, weights = terms_of(model, step), model.weights(step)
        assert weights.keys() <= terms.keys()
        assert all(isinstance(weight, int | float) for weight in weights.values())
        parts = summands(model, batch_of(), step, model.noise_for(4, step))
        torch.testing.assert_close(model.loss(terms, step), sum(parts.values()))
        logged = {name: value.item() for name, value in terms.items()}
        expected = model.loss(terms, step).item()
        assert loss_of(logged, model.settings(step)) == pytest.approx(expected)
    assert model.settings(model.schedule_end) == model.settings(10**6)


@every_method
def test_terms_move_with_the_step_only_where_a_target_does(method):
    model = made(method, method.posteriors[0])
    noise = model.noise_for(4, STEP)
    now, later = (model.terms(batch_of(), step, noise) for step in (0, 10**6))
    moved = {name for name in now if not torch.equal(now[name], later[name])}
    assert bool(moved) == (model.targets(0) != model.targets(10**6))
    assert moved <= {"capacity_gap", "controlled_kl", "controlled_beta"}


def test_a_scale_without_weight_is_neither_a_term_nor_a_weight():
    assert "weight_scale" not in made(HausdorffVAE, DiagonalGaussian).settings(0)
    assert made(HausdorffVAE, DiagonalGaussian, delta=2.0).settings(0)["weight_scale"] == 2


def test_weighted_sums_of_scalars_and_of_members():
    terms = {"a": torch.tensor(3.0), "b": torch.tensor(-4.0)}
    assert weighted_sum(terms, {"b": 0.5}).item() == 1
    members = {name: term.repeat(2) for name, term in terms.items()}
    assert weighted_sum(members, {"a": 2.0}).tolist() == [2, 2]


@pytest.mark.parametrize(
    ("given", "share", "updates", "expected"),
    [(7, 0.5, 100, 7), (0, 0.5, 100, 0), (None, 1 / 3, 300, 100), (None, 0.8, 5000, 4000)],
)
def test_length_of_a_schedule(given, share, updates, expected):
    assert schedule_length(given, share, updates) == expected
    assert schedule_length(None, share, 1) == 1


def test_a_share_of_an_unknown_number_is_refused():
    with pytest.raises(ConfigError, match=r"anneal_steps=null .* give anneal_steps, or schedule"):
        schedule_length(None, 0.5, None)
