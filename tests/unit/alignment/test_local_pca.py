"""Local and global principal axes, against brute force, scikit-learn and known data."""

from itertools import permutations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from vaescope.alignment import (
    axis_cosines,
    local_axis_cosines,
    local_principal_axes,
    pca_correlations,
    rotated_axis_cosines,
)
from vaescope.alignment import local_pca as local_pca_module

seeds = st.integers(0, 10**6)


def normal(seed, *shape):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def orthogonal(seed, rows, columns):
    return torch.linalg.qr(normal(seed, rows, columns)).Q


@pytest.mark.parametrize("width", [3, 8, 9, 40])
@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_axes_are_those_of_scikit_learn(width, offset):
    data = normal(width, 60, width) * torch.linspace(1, 3, width) + offset
    points = data[:5] + 0.1
    axes, variances = local_principal_axes(data, points, neighbours=9, num_axes=3)
    assert axes.shape == (5, width, 3)
    nearest = NearestNeighbors(n_neighbors=9).fit(data.numpy())
    for index, point in enumerate(nearest.kneighbors(points.numpy())[1]):
        pca = PCA(3, svd_solver="full").fit(data[point].numpy())
        torch.testing.assert_close(variances[index], torch.from_numpy(pca.explained_variance_))
        overlap = (axes[index] * torch.from_numpy(pca.components_.T)).sum(0).abs()
        torch.testing.assert_close(overlap, torch.ones(3).double())


@pytest.mark.parametrize("size", [(1, 7), (10_000, 1)])
def test_chunks_and_blocks_change_nothing(monkeypatch, size):
    data, points = normal(0, 50, 12), normal(1, 9, 12)
    expected = local_principal_axes(data, points, neighbours=6, num_axes=2)
    correlations = pca_correlations(points[:, :3], points)
    narrow = pca_correlations(data[:, :3], data)
    monkeypatch.setattr(local_pca_module, "_CHUNK_BYTES", size[0])
    monkeypatch.setattr(local_pca_module, "_BLOCK", size[1])
    found = local_principal_axes(data, points, neighbours=6, num_axes=2)
    torch.testing.assert_close(found[1], expected[1])
    torch.testing.assert_close((found[0] * expected[0]).sum(1).abs(), torch.ones(9, 2).double())
    torch.testing.assert_close(pca_correlations(points[:, :3], points), correlations)
    torch.testing.assert_close(pca_correlations(data[:, :3], data), narrow)


def test_axes_of_a_plane_are_those_it_was_made_of():
    # A grid around every point: equal steps along two axes, more of them along the first.
    known = orthogonal(0, 50, 2)
    steps = torch.cartesian_prod(torch.arange(-2.0, 3.0), torch.arange(-1.0, 2.0)).double()
    data = 7 + steps @ known.T
    axes, variances = local_principal_axes(data, data[7:8], neighbours=15, num_axes=3)
    torch.testing.assert_close((axes[0, :, :2] * known).sum(0).abs(), torch.ones(2).double())
    torch.testing.assert_close(variances[0], torch.tensor([30.0, 10.0, 0.0]).double() / 14)
    assert axes[0, :, 2].abs().max() == 0


def test_axes_of_a_circle_are_tangent():
    angles = torch.linspace(0, 2 * torch.pi, 401).double()[:-1]
    data = torch.stack([angles.cos(), angles.sin()], 1)
    axes, _ = local_principal_axes(data, data, neighbours=5, num_axes=1)
    tangents = torch.stack([-angles.sin(), angles.cos()], 1)
    torch.testing.assert_close((axes[:, :, 0] * tangents).sum(1).abs(), torch.ones(400).double())


def test_axes_turn_with_the_data():
    data, turn = normal(2, 40, 6), orthogonal(3, 6, 6)
    axes, variances = local_principal_axes(data, data[:4], neighbours=10, num_axes=3)
    turned, same = local_principal_axes(data @ turn, data[:4] @ turn, neighbours=10, num_axes=3)
    torch.testing.assert_close(variances, same)
    torch.testing.assert_close((turned * (turn.T @ axes)).sum(1).abs(), torch.ones(4, 3).double())


@pytest.mark.parametrize("width", [2, 30])
@pytest.mark.parametrize("value", [0.0, 0.1, 1e8 / 3])
def test_neighbours_all_alike_have_no_axes(width, value):
    data = torch.full((9, width), value, dtype=torch.float64)
    axes, variances = local_principal_axes(data, data[:2], neighbours=7, num_axes=2)
    assert axes.abs().max() == 0
    assert variances.abs().max() == 0
    assert pca_correlations(normal(0, 9, 3), data).tolist() == []


def test_images_of_bytes_are_data():
    images = torch.randint(256, (30, 20), generator=torch.Generator().manual_seed(0)).byte()
    found = local_principal_axes(images, images[:3], neighbours=5, num_axes=2)
    expected = local_principal_axes(images.double(), images[:3].double(), neighbours=5, num_axes=2)
    torch.testing.assert_close(found[1], expected[1])
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
    rotations = torch.linalg.qr(normal(5, 12, 4, 4)).Q  # the same draw as with seed 5
    expected = torch.stack([local_axis_cosines(jacobian @ r, axes) for r in rotations]).mean(0)
    found = rotated_axis_cosines(jacobian, axes, num_rotations=12, seed=5)
    torch.testing.assert_close(found, expected)
    again = rotated_axis_cosines(jacobian, axes, num_rotations=12, seed=6)
    assert (found - again).abs().max() > 1e-4


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


@pytest.mark.parametrize(
    ("neighbours", "num_axes", "message"),
    [(1, 1, "neighbours = 1"), (11, 1, "neighbours = 11"), (3, 3, "num_axes = 3"), (9, 0, "= 0")],
)
def test_counts_that_do_not_fit_are_refused(neighbours, num_axes, message):
    with pytest.raises(ValueError, match=message):
        local_principal_axes(
            normal(0, 10, 5), normal(0, 2, 5), neighbours=neighbours, num_axes=num_axes
        )


def test_arguments_that_cannot_be_right_are_refused():
    data, axes = normal(0, 10, 5), torch.eye(5)[None, :, :2]
    with pytest.raises(ValueError, match="5 columns and points 4"):
        local_principal_axes(data, data[:, :4], neighbours=3, num_axes=1)
    with pytest.raises(ValueError, match="points has shape"):
        local_principal_axes(data, data[0], neighbours=3, num_axes=1)
    with pytest.raises(ValueError, match="data holds NaN"):
        local_principal_axes(data / 0, data, neighbours=3, num_axes=1)
    with pytest.raises(ValueError, match="10 codes and 9 observations"):
        pca_correlations(data, data[:9])
    with pytest.raises(ValueError, match="at least 2 rows"):
        pca_correlations(data[:1], data[:1])
    with pytest.raises(ValueError, match=r"\[N, X, K\]"):
        local_axis_cosines(axes[:, :4], axes)
    with pytest.raises(ValueError, match="jacobian has shape"):
        local_axis_cosines(axes[0], axes)
    with pytest.raises(ValueError, match="axes holds NaN"):
        local_axis_cosines(axes, axes * torch.nan)
    with pytest.raises(ValueError, match="num_rotations = 0"):
        rotated_axis_cosines(axes, axes, num_rotations=0)
