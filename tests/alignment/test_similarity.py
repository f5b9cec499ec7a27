"""Alike sets of codes, against brute force, scipy, scikit-learn and the explicit kernels."""

from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import procrustes
from scipy.stats import spearmanr
from sklearn.linear_model import LinearRegression

from vaescope.alignment import (
    centred_kernel_alignment,
    correlation_match,
    linear_alignment,
    matched_correlation,
    orthogonal_alignment,
    pairwise,
)

SCORES = [
    matched_correlation,
    linear_alignment,
    orthogonal_alignment,
    centred_kernel_alignment,
]
SYMMETRIC = [matched_correlation, orthogonal_alignment, centred_kernel_alignment]

seeds = st.integers(0, 10**6)


def normal(seed, *shape):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def mixed(seed, rows=60, dims=(3, 4)):
    """Two sets with something in common."""
    common = normal(seed, rows, 2)
    return tuple(
        common @ normal(seed + i + 1, 2, d) + 0.7 * normal(seed + i + 3, rows, d)
        for i, d in enumerate(dims)
    )


def rotation(seed, dim):
    return torch.linalg.qr(normal(seed, dim, dim)).Q


@pytest.mark.parametrize("dims", [(1, 1), (2, 3), (3, 2), (4, 4)])
@pytest.mark.parametrize("rank", [False, True])
def test_match_is_the_best_of_all(dims, rank):
    a, b = mixed(sum(dims), dims=dims)
    if rank:
        table = np.array([[spearmanr(x, y)[0] for y in b.mT] for x in a.mT])
    else:
        table = np.corrcoef(a.mT, b.mT)[: dims[0], dims[0] :]
    table = np.abs(table if dims[0] <= dims[1] else table.T)
    pairs = len(table)
    options = permutations(range(table.shape[1]), pairs)
    best = max(sum(table[i, p[i]] for i in range(pairs)) / pairs for p in options)
    assert matched_correlation(a, b, rank=rank) == pytest.approx(best)


def test_match_tells_the_pairs():
    a = normal(0, 50, 4)
    order = torch.tensor([2, 0, 3])
    left, right, strength = correlation_match(a, a[:, order] * torch.tensor([-1.0, 5.0, 0.1]))
    assert left.tolist() == [0, 2, 3]
    assert right.tolist() == [1, 0, 2]
    torch.testing.assert_close(strength, torch.ones(3).double())


def test_ranks_of_ties_are_those_of_scipy():
    a = torch.tensor([[1.0], [2.0], [2.0], [0.0], [2.0], [5.0]])
    b = torch.tensor([[1.0], [1.0], [3.0], [0.0], [4.0], [4.0]])
    expected = abs(spearmanr(a[:, 0], b[:, 0])[0])
    assert matched_correlation(a, b, rank=True) == pytest.approx(expected)


@settings(deadline=None, max_examples=20)
@given(seed=seeds)
def test_mcc_ignores_order_sign_scale_and_shift(seed):
    a, b = mixed(seed)
    changed = 3 - a[:, [2, 0, 1]] * torch.tensor([1e-3, -4.0, 1e3])
    expected = matched_correlation(a, b)
    assert 0 <= expected <= 1
    assert matched_correlation(changed, b) == pytest.approx(expected)
    assert matched_correlation(a, changed) == pytest.approx(1)


def test_only_ranks_ignore_monotone_maps():
    a = normal(0, 200, 3)
    bent = torch.stack([a[:, 1].exp(), -(a[:, 2] ** 5), a[:, 0].atan()], 1)
    assert matched_correlation(a, bent, rank=True) == pytest.approx(1)
    assert matched_correlation(a, bent) < 0.9


def test_a_constant_latent_takes_its_share_of_the_mean():
    a = normal(0, 40, 2)
    b = torch.stack([a[:, 1], torch.full((40,), 0.1).double()], 1)
    _, _, strength = correlation_match(a, b)
    assert strength.tolist() == pytest.approx([0.0, 1.0])
    assert matched_correlation(a, b, rank=True) == pytest.approx(0.5)


def test_linear_alignment_is_the_regression_of_scikit_learn():
    a, b = mixed(3)
    model = LinearRegression().fit(a.numpy(), b.numpy())
    expected = model.score(a.numpy(), b.numpy())
    weighted = 1 - (
        np.square(b.numpy() - model.predict(a.numpy())).sum()
        / (b - b.mean(0)).square().sum().item()
    )
    assert linear_alignment(a, b) == pytest.approx(weighted)
    unit = (b - b.mean(0)) / b.std(0)
    assert linear_alignment(a, unit) == pytest.approx(expected)


@settings(deadline=None, max_examples=20)
@given(seed=seeds)
def test_linear_alignment_ignores_affine_maps_of_the_first(seed):
    a, b = mixed(seed)
    changed = a @ (rotation(seed, 3) * torch.tensor([1e-4, 1.0, 1e3])) @ rotation(seed + 1, 3) + 5
    expected = linear_alignment(a, b)
    assert linear_alignment(changed, b) == pytest.approx(expected)
    assert linear_alignment(a, 1e4 * b @ rotation(seed, 4) - 1) == pytest.approx(expected)
    assert linear_alignment(changed, a) == pytest.approx(1)


def test_linear_alignment_of_dependent_latents():
    a, b = mixed(5)
    more = torch.cat([a, a @ normal(6, 3, 3), torch.ones(60, 1)], 1)
    assert linear_alignment(more, b) == pytest.approx(linear_alignment(a, b))


def test_linear_alignment_has_a_direction():
    a = normal(0, 100, 4)
    assert linear_alignment(a, a[:, :2]) == pytest.approx(1)
    assert linear_alignment(a[:, :2], a) < 0.8


def test_linear_alignment_of_unrelated_codes_is_overfit():
    found = [linear_alignment(normal(s, 41, 4), normal(s + 1000, 41, 3)) for s in range(200)]
    assert np.mean(found) == pytest.approx(4 / 40, abs=0.01)


def test_orthogonal_alignment_is_one_minus_scipys_disparity():
    a, b = mixed(7)
    padded = torch.cat([a, torch.zeros(60, 1)], 1)
    disparity = procrustes(padded.numpy(), b.numpy())[2]
    assert orthogonal_alignment(a, b) == pytest.approx(1 - disparity)
    assert orthogonal_alignment(padded, b) == pytest.approx(1 - disparity)


@pytest.mark.parametrize("score", [orthogonal_alignment, centred_kernel_alignment])
@settings(deadline=None, max_examples=20)
@given(seed=seeds)
def test_rotation_scale_and_shift_are_ignored_but_stretch_is_not(score, seed):
    a, b = mixed(seed)
    expected = score(a, b)
    assert 0 <= expected <= 1
    changed = 1e-3 * a @ rotation(seed, 3) + 7
    assert score(changed, b) == pytest.approx(expected)
    assert score(changed, a) == pytest.approx(1)
    assert score(normal(seed, 60, 3) * torch.tensor([9.0, 1.0, 1.0]), normal(seed, 60, 3)) < 0.95


def test_cka_is_that_of_the_kernels():
    a, b = mixed(8)
    centring = torch.eye(60).double() - 1 / 60
    first, second = (centring @ x @ x.mT @ centring for x in (a, b))
    expected = (first * second).sum() / (first.norm() * second.norm())
    assert centred_kernel_alignment(a, b) == pytest.approx(expected.item())


@pytest.mark.parametrize("score", SYMMETRIC)
def test_symmetric_scores(score):
    a, b = mixed(9)
    assert score(a, b) == pytest.approx(score(b, a))


@pytest.mark.parametrize("score", SCORES)
def test_chain_of_strength(score):
    a, b = mixed(10, rows=500)
    assert score(a, a) == pytest.approx(1)
    assert score(a, normal(99, 500, 4)) < score(a, b) < 1


def test_one_latent_each_is_the_correlation_of_all():
    a, b = mixed(11, dims=(1, 1))
    r = float(np.corrcoef(a[:, 0], b[:, 0])[0, 1])
    assert matched_correlation(a, b) == pytest.approx(abs(r))
    for score in (linear_alignment, orthogonal_alignment, centred_kernel_alignment):
        assert score(a, b) == pytest.approx(r * r)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("value", [0.0, 0.1, -1e9])
def test_constant_codes_have_nothing_in_common(score, value):
    constant = torch.full((30, 2), value)
    varied = normal(0, 30, 3)
    assert score(constant, varied) == 0
    assert score(varied, constant) == 0
    assert score(constant, constant) == 0


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_extreme_scales_neither_vanish_nor_overflow(score, scale):
    a, b = mixed(12)
    assert score(a * scale, b * scale) == pytest.approx(score(a, b))


@pytest.mark.parametrize("score", SCORES)
def test_float32_and_integers_are_taken(score):
    a = normal(0, 30, 2).float().requires_grad_()
    factors = torch.randint(5, (30, 2), generator=torch.Generator().manual_seed(0))
    assert score(a, factors) == pytest.approx(score(a.detach().double(), factors.double()))


def test_pairwise_has_both_directions():
    codes = normal(0, 3, 50, 2) @ torch.tensor([[1.0, 1.0], [0.0, 0.2]]).double()
    codes[2, :, 0] = 0
    table = pairwise(codes, linear_alignment)
    assert table.diagonal().tolist() == [1, 1, 1]
    for i, j in [(0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1)]:
        assert table[i, j].item() == linear_alignment(codes[i], codes[j])
    assert not torch.allclose(table, table.mT)
    same = pairwise(codes, matched_correlation)
    torch.testing.assert_close(same, same.mT)


def test_pairwise_of_one_set_and_of_a_constant_one():
    assert pairwise(normal(0, 1, 9, 2), matched_correlation).tolist() == [[1.0]]
    assert pairwise(torch.zeros(2, 9, 2), matched_correlation).tolist() == [[1.0, 0.0], [0.0, 1.0]]


@pytest.mark.parametrize("score", SCORES)
def test_codes_that_do_not_fit_are_refused(score):
    with pytest.raises(ValueError, match="a has 5 samples and b 6"):
        score(torch.zeros(5, 2), torch.zeros(6, 2))
    with pytest.raises(ValueError, match="at least 3"):
        score(torch.zeros(2, 2), torch.zeros(2, 2))
    with pytest.raises(ValueError, match="b has shape"):
        score(torch.zeros(5, 2), torch.zeros(5))
    with pytest.raises(ValueError, match="a has shape"):
        score(torch.zeros(5, 0), torch.zeros(5, 2))
    for bad in (torch.nan, torch.inf):
        with pytest.raises(ValueError, match="b holds NaN or infinite"):
            score(torch.zeros(5, 2), torch.full((5, 2), bad))


def test_sets_that_are_not_stacked_are_refused():
    with pytest.raises(ValueError, match=r"\[S, N, D\]"):
        pairwise(torch.zeros(5, 2), matched_correlation)
