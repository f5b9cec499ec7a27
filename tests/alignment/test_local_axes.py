"""Local principal axes: of known surfaces, whatever coordinates tell what is near."""

import math

import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import NearestNeighbors

from vaescope.alignment import (
    decoder_jacobian,
    local_axes,
    local_axis_cosines,
    local_principal_axes,
    rotated_axis_cosines,
    whitening,
)


def normal(seed, *shape):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def orthogonal(seed, rows, columns):
    return torch.linalg.qr(normal(seed, rows, columns)).Q


def overlap(axes, others):
    return (axes * others).sum(-2).abs()


def ones(*shape):
    return torch.ones(shape, dtype=torch.float64)


class Polar:
    """Two latents, the logarithm of a radius and an angle: orthogonal columns, ratio 2."""

    lengths = (0.3, 0.15)

    def __call__(self, z):
        radius, angle = (self.lengths[0] * z[:, :1]).exp(), self.lengths[1] * z[:, 1:]
        return torch.cat([radius * angle.cos(), radius * angle.sin(), 0 * radius], 1)


class Round(Polar):
    """The same with columns of equal length: a conformal map."""

    lengths = (0.3, 0.3)


class Curves:
    """Each of three latents moves along a circle in a plane of its own."""

    def __call__(self, z):
        turned = z * torch.tensor([0.8, 1.0, 1.2]).to(z)
        lengths = torch.tensor([3.0, 1.2, 0.4]).to(z)
        return torch.cat([lengths * turned.sin(), lengths * turned.cos()], 1)


DECODERS = [(Polar(), 2), (Curves(), 3)]


def statistic(decode, codes, turn=None, points=40, neighbours=15):
    """Cosine and chance of a model whose latents are the codes turned: z' = U z."""
    turn = torch.eye(codes.shape[1]).double() if turn is None else turn
    data, turned = decode(codes), codes @ turn.T
    found = local_principal_axes(data, turned, turned[:points], neighbours=neighbours)
    centres = turned[found.nearest].mean(1)
    jacobian = decoder_jacobian(lambda z: decode(z @ turn), centres)
    chance = rotated_axis_cosines(jacobian @ whitening(turned), found.axes)
    return float(local_axis_cosines(jacobian, found.axes).mean()), float(chance.mean())


@pytest.mark.parametrize(("decode", "dim"), DECODERS)
def test_an_exactly_aligned_decoder_has_cosine_one(decode, dim):
    cosine, chance = statistic(decode, normal(0, 3000, dim))
    assert cosine > 0.99
    assert 0.7 < chance < 0.9


@pytest.mark.parametrize(("decode", "dim"), DECODERS)
def test_rotated_codes_are_at_chance(decode, dim):
    codes, count = normal(0, 1500, dim), 24
    found = [statistic(decode, codes, orthogonal(s, dim, dim), points=8) for s in range(count)]
    cosines, chances = torch.tensor(found).double().T
    error = float(cosines.std()) / math.sqrt(count)
    assert abs(float(cosines.mean() - chances.mean())) < 3 * error
    assert float(cosines.mean()) < 0.92
    assert error < 0.025


def test_rotated_codes_have_the_same_axes_and_neighbours():
    codes, points = normal(0, 300, 3), normal(1, 20, 3)
    data = Curves()(codes)
    expected = local_principal_axes(data, codes, points, neighbours=12)
    for change in (orthogonal(2, 3, 3), normal(3, 3, 3), torch.tensor([1e4, 1.0, 1e-4]).diag()):
        change = change.double()
        found = local_principal_axes(data, 5 + codes @ change, 5 + points @ change, neighbours=12)
        assert torch.equal(found.nearest, expected.nearest)
        torch.testing.assert_close(found.variances, expected.variances)
        torch.testing.assert_close(overlap(found.axes, expected.axes), ones(20, 3))


def test_neighbours_in_the_data_would_not_see_it():
    """The reason for coordinates: a ball in the data has no axes."""
    codes = normal(0, 3000, 2)
    data = Polar()(codes)
    nearest = NearestNeighbors(n_neighbors=15).fit(data.numpy()).kneighbors(data[:40].numpy())[1]
    axes = [torch.from_numpy(PCA(2).fit(data[i].numpy()).components_.T) for i in nearest]
    jacobian = decoder_jacobian(Polar(), codes[:40])
    assert local_axis_cosines(jacobian, torch.stack(axes)).mean() < 0.95


def test_equal_singular_values_have_no_axes_and_the_value_of_chance():
    """Aligned and rotated codes look alike."""
    codes, columns = normal(0, 2000, 2), 7 * orthogonal(3, 5, 2)
    for turn in (None, orthogonal(1, 2, 2)):
        cosine, chance = statistic(lambda z: z @ columns.T, codes, turn, 200)
        assert chance == pytest.approx(8**0.5 / math.pi, abs=0.01)
        assert cosine == pytest.approx(chance, abs=0.03)
    cosine, chance = statistic(Round(), codes, points=200)
    assert cosine == pytest.approx(chance, abs=0.03)


def test_one_axis_apart_from_two_equal_ones_is_found():
    mixing = orthogonal(0, 6, 3) * torch.tensor([2.0, 2.0, 1.0]).double()
    codes = normal(1, 500, 3) @ torch.linalg.inv(whitening(normal(1, 500, 3))).T
    data = codes @ mixing.T
    found = local_principal_axes(data, codes, codes[:50], neighbours=10)
    torch.testing.assert_close(overlap(found.axes[:, :, 2:], mixing[:, 2:]), ones(50, 1))
    torch.testing.assert_close(found.axes.mT @ found.axes, torch.eye(3).double().expand(50, 3, 3))
    first = overlap(found.axes[:, :, :1], mixing[:, :1] / 2)
    assert float(first.min()) < 0.2
    assert float(first.max()) > 0.95
    again = local_principal_axes(data, codes, codes[:50], neighbours=10)
    torch.testing.assert_close(found.axes, again.axes)
    one = local_principal_axes(data, codes, codes[:50], neighbours=10, num_axes=1)
    torch.testing.assert_close(one.axes, found.axes[:, :, :1])  # of two that are equal
    other = local_principal_axes(data, codes, codes[:50], neighbours=10, seed=1)
    assert (found.axes - other.axes).abs().max() > 0.1


def test_of_linear_data_they_are_those_of_pca_everywhere():
    codes = normal(0, 400, 3) @ normal(1, 3, 3)
    data = 4 + codes @ normal(2, 9, 3).T
    pca = PCA(3).fit(data.numpy())
    found = local_principal_axes(data, codes, codes[:7], neighbours=6)
    torch.testing.assert_close(
        found.variances, torch.from_numpy(pca.explained_variance_).expand(7, 3) * 399 / 400
    )
    expected = torch.from_numpy(pca.components_.T).expand(7, 9, 3)
    torch.testing.assert_close(overlap(found.axes, expected), ones(7, 3))


@pytest.mark.parametrize("width", [3, 12])
def test_slopes_are_those_of_a_linear_regression(width):
    codes, points = normal(0, 900, 3), normal(1, 5, 3)
    mixing = normal(2, 3, width) * torch.tensor([[1.0], [0.3], [0.05]]).double()
    data = torch.tanh(codes @ mixing) + 0.01 * normal(3, 900, width)
    root = whitening(codes)
    white = codes @ torch.linalg.inv(root).T
    places = points @ torch.linalg.inv(root).T
    nearest = NearestNeighbors(n_neighbors=14).fit(white.numpy()).kneighbors(places.numpy())[1]
    found = local_principal_axes(data, codes, points, neighbours=14, num_axes=2)
    assert found.nearest.tolist() == nearest.tolist()
    for rows, axes, variances in zip(nearest, found.axes, found.variances, strict=True):
        slopes = LinearRegression().fit(white[rows].numpy(), data[rows].numpy()).coef_
        left, values, _ = torch.linalg.svd(torch.from_numpy(slopes), full_matrices=False)
        torch.testing.assert_close(variances, values[:2].square())
        torch.testing.assert_close(overlap(axes, left[:, :2]), ones(2))


def test_chunks_change_nothing(monkeypatch):
    codes, data = normal(0, 50, 2), normal(1, 50, 6)
    expected = local_principal_axes(data, codes, codes[:9], neighbours=6)
    monkeypatch.setattr(local_axes, "_CHUNK_BYTES", 1)
    found = local_principal_axes(data, codes, codes[:9], neighbours=6)
    torch.testing.assert_close(found.axes, expected.axes)
    torch.testing.assert_close(found.variances, expected.variances)


def test_whitening_is_a_root_of_the_covariance():
    codes = normal(0, 60, 4) * torch.tensor([1e6, 1.0, 1e-6, 2.0]) + 3
    root = whitening(codes)
    torch.testing.assert_close(root @ root.T, torch.cov(codes.T, correction=0))
    copies = torch.cat([codes, codes[:, :1] - codes[:, 3:], ones(60, 1) / 3], 1)
    assert whitening(copies).shape == (6, 4)
    torch.testing.assert_close(whitening(copies)[5], torch.zeros(4).double())
    assert whitening(torch.full((9, 2), 0.1)).shape == (2, 0)


def test_few_rows_copies_and_constants_have_the_axes_that_they_have():
    codes = normal(0, 30, 2)
    data = codes @ (orthogonal(1, 5, 2) * torch.tensor([2.0, 1.0]).double()).T
    expected = local_principal_axes(data, codes, codes[:4], neighbours=8)
    more = torch.cat([codes, codes[:, :1], ones(30, 1)], 1)
    found = local_principal_axes(data, more, more[:4], neighbours=8)
    assert found.axes.shape == (4, 5, 4)
    torch.testing.assert_close(overlap(found.axes[..., :2], expected.axes), ones(4, 2))
    assert found.axes[..., 2:].abs().max() == found.variances[:, 2:].abs().max() == 0
    pair = local_principal_axes(data, codes, codes[:4], neighbours=2)
    assert bool((pair.variances[:, 0] > 0).all())
    assert pair.variances[:, 1].abs().max() == 0
    still = local_principal_axes(torch.full((30, 5), 0.1), codes, codes[:4], neighbours=8)
    assert still.axes.abs().max() == still.variances.abs().max() == 0


def test_counts_and_shapes_that_do_not_fit_are_refused():
    data, codes = normal(0, 10, 5), normal(1, 10, 3)
    for neighbours, num_axes, message in (
        (1, None, "neighbours = 1"),
        (11, None, "neighbours = 11"),
        (5, 4, "num_axes = 4"),
        (5, 0, "num_axes = 0"),
    ):
        with pytest.raises(ValueError, match=message):
            local_principal_axes(data, codes, codes, neighbours=neighbours, num_axes=num_axes)
    for arguments, message in (
        ((data, codes[:9], codes), r"\[M, C\] and \[P, C\]"),
        ((data, codes, codes[:, :2]), r"\[M, C\] and \[P, C\]"),
        ((data, codes, codes[0]), "points have shape"),
        ((data / 0, codes, codes), "data holds NaN"),
        ((data, 0 * codes, codes), "constant"),
    ):
        with pytest.raises(ValueError, match=message):
            local_principal_axes(*arguments, neighbours=4)
