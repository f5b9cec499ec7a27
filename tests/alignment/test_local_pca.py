"""Local and global principal axes, against brute force, scikit-learn and known data."""

from itertools import permutations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from vaescope.alignment import (
    axis_cosines,
    local_axis_cosines,
    pca_correlations,
    rotated_axis_cosines,
)
from vaescope.alignment import pca_agreement as local_pca_module

seeds = st.integers(0, 10**6)


def normal(seed, *shape):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def orthogonal(seed, rows, columns):
    return torch.linalg.qr(normal(seed, rows, columns)).Q


def test_blocks_change_no_global_axes(monkeypatch):
    data, points = normal(0, 50, 12), normal(1, 9, 12)
    correlations = pca_correlations(points[:, :3], points)
    narrow = pca_correlations(data[:, :3], data)
    for size in (7, 1):
        monkeypatch.setattr(local_pca_module, "_BLOCK", size)
        torch.testing.assert_close(pca_correlations(points[:, :3], points), correlations)
        torch.testing.assert_close(pca_correlations(data[:, :3], data), narrow)


def test_images_of_bytes_are_data():
    images = torch.randint(256, (30, 20), generator=torch.Generator().manual_seed(0)).byte()
    torch.testing.assert_close(
        pca_correlations(images[:, :2].float(), images),
        pca_correlations(images[:, :2].float(), images.double()),
    )


@settings(deadline=None, max_examples=25)
@given(seed=seeds, dim=st.integers(1, 5), count=st.integers(1, 5))
def test_cosines_are_those_of_single_matrices(seed, dim, count):
    jacobian, axes = normal(seed, 3, 8, dim), torch.linalg.qr(normal(seed + 1, 3, 8, count)).Q
    expected = [axis_cosines(j, a).mean() for j, a in zip(jacobian, axes, strict=True)]
    found = local_axis_cosines(jacobian, axes)
    torch.testing.assert_close(found, torch.stack(expected))
    changed = jacobian.flip(2) * torch.tensor([1e-6, -1.0, 3.0, 1e6, 0.1])[:dim]
    torch.testing.assert_close(local_axis_cosines(changed, axes), found)


def test_the_right_axes_have_cosine_one_and_ignored_latents_none():
    axes = torch.linalg.qr(normal(0, 4, 9, 3)).Q
    aligned = axes[:, :, [2, 0, 1]] * torch.tensor([-2.0, 0.1, 30.0])
    torch.testing.assert_close(local_axis_cosines(aligned, axes), torch.ones(4).double())
    aligned[:, :, 0] = 0
    torch.testing.assert_close(local_axis_cosines(aligned, axes), torch.full((4,), 2 / 3).double())
    assert local_axis_cosines(torch.zeros(1, 9, 2), axes[:1]).tolist() == [0]


def test_a_rotation_by_45_degrees_halves_the_squares():
    axes = torch.eye(5, 2).double()[None]
    turned = axes @ torch.tensor([[1.0, -1.0], [1.0, 1.0]]).double()
    assert local_axis_cosines(turned, axes).item() == pytest.approx(0.5**0.5)


def test_chance_is_that_of_rotated_decoders():
    jacobian, axes = normal(0, 3, 8, 4), torch.linalg.qr(normal(1, 3, 8, 3)).Q
    rotations = torch.linalg.qr(normal(5, 2000, 4, 4)).Q
    each = torch.stack([local_axis_cosines(jacobian @ r, axes) for r in rotations])
    found = rotated_axis_cosines(jacobian, axes, num_rotations=2000, seed=6)
    error = each.std(0) / 2000**0.5
    assert bool(((found - each.mean(0)).abs() < 5 * error).all())
    same = rotated_axis_cosines(jacobian[:1].expand(2, -1, -1), axes[:1].expand(2, -1, -1))
    assert same[0] != same[1]  # each sample has rotations of its own


def test_chance_of_two_equal_columns_is_the_integral():
    # The angle to the nearest axis is uniform up to pi/4; the mean of its cosine is 2 sqrt(2) / pi.
    axes = torch.eye(4, 2).double()[None]
    found = rotated_axis_cosines(3 * axes, axes, num_rotations=4000)
    assert found.item() == pytest.approx(8**0.5 / torch.pi, abs=0.005)
    assert rotated_axis_cosines(axes[:, :, :1], axes).item() == 1  # one latent has no rotations
    assert rotated_axis_cosines(0 * axes, axes).item() == 0


@pytest.mark.parametrize("shape", [(60, 5), (60, 20), (15, 40)])
@pytest.mark.parametrize("dim", [2, 4])
def test_correlations_are_the_best_of_all_matches(shape, dim):
    data = normal(0, *shape) * torch.linspace(1, 3, shape[1]) + 10
    codes = normal(1, shape[0], dim) + data[:, :dim]
    scores = torch.from_numpy(PCA(dim, svd_solver="full").fit_transform(data.numpy()))
    pairs = torch.corrcoef(torch.cat([scores, codes], 1).T)[:dim, dim:].abs()
    best = max(permutations(range(dim)), key=lambda p: pairs[range(dim), p].sum())
    torch.testing.assert_close(pca_correlations(codes, data), pairs[range(dim), best])


def test_latents_that_are_components_correlate_perfectly():
    drawn = normal(0, 40, 4)
    scores = torch.linalg.qr(drawn - drawn.mean(0)).Q * torch.tensor([5.0, 3.0, 2.0, 1.0])
    data = 3 + scores @ orthogonal(2, 30, 4).T
    codes = 1 - scores[:, [2, 0, 3, 1]] * torch.tensor([1.0, -7.0, 0.1, 2.0])
    torch.testing.assert_close(pca_correlations(codes, data), torch.ones(4).double())
    # Two more latents than components; a constant one correlates with nothing.
    more = torch.cat([normal(3, 40, 1), codes, torch.full((40, 1), 0.1)], 1)
    torch.testing.assert_close(pca_correlations(more, data), torch.ones(4).double())
    codes[:, 1] = 0.1
    torch.testing.assert_close(pca_correlations(codes, data), torch.tensor([0.0, 1, 1, 1]).double())
    turned = scores[:, :2] / torch.tensor([5.0, 3.0]) @ torch.tensor([[1.0, 1], [1, -1]]).double()
    torch.testing.assert_close(pca_correlations(turned, data), torch.full((2,), 0.5**0.5).double())


def test_arguments_that_cannot_be_right_are_refused():
    data, axes = normal(0, 10, 5), torch.eye(5)[None, :, :2]
    with pytest.raises(ValueError, match="10 codes and 9 observations"):
        pca_correlations(data, data[:9])
    with pytest.raises(ValueError, match="at least 2 rows"):
        pca_correlations(data[:1], data[:1])
    with pytest.raises(ValueError, match=r"\[N, X, K\]"):
        local_axis_cosines(axes[:, :4], axes)
    with pytest.raises(ValueError, match="jacobian has shape"):
        local_axis_cosines(axes[0], axes)
    with pytest.raises(ValueError, match="axes hold NaN"):
        local_axis_cosines(axes, axes * torch.nan)
    with pytest.raises(ValueError, match="num_rotations = 0"):
        rotated_axis_cosines(axes, axes, num_rotations=0)
