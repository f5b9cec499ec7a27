"""Intrinsic dimension against known clouds and brute force, and the search for latents."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors

from vaescope.alignment import fondue, intrinsic_dimension, mle_dimension, two_nn_dimension

ESTIMATORS = [mle_dimension, two_nn_dimension]


def cube(dim, rows=2000, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(rows, dim, generator=generator, dtype=torch.float64)


def frame(width, dim, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn(width, dim, generator=generator, dtype=torch.float64)).Q


def distances(points, count):
    """Of each point to its nearest neighbours, itself left out, by scikit-learn."""
    model = NearestNeighbors(n_neighbors=count + 1, algorithm="brute").fit(points.numpy())
    return model.kneighbors(points.numpy())[0][:, 1:]


@pytest.mark.parametrize("dim", [1, 2, 3, 5])
@pytest.mark.parametrize("width", [0, 20])
def test_cubes_have_their_dimension(dim, width):
    points = cube(dim)
    if width:
        points = points @ frame(width, dim).mT + 3
    assert mle_dimension(points, neighbours=5 if dim == 5 else 20) == pytest.approx(dim, rel=0.1)
    assert two_nn_dimension(points) == pytest.approx(dim, rel=0.1)


@pytest.mark.parametrize("estimate", ESTIMATORS)
def test_curves_and_surfaces_have_that_of_their_coordinates(estimate):
    angle, height = 2 * math.pi * cube(2).T
    circle = torch.stack([angle.cos(), angle.sin(), (2 * angle).cos()], 1)
    assert estimate(circle) == pytest.approx(1, rel=0.1)
    torus = torch.stack([angle.cos(), angle.sin(), height.cos(), height.sin()], 1)
    assert estimate(torus) == pytest.approx(2, rel=0.1)


def test_passive_latents_raise_the_dimension_of_samples_only():
    mean = torch.cat([cube(2, rows=1000), torch.zeros(1000, 2)], 1)
    noise = torch.cat([torch.zeros(1000, 2), cube(2, rows=1000, seed=5)], 1)
    assert mle_dimension(mean + noise) - mle_dimension(mean) == pytest.approx(2, abs=0.4)


@pytest.mark.parametrize("neighbours", [2, 5, 20])
def test_mle_is_that_of_brute_force(neighbours):
    points = cube(3, rows=150)
    far = distances(points, neighbours)
    inverses = np.log(far[:, -1:] / far[:, :-1]).mean(1)
    expected = 1 / inverses.mean()
    assert mle_dimension(points, neighbours=neighbours) == pytest.approx(expected)


@pytest.mark.parametrize("discard", [0.0, 0.1, 0.5])
def test_two_nn_is_that_of_brute_force(discard):
    points = cube(3, rows=150)
    near, next_near = distances(points, 2).T
    logs = np.log(np.sort(next_near / near))
    shares = np.arange(1, 151) / 150
    kept = slice(min(149, round(150 * (1 - discard))))
    heights = -np.log(1 - shares[kept])
    expected = np.linalg.lstsq(logs[kept, None], heights, rcond=None)[0][0]
    assert two_nn_dimension(points, discard=discard) == pytest.approx(expected)


@pytest.mark.parametrize("estimate", ESTIMATORS)
def test_chunks_change_nothing(estimate, monkeypatch):
    points = cube(3, rows=101)
    expected = estimate(points)
    monkeypatch.setattr(intrinsic_dimension, "_CHUNK_ENTRIES", 1000)
    assert estimate(points) == pytest.approx(expected)


@pytest.mark.parametrize("estimate", ESTIMATORS)
@pytest.mark.parametrize("scale", [1e-160, 1e-6, 1e6, 1e200])
def test_scale_shift_rotation_and_order_are_ignored(estimate, scale):
    points = cube(3, rows=200)
    changed = scale * (points.flip(0) @ frame(3, 3) + 2)
    assert estimate(changed) == pytest.approx(estimate(points), rel=1e-6)


@pytest.mark.parametrize("estimate", ESTIMATORS)
def test_points_far_from_the_origin_keep_their_distances(estimate):
    points = (cube(2, rows=200) * 2**20).round() / 2**20
    assert estimate(points + 2**20) == pytest.approx(estimate(points))


@pytest.mark.parametrize("estimate", ESTIMATORS)
def test_duplicates_count_once(estimate):
    points = cube(2, rows=300)
    more = torch.cat([points, points[:200], points[:50]])
    assert estimate(more) == pytest.approx(estimate(points))
    zeros = torch.cat([points - points[0], torch.zeros(2, 2), -torch.zeros(2, 2)])
    assert estimate(zeros) == pytest.approx(estimate(points))


@pytest.mark.parametrize("estimate", ESTIMATORS)
def test_equal_points_have_dimension_zero(estimate):
    assert estimate(torch.full((50, 3), 0.1)) == 0
    assert estimate(torch.ones(1, 3)) == 0


@pytest.mark.parametrize("estimate", ESTIMATORS)
def test_corners_of_a_simplex_are_infinite_dimensional(estimate):
    assert estimate(torch.eye(32)) == math.inf


@pytest.mark.parametrize("estimate", ESTIMATORS)
def test_images_are_flattened(estimate):
    images = cube(12, rows=60).reshape(60, 3, 2, 2)
    assert estimate(images) == estimate(images.flatten(1))
    assert estimate((255 * images).to(torch.uint8)) > 0


@pytest.mark.parametrize("estimate", ESTIMATORS)
def test_clouds_that_cannot_be_measured_are_refused(estimate):
    with pytest.raises(ValueError, match=r"\[N, X\]"):
        estimate(torch.zeros(50))
    with pytest.raises(ValueError, match=r"\[N, X\]"):
        estimate(torch.zeros(50, 0))
    with pytest.raises(ValueError, match="NaN or infinite"):
        estimate(torch.full((50, 2), torch.nan))
    with pytest.raises(ValueError, match="2 distinct points given"):
        estimate(torch.tensor([[0.0], [1.0]]).repeat(30, 1))


def test_settings_out_of_range_are_refused():
    with pytest.raises(ValueError, match="neighbours = 1"):
        mle_dimension(cube(2), neighbours=1)
    for discard in (-0.1, 1.0):
        with pytest.raises(ValueError, match="discard"):
            two_nn_dimension(cube(2), discard=discard)


@pytest.mark.parametrize("max_dim", [1, 2, 7, 40])
def test_search_finds_every_boundary_from_every_start(max_dim):
    for boundary in range(max_dim + 1):
        for start in range(max_dim + 3):
            asked = []

            def gap(dim, boundary=boundary, asked=asked):
                asked.append(dim)
                return float(dim - boundary)

            assert fondue(gap, start, threshold=0.0, max_dim=max_dim) == boundary
            assert len(asked) == len(set(asked))
            assert all(1 <= dim <= max_dim for dim in asked)


@settings(deadline=None, max_examples=50)
@given(boundary=st.integers(0, 1500), start=st.floats(0, 2000))
def test_search_asks_for_a_logarithm_of_models(boundary, start):
    asked = []

    def gap(dim):
        asked.append(dim)
        return 0.5 if dim <= boundary else 3.0

    assert fondue(gap, start, threshold=1.0) == min(boundary, 1024)
    assert len(asked) == len(set(asked)) <= 2 * math.log2(1024) + 1


def test_search_doubles_then_bisects():
    asked = []

    def gap(dim):
        asked.append(dim)
        return 0.0 if dim <= 13 else 1.0

    assert fondue(gap, 3.4, threshold=0.5) == 13
    assert asked == [3, 6, 12, 24, 18, 15, 13, 14]


def test_the_threshold_itself_passes_and_infinite_gaps_do_not():
    assert fondue(lambda dim: 0.1 * dim, 5, threshold=0.1 * 9) == 9
    assert fondue(lambda dim: math.inf, 5, threshold=1e9) == 0
    assert fondue(lambda dim: -math.inf, 5, threshold=0, max_dim=17) == 17


@pytest.mark.parametrize("dimension", [math.nan, math.inf, -1.0])
def test_impossible_data_are_refused(dimension):
    with pytest.raises(ValueError, match="data_dimension"):
        fondue(lambda dim: 0.0, dimension, threshold=1)


def test_searches_without_a_range_or_a_gap_are_refused():
    with pytest.raises(ValueError, match="max_dim = 0"):
        fondue(lambda dim: 0.0, 3, threshold=1, max_dim=0)
    with pytest.raises(ValueError, match="threshold = nan"):
        fondue(lambda dim: 0.0, 3, threshold=math.nan)
    with pytest.raises(ValueError, match=r"dimension_gap\(3\) is NaN"):
        fondue(lambda dim: math.nan, 3, threshold=1)
