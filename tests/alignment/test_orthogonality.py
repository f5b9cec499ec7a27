"""Distance to orthogonality, against brute force and the values of random rotations."""

import math
from itertools import permutations, product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vaescope.alignment import (
    distance_to_orthogonality,
    haar_chance,
    nearest_signed_permutation,
    orthogonality,
    right_singular_vectors,
)

# Mean and standard deviation over rotations of scipy.stats.ortho_group, to two decimals.
HAAR = {
    2: (0.55, 0.31),
    3: (0.98, 0.26),
    4: (1.32, 0.22),
    5: (1.63, 0.19),
    6: (1.92, 0.17),
    10: (2.85, 0.12),
    32: (6.19, 0.05),
}

seeds = st.integers(0, 10**6)


def normal(seed, *shape):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def rotations(seed, count, dim):
    return torch.linalg.qr(normal(seed, count, dim, dim)).Q


def gram_of(jacobian):
    return jacobian.mT @ jacobian


def all_signed_permutations(dim):
    eye = torch.eye(dim, dtype=torch.float64)
    signs = [torch.tensor(s, dtype=torch.float64) for s in product([-1, 1], repeat=dim)]
    return torch.stack([s[:, None] * eye[list(p)] for p in permutations(range(dim)) for s in signs])


@pytest.mark.parametrize("dim", [1, 2, 3, 4])
def test_nearest_is_the_best_of_all_in_both_norms(dim):
    candidates = all_signed_permutations(dim)
    vectors = rotations(dim, 25, dim)
    differences = vectors[:, None] - candidates
    by_l1 = differences.abs().sum((-2, -1)).argmin(1)
    torch.testing.assert_close(nearest_signed_permutation(vectors), candidates[by_l1])
    by_frobenius = differences.square().sum((-2, -1)).min(1).values.sqrt()
    torch.testing.assert_close(distance_to_orthogonality(vectors), by_frobenius)


@settings(deadline=None, max_examples=25)
@given(seed=seeds, dim=st.integers(1, 7))
def test_distance_has_the_closed_form(seed, dim):
    vectors = rotations(seed, 3, dim)
    nearest = nearest_signed_permutation(vectors)
    assigned = (vectors * nearest).sum((1, 2))
    torch.testing.assert_close(
        distance_to_orthogonality(vectors),
        (2 * dim - 2 * assigned).clamp(min=0).sqrt(),
        atol=1e-7,
        rtol=0,
    )
    torch.testing.assert_close(nearest @ nearest.mT, torch.eye(dim).double().expand(3, dim, dim))


@settings(deadline=None, max_examples=25)
@given(seed=seeds)
def test_order_and_sign_of_latents_and_axes_are_irrelevant(seed):
    generator = torch.Generator().manual_seed(seed)
    vectors = rotations(seed, 4, 5)
    order = torch.randperm(5, generator=generator)
    signs = torch.randint(2, (5,), generator=generator) * 2.0 - 1
    expected = distance_to_orthogonality(vectors)
    torch.testing.assert_close(distance_to_orthogonality(vectors[:, :, order] * signs), expected)
    torch.testing.assert_close(distance_to_orthogonality((vectors * signs).mT[:, order]), expected)


@settings(deadline=None, max_examples=25)
@given(seed=seeds, scale=st.sampled_from([1e-4, 1.0, 1e4]))
def test_latents_of_a_decoder_may_be_permuted_flipped_and_scaled_together(seed, scale):
    jacobian = normal(seed, 2, 9, 4)
    expected = distance_to_orthogonality(right_singular_vectors(gram_of(jacobian))[0])
    changed = scale * jacobian[:, :, [2, 0, 3, 1]] * torch.tensor([1, -1, -1, 1])
    found = distance_to_orthogonality(right_singular_vectors(gram_of(changed))[0])
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def test_orthogonal_columns_have_distance_zero():
    columns = rotations(0, 5, 6)[:, :, :4] * torch.tensor([0.5, 4.0, 1.0, 2.0])
    vectors, values = right_singular_vectors(gram_of(columns))
    assert distance_to_orthogonality(vectors).max() < 1e-12
    torch.testing.assert_close(values, torch.tensor([4.0, 2.0, 1.0, 0.5]).double().expand(5, 4))


def test_a_rotation_by_45_degrees_is_as_far_as_two_latents_get():
    half = torch.tensor(0.5).double().sqrt()
    vectors = torch.stack([torch.stack([half, -half]), torch.stack([half, half])])[None]
    expected = (4 - 4 * half).sqrt()
    assert distance_to_orthogonality(vectors).item() == pytest.approx(expected.item())
    assert distance_to_orthogonality(rotations(1, 500, 2)).max() <= expected


def test_singular_vectors_are_those_of_the_svd():
    jacobian = normal(0, 20, 30, 6) * torch.tensor([3.0, 0.1, 1.0, 1e-3, 10.0, 1.0])
    vectors, values = right_singular_vectors(gram_of(jacobian))
    _, expected_values, expected = torch.linalg.svd(jacobian, full_matrices=False)
    torch.testing.assert_close(values, expected_values, rtol=1e-6, atol=1e-9)
    overlap = (vectors * expected.mT).sum(1).abs()
    torch.testing.assert_close(overlap, torch.ones_like(overlap))


def test_an_ignored_latent_is_an_axis_of_its_own():
    columns = rotations(2, 3, 4) * torch.tensor([3.0, 0.0, 2.0, 1.0])
    vectors, values = right_singular_vectors(gram_of(columns))
    assert distance_to_orthogonality(vectors).max() < 1e-7
    assert values[:, -1].max() < 1e-7


@pytest.mark.parametrize("dim", HAAR)
def test_chance_is_that_of_random_rotations(dim):
    mean, spread = HAAR[dim]
    found_mean, found_spread = haar_chance(dim, num_samples=2000 if dim > 10 else 10_000)
    assert found_mean == pytest.approx(mean, abs=0.012)
    assert found_spread == pytest.approx(spread, abs=0.012)


def test_chance_of_two_latents_is_the_integral():
    # The angle to the nearest axis is uniform up to pi/4, and the distance 2 sqrt(2) sin(angle/2).
    exact = 16 * math.sqrt(2) / math.pi * (1 - math.cos(math.pi / 8))
    assert haar_chance(2)[0] == pytest.approx(exact, abs=0.01)


@pytest.mark.parametrize("dim", [3, 200])
def test_random_rotations_are_drawn_in_parts_and_are_the_same(dim, monkeypatch):
    draw, sizes = torch.randn, []

    def watched(shape, **options):
        sizes.append(math.prod(shape))
        return draw(shape, **options)

    whole = haar_chance.__wrapped__(dim, 40)
    monkeypatch.setattr(orthogonality, "_MOST_NUMBERS", 1)
    monkeypatch.setattr(torch, "randn", watched)
    assert haar_chance.__wrapped__(dim, 40) == pytest.approx(whole, abs=1e-12)
    assert sizes == [16 * dim**2] * 2 + [8 * dim**2]


def test_chance_of_many_latents_is_of_few_rotations():
    mean, spread = haar_chance(256)
    assert spread / 64**0.5 < 0.01 / 3  # the mean is good to 0.01
    assert mean == pytest.approx(haar_chance(256, num_samples=64, seed=1)[0], abs=0.01)


def test_chance_of_one_latent_is_zero_and_kept():
    assert haar_chance(1) == (0.0, 0.0)
    assert haar_chance(1) is haar_chance(1)


@pytest.mark.parametrize("shape", [(3, 3), (2, 3, 4), (2, 0, 0)])
def test_matrices_that_are_not_square_are_refused(shape):
    with pytest.raises(ValueError, match=r"\[N, D, D\]"):
        distance_to_orthogonality(torch.zeros(shape))


def test_values_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="NaN or infinite"):
        right_singular_vectors(torch.full((1, 2, 2), torch.nan))


def test_no_latent_has_no_chance():
    with pytest.raises(ValueError, match="dim = 0"):
        haar_chance(0)
