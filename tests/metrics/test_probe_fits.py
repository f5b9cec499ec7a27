"""Boosted trees and linear probes against scikit-learn, which is slower."""

import numpy as np
import pytest
import torch
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression
from torch.nn.functional import one_hot

from vaescope.metrics.estimators import boosting
from vaescope.metrics.estimators.boosting import boost
from vaescope.metrics.estimators.lasso import fit_linear
from vaescope.metrics.estimators.probe_data import probe_targets
from vaescope.metrics.prediction.probes import logistic_probe


def rows(seed=0, number=500, values=None):
    """Codes with at most 64 values each, or continuous ones, and three factors."""
    generator = torch.Generator().manual_seed(seed)
    factors = torch.stack([torch.randint(s, (number,), generator=generator) for s in (3, 5, 2)], 1)
    mix = torch.randn(3, 4, generator=generator, dtype=torch.float64)
    noise = torch.randn(number, 4, generator=generator, dtype=torch.float64)
    codes = factors.double() @ mix + 0.5 * noise
    return (codes if values is None else (codes * values).round()), factors


@pytest.mark.parametrize("place", range(3))
def test_boosted_trees_are_those_of_scikit_learn(place):
    codes, factors = rows(values=2)
    labels = factors[:, place]
    targets = one_hot(labels).double()
    found = boost(
        codes[:300],
        codes[300:],
        targets[:300],
        [slice(0, targets.shape[1])],
        [True],
        rounds=30,
        rate=0.1,
    )
    known = GradientBoostingClassifier(n_estimators=30, random_state=0)
    known.fit(codes[:300], labels[:300])
    share = found.gains.sum(1) / found.gains.sum()
    np.testing.assert_allclose(share, known.feature_importances_, atol=5e-3)
    # A new row between two values of a node may turn the other way: edges are the root's.
    for scores, part, most in (
        (found.train_scores, codes[:300], 5e-3),
        (found.test_scores, codes[300:], 2e-2),
    ):
        wanted = known.predict_proba(part)
        assert np.abs(scores.softmax(1).numpy() - wanted).mean() < most


def test_boosted_regression_is_that_of_scikit_learn():
    codes, factors = rows(1, values=2)
    targets = (factors[:, :1] + 0.1 * factors[:, 1:2]).double()
    found = boost(codes, codes[:50], targets, [slice(0, 1)], [False], rounds=20, rate=0.3)
    known = GradientBoostingRegressor(n_estimators=20, learning_rate=0.3, random_state=0)
    known.fit(codes, targets[:, 0])
    np.testing.assert_allclose(found.test_scores[:, 0], known.predict(codes[:50]), atol=0.02)
    share = found.gains[:, 0] / found.gains.sum()
    np.testing.assert_allclose(share, known.feature_importances_, atol=5e-3)


def test_first_split_is_the_best_of_all():
    """One round of depth 1 against every threshold of every latent."""
    codes, factors = rows(2, number=60)
    targets = one_hot(factors[:, 1]).double()
    found = boost(codes, codes, targets, [slice(0, 5)], [True], rounds=1, rate=1.0, depth=1)
    residual = targets - targets.mean(0)
    left = codes[:, None] <= codes[None]  # row, edge, latent
    weight = left.double().sum(0)
    sums = torch.einsum("red,rc->edc", left.double(), residual)
    gain = sums**2 / weight[..., None] + sums**2 / (60 - weight).clamp(min=1)[..., None]
    gain[weight == 60] = 0
    torch.testing.assert_close(found.gains.sum(0).double(), gain.amax((0, 1)), rtol=1e-5, atol=1e-6)


def test_equal_latents_share_their_gains_and_the_seed_decides_how():
    codes, factors = rows(3)
    targets = one_hot(factors[:, 1]).double()
    twice = torch.cat([codes[:, :1], -codes[:, :1]], 1)
    fits = [
        boost(twice, twice, targets, [slice(0, 5)], [True], rounds=30, rate=0.3, seed=seed).gains
        for seed in (0, 0, 1)
    ]
    share = fits[0].sum(1) / fits[0].sum()
    assert 0.25 < share[0] < 0.75
    assert torch.equal(fits[0], fits[1])
    assert not torch.equal(fits[0], fits[2])


def test_rows_in_blocks_grow_the_same_trees(monkeypatch):
    codes, factors = rows(5)
    targets = one_hot(factors[:, 1]).double()
    given = codes[:300], codes[300:], targets[:300], [slice(0, 5)], [True]
    whole = boost(*given, rounds=5, rate=0.3)
    monkeypatch.setattr(boosting, "_BLOCK", 64)
    found = boost(*given, rounds=5, rate=0.3)
    torch.testing.assert_close(found.gains, whole.gains, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found.test_scores, whole.test_scores, rtol=1e-4, atol=1e-4)


def test_wrong_labels_leave_the_scores_finite():
    codes, factors = rows(4)
    targets = one_hot(factors[:, 0]).double()
    targets[::50] = targets[::50].roll(1, 1)
    found = boost(codes, codes, targets, [slice(0, 3)], [True], rounds=300, rate=1.0)
    assert found.train_scores.isfinite().all()
    assert found.gains.isfinite().all()


@pytest.mark.parametrize("change", [{"rounds": 0}, {"rate": 0.0}, {"depth": 4}, {"bins": 1}])
def test_options_out_of_range_are_refused(change):
    codes, factors = rows()
    options = {"rounds": 1, "rate": 0.1} | change
    with pytest.raises(ValueError, match="rounds >= 1"):
        boost(codes, codes, one_hot(factors[:, 0]).double(), [slice(0, 3)], [True], **options)


@pytest.mark.parametrize("penalty", [0.0, 0.05])
def test_linear_fits_are_those_of_scikit_learn(penalty):
    codes, factors = rows(5)
    columns = factors.double()
    found = fit_linear(codes[:400], codes[400:], columns[:400], penalty)
    unit = (codes - codes[:400].mean(0)) / codes[:400].std(0, correction=0)
    for place in range(3):
        spread = float(columns[:400, place].std(correction=0))
        known = Lasso(alpha=penalty * spread, tol=1e-12) if penalty else LinearRegression()
        known.fit(unit[:400], columns[:400, place])
        np.testing.assert_allclose(found.coefficients[:, place], known.coef_, atol=1e-7)
        np.testing.assert_allclose(
            found.test_answers[:, place], known.predict(unit[400:]), atol=1e-6
        )


@pytest.mark.parametrize("penalty", [0.0, 0.05])
def test_copies_share_coefficients_and_constants_have_none(penalty):
    codes, factors = rows(6)
    more = torch.cat([codes, codes[:, :1], torch.full_like(codes[:, :1], 0.1)], 1)
    found = fit_linear(more, more, factors.double(), penalty).coefficients
    plain = fit_linear(codes, codes, factors.double(), penalty).coefficients
    np.testing.assert_allclose(found[0], plain[0] / 2, atol=1e-6)
    np.testing.assert_allclose(found[4], found[0], atol=1e-6)
    np.testing.assert_array_equal(found[5], 0)


def test_a_negative_penalty_is_refused():
    with pytest.raises(ValueError, match="penalty"):
        fit_linear(*rows()[:1], *rows()[:1], torch.zeros(500, 1), -1.0)


def test_logistic_importances_are_those_of_scikit_learn():
    codes, factors = rows(7)
    targets = probe_targets(factors[:400], factors[400:])
    found = logistic_probe(codes[:400], codes[400:], targets, 0)
    unit = (codes - codes[:400].mean(0)) / codes[:400].std(0, correction=0)
    for place, group in enumerate(targets.groups[:2]):  # scikit-learn halves two classes
        known = LogisticRegression(tol=1e-10, max_iter=10_000)
        known.fit(unit[:400], factors[:400, place])
        strengths = np.abs(known.coef_).sum(0)
        np.testing.assert_allclose(
            found.importances[:, place], strengths / strengths.sum(), atol=1e-4
        )
        np.testing.assert_array_equal(found.test[:, group].argmax(1), known.predict(unit[400:]))
