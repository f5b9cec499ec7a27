"""Unsupervised disentanglement ranking against loops over scipy and scikit-learn."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.linear_model import Lasso

from vaescope.metrics import udr
from vaescope.metrics.unsupervised import model_ranking
from vaescope.metrics.unsupervised.model_ranking import _correlations, _lasso, _standardised
from vaescope.ranks import mean_ranks

SIMILARITIES = ["spearman", "lasso"]
BOTH = torch.arange(2)


def normal(seed, *shape):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def same_axes(seed, models=4, rows=500, dim=4):
    """The same latents in every model, in another order and with other signs."""
    generator = torch.Generator().manual_seed(seed)
    codes = normal(seed, rows, dim)
    orders = [torch.randperm(dim, generator=generator) for _ in range(models)]
    signs = torch.randint(2, (models, dim), generator=generator) * 2.0 - 1
    return torch.stack([codes[:, o] * s for o, s in zip(orders, signs, strict=True)])


def rotated(seed, models=4, rows=500, dim=4):
    codes = normal(seed, rows, dim)
    return codes @ torch.linalg.qr(normal(seed + 1, models, dim, dim)).Q


def all_informative(codes):
    return torch.ones(len(codes), codes.shape[2])


def standardised(code):
    return (code - code.mean(0)) / code.std(0)


def by_loops(codes, kl, similarity, threshold=0.01):
    """Scores of the models, pair by pair and latent by latent."""
    codes, keep = codes.numpy(), kl.numpy() > threshold
    models = len(codes)
    pairs = np.zeros((models, models))
    for a in range(models):
        for b in range(models):
            x, y = standardised(codes[a][:, keep[a]]), standardised(codes[b][:, keep[b]])
            strength = np.zeros((x.shape[1], y.shape[1]))
            for j in range(y.shape[1]):
                if similarity == "lasso":
                    fit = Lasso(alpha=0.1, tol=1e-12, max_iter=100_000).fit(x, y[:, j])
                    strength[:, j] = abs(fit.coef_)
                else:
                    strength[:, j] = [abs(spearmanr(column, y[:, j])[0]) for column in x.T]
            sides = [
                np.mean([row.max() ** 2 / row.sum() if row.sum() else 0.0 for row in side])
                for side in (strength, strength.T)
            ]
            pairs[a, b] = 0.5 * sum(sides)
    return [np.median(np.delete(pairs[:, b], b)) for b in range(models)]


def half_agreeing(seed, models, dim=4):
    """Two latents the same, two rotated, noise on all, monotone distortions."""
    codes = torch.cat([same_axes(seed, models, 300, 2), rotated(seed + 5, models, 300, dim - 2)], 2)
    return (codes + 0.3 * normal(seed + 9, models, 300, dim)).sinh()


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("models", [2, 3, 6])
def test_scores_are_those_of_the_loops(similarity, models):
    codes = half_agreeing(models, models)
    kl = torch.ones(models, 4)
    kl[0, 2] = kl[-1, 0] = kl[-1, 1] = 0.01
    found = udr(codes, kl, similarity=similarity)
    np.testing.assert_allclose(found, by_loops(codes, kl, similarity), atol=1e-8)


def test_lasso_coefficients_are_those_of_sklearn():
    codes = half_agreeing(0, 3)
    scaled = _standardised(codes)
    found = _lasso(_correlations(scaled, torch.arange(len(scaled))), torch.arange(len(scaled)), 0.1)
    for a in range(3):
        fit = Lasso(alpha=0.1, tol=1e-12, max_iter=100_000)
        for b in {0, 1, 2} - {a}:
            expected = fit.fit(scaled[a].numpy(), scaled[b].numpy()).coef_.T
            np.testing.assert_allclose(found[a, b], expected, atol=1e-7)


def test_lasso_satisfies_its_conditions_on_nearly_dependent_latents():
    first = normal(0, 400, 5)
    first[:, 1] = first[:, 0] + 0.15 * first[:, 1]
    second = first @ normal(1, 5, 5) + 0.1 * normal(2, 400, 5)
    first[:, 3] = 0.0
    correlations = _correlations(_standardised(torch.stack([first, second])), BOTH)
    weights = _lasso(correlations, BOTH, 0.1)[[0, 1], [1, 0]]
    slope = correlations[[0, 1], [1, 0]] - correlations[[0, 1], [0, 1]] @ weights
    assert bool((weights[0, 3] == 0).all())
    assert float(slope.abs().max()) <= 0.1 + 1e-8
    used = weights != 0
    torch.testing.assert_close(slope[used], 0.1 * weights[used].sign(), atol=1e-8, rtol=0)


def test_correlations_of_ranks_are_spearmans_with_ties():
    codes = torch.randint(6, (2, 80, 3), generator=torch.Generator().manual_seed(0)).double()
    found = _correlations(_standardised(mean_ranks(codes, 1)), BOTH)
    expected = spearmanr(codes[0].numpy(), codes[1].numpy())[0][:3, 3:]
    np.testing.assert_allclose(found[0, 1], expected, atol=1e-12)


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_equal_axes_agree_and_rotations_do_not(similarity):
    equal, turned = same_axes(0, rows=5000), rotated(0, rows=5000)
    high = udr(equal, all_informative(equal), similarity=similarity)
    low = udr(turned, all_informative(turned), similarity=similarity)
    assert high.min() > 0.85  # the penalty leaves 0.9 of a coefficient of 1
    assert low.max() < 0.6


def test_orthogonal_equal_axes_have_the_closed_form():
    codes = torch.linalg.qr(normal(0, 64, 3) - normal(0, 64, 3).mean(0)).Q
    twice = torch.stack([codes, -codes[:, [2, 0, 1]]])
    found = udr(twice, all_informative(twice))
    torch.testing.assert_close(found, torch.full((2,), 0.9).double())


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_independent_noise_is_near_zero(similarity):
    codes = normal(0, 4, 5000, 5)
    assert udr(codes, all_informative(codes), similarity=similarity).max() < 0.05


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 10**6), similarity=st.sampled_from(SIMILARITIES))
def test_order_sign_and_scale_of_latents_are_irrelevant(seed, similarity):
    codes = half_agreeing(seed, 3)
    expected = udr(codes, all_informative(codes), similarity=similarity)
    changed = codes.clone()
    changed[1] = changed[1][:, [2, 0, 3, 1]] * torch.tensor([-3.0, 0.1, 1.0, -1.0]) + 5
    found = udr(changed, all_informative(codes), similarity=similarity)
    torch.testing.assert_close(found, expected, atol=1e-7, rtol=0)
    assert bool(((found >= 0) & (found <= 1)).all())
    reverse = udr(codes.flip(0), all_informative(codes), similarity=similarity)
    torch.testing.assert_close(reverse.flip(0), expected, atol=1e-7, rtol=0)


def test_spearman_ignores_monotone_distortions():
    codes = half_agreeing(1, 3)
    bent = torch.stack([codes[0].exp(), codes[1].atan(), codes[2]])
    expected = udr(codes, all_informative(codes), similarity="spearman")
    torch.testing.assert_close(
        udr(bent, all_informative(codes), similarity="spearman"), expected, atol=1e-12, rtol=0
    )


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_latents_below_the_threshold_do_not_count(similarity):
    codes = same_axes(0, models=3)
    noisy = torch.cat([codes, normal(7, 3, 500, 3)], 2)
    kl = torch.tensor([[1.0, 1, 1, 1, 0.01, 0, 0]]).expand(3, 7)
    expected = udr(codes, all_informative(codes), similarity=similarity)
    torch.testing.assert_close(udr(noisy, kl, similarity=similarity), expected)
    all_of_them = udr(noisy, kl, similarity=similarity, kl_threshold=-1)
    assert bool((all_of_them < expected).all())


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_a_collapsed_model_has_zero_and_gives_zero(similarity):
    codes = same_axes(0, models=3)
    kl = all_informative(codes)
    kl[1] = 0
    found = udr(codes, kl, similarity=similarity)
    alone = udr(codes[[0, 2]], kl[[0, 2]], similarity=similarity)
    torch.testing.assert_close(found[[0, 2]], alone / 2)  # a median of two: 0 and the other
    assert found[1] == 0


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_a_constant_latent_that_counts_has_no_partner(similarity):
    codes = same_axes(0, models=2, dim=4)
    with_constant = torch.cat([codes, torch.full((2, 500, 1), 0.1)], 2)
    expected = 4 / 5 * udr(codes, all_informative(codes), similarity=similarity)
    found = udr(with_constant, all_informative(with_constant), similarity=similarity)
    torch.testing.assert_close(found, expected)


def test_a_list_of_models_is_a_stack():
    codes = half_agreeing(2, 3).float()
    kl = all_informative(codes)
    torch.testing.assert_close(udr(list(codes), kl), udr(codes, kl))


@pytest.mark.parametrize(
    ("codes", "kl", "message"),
    [
        (torch.zeros(1, 5, 2), torch.ones(1, 2), "codes of 1 models"),
        ([], torch.ones(0, 2), "codes of 0 models"),
        ([torch.zeros(5, 2), torch.zeros(5, 3)], torch.ones(2, 2), "one .N, D. for all"),
        (torch.zeros(2, 5), torch.ones(2, 5), r"\[S, N, D\]"),
        (torch.full((2, 5, 2), torch.nan), torch.ones(2, 2), "codes hold NaN"),
        (torch.zeros(2, 5, 2), torch.ones(2, 5), r"kl has shape \(2, 5\)"),
        (torch.zeros(2, 5, 2), torch.full((2, 2), torch.nan), "kl holds NaN"),
    ],
)
def test_what_cannot_be_ranked_is_refused(codes, kl, message):
    with pytest.raises(ValueError, match=message):
        udr(codes, kl)


def test_an_unknown_similarity_is_refused():
    with pytest.raises(ValueError, match="'lasso' or 'spearman'"):
        udr(torch.zeros(2, 5, 2), torch.ones(2, 2), similarity="pearson")


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_strengths_are_held_for_a_few_models_at_a_time(similarity, monkeypatch):
    codes, sizes = half_agreeing(0, 5), []
    expected = udr(codes, all_informative(codes), similarity=similarity)
    scores = model_ranking._pair_scores

    def watched(strengths, *given):
        sizes.append(len(strengths))
        return scores(strengths, *given)

    monkeypatch.setattr(model_ranking, "_pair_scores", watched)
    monkeypatch.setattr(model_ranking, "_MOST_STRENGTHS", 2 * 5 * codes.shape[2] ** 2)
    found = udr(codes, all_informative(codes), similarity=similarity)
    assert sizes == [2, 2, 1]
    torch.testing.assert_close(found, expected, atol=1e-9, rtol=0)
