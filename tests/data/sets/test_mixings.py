"""Maps of known IMA contrast, measured by exact Jacobians in double precision."""

import math

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree
from torch.func import jacfwd, vmap

from vaescope.alignment.gaps import hadamard_gap
from vaescope.alignment.optimality import ima_contrast
from vaescope.data.dataset import RenderedDataset
from vaescope.data.sets.synthetic.maps import Moebius
from vaescope.data.sets.synthetic.mixing import (
    SyntheticMLP,
    SyntheticMLPDataModule,
    SyntheticMoebius,
    SyntheticMoebiusDataModule,
    SyntheticOrthogonal,
    SyntheticOrthogonalDataModule,
)
from vaescope.data.sets.synthetic.oblique import oblique_matrix
from vaescope.errors import ConfigError

MODULES = [SyntheticMLPDataModule, SyntheticMoebiusDataModule, SyntheticOrthogonalDataModule]


def map_of(kind):
    """``make(d, n, rng, **options)`` gives the map of a data set."""

    def make(d, n, rng, **options):
        return kind.unloaded(num_sources=d, num_observations=n, **options).draw_mixing(rng)

    return make


mlp_mixing = map_of(SyntheticMLP)
moebius_mixing = map_of(SyntheticMoebius)
orthogonal_mixing = map_of(SyntheticOrthogonal)
SIZES = [(2, 2), (3, 3), (3, 5), (6, 6)]
MAPS = {
    "mlp": (mlp_mixing, {}),
    "mlp, narrow": (mlp_mixing, {"hidden": 3}),
    "mlp, gaussian": (mlp_mixing, {"weights": "gaussian"}),
    "mlp, tanh": (mlp_mixing, {"activation": "tanh", "layers": 2}),
    "mlp, relu": (mlp_mixing, {"activation": "smooth_leaky_relu", "layers": 4}),
    "moebius": (moebius_mixing, {}),
    "moebius, near": (moebius_mixing, {"pole": 1.1}),
    "moebius, oblique": (moebius_mixing, {"c_ima": 1.5}),
    "moebius, mixed": (moebius_mixing, {"c_ima": 1.5, "linear_map": "after"}),
    "orthogonal": (orthogonal_mixing, {}),
    "orthogonal, curved": (orthogonal_mixing, {"pole": 1.5}),
    "orthogonal, oblique": (orthogonal_mixing, {"c_ima": 1.5, "bend": 0.9}),
}


def seeded(seed=0):
    return np.random.default_rng(seed)


def cube(number, dim, seed=1):
    """Points that include the corners and stay double."""
    inner = seeded(seed).random((number, dim))
    corners = np.stack(np.meshgrid(*[[0.0, 1.0]] * dim), -1).reshape(-1, dim)
    return torch.from_numpy(np.concatenate([corners, inner]))


def jacobians(mixing, points):
    """Exact Jacobians [N, n, d]."""
    return vmap(jacfwd(mixing))(points)


def contrasts(mixing, points):
    jacobian = jacobians(mixing, points)
    return ima_contrast(jacobian.mT @ jacobian)


# the contrast


@pytest.mark.parametrize(("d", "n"), SIZES)
@pytest.mark.parametrize("pole", [1.05, 2.0, 50.0])
def test_a_moebius_map_is_conformal(d, n, pole):
    mixing, points = moebius_mixing(d, n, seeded(), pole=pole), cube(200, d)
    jacobian = jacobians(mixing, points)
    gram = jacobian.mT @ jacobian
    scale = gram.diagonal(dim1=1, dim2=2).mean(1)
    identity = torch.eye(d).double().expand_as(gram)
    torch.testing.assert_close(gram / scale[:, None, None], identity, rtol=0, atol=1e-10)
    assert ima_contrast(gram).max() < 1e-10
    # how far the scale goes follows from the pole's distance alone
    centre = jacobian[0].new_full((1, d), 0.5)
    torch.testing.assert_close(jacobians(mixing, centre)[0].norm(dim=0), torch.ones(d).double())
    nearest, farthest = (pole / (pole - 1)) ** 4, (pole / (pole + 1)) ** 4
    assert (scale < nearest * (1 + 1e-9)).all()
    assert (scale > farthest * (1 - 1e-9)).all()
    assert scale.max() > 1.01 * scale.min()


@pytest.mark.parametrize(("d", "n"), SIZES)
@pytest.mark.parametrize("pole", [None, 1.5])
@pytest.mark.parametrize("c_ima", [0.0, 1e-3, 0.7, 4.0])
def test_an_orthogonal_map_has_the_requested_contrast_everywhere(d, n, pole, c_ima):
    mixing = orthogonal_mixing(d, n, seeded(), c_ima=c_ima, pole=pole, bend=0.8)
    found = contrasts(mixing, cube(200, d))
    torch.testing.assert_close(found, torch.full_like(found, c_ima), rtol=0, atol=1e-10)


@pytest.mark.parametrize(("d", "n"), SIZES)
@pytest.mark.parametrize("c_ima", [1e-3, 0.7, 4.0])
def test_a_linear_map_before_a_moebius_map_fixes_the_contrast_everywhere(d, n, c_ima):
    found = contrasts(moebius_mixing(d, n, seeded(), c_ima=c_ima), cube(200, d))
    torch.testing.assert_close(found, torch.full_like(found, c_ima), rtol=0, atol=1e-10)


@pytest.mark.parametrize(("d", "n"), SIZES)
@pytest.mark.parametrize("c_ima", [0.3, 2.4])
def test_a_linear_map_after_a_moebius_map_fixes_the_mean_contrast(d, n, c_ima):
    mixing = moebius_mixing(d, n, seeded(), c_ima=c_ima, linear_map="after")
    found = contrasts(mixing, torch.from_numpy(seeded(2).random((40_000, d))))
    error = found.std() / math.sqrt(len(found))
    assert abs(found.mean() - c_ima) < 4 * error + 2e-3 * c_ima
    assert found.std() > 0.02 * c_ima  # it varies, unlike that of a linear map before


@pytest.mark.parametrize("linear_map", ["before", "after"])
def test_no_contrast_needs_no_linear_map(linear_map):
    plain, asked = (
        moebius_mixing(3, 4, seeded(), **o) for o in ({}, {"c_ima": 0.0, "linear_map": linear_map})
    )
    points = cube(20, 3)
    assert torch.equal(plain(points), asked(points))


@pytest.mark.parametrize("weights", ["orthogonal", "gaussian"])
@pytest.mark.parametrize("activation", ["leaky_tanh", "tanh", "smooth_leaky_relu"])
@pytest.mark.parametrize(("d", "n"), [(3, 3), (3, 5)])
def test_a_network_has_a_contrast_above_zero_that_varies(d, n, activation, weights):
    mixing = mlp_mixing(d, n, seeded(), activation=activation, weights=weights)
    found = contrasts(mixing, cube(500, d))
    assert found.mean() > 1e-3
    assert found.std() > 1e-4


def test_the_contrast_is_what_a_diagonal_posterior_costs_for_small_beta():
    mixing = orthogonal_mixing(3, 3, seeded(), c_ima=0.7)
    jacobian = jacobians(mixing, cube(10, 3))
    gap = hadamard_gap(2 * jacobian.mT @ jacobian, 1e-8) / 1e-8
    torch.testing.assert_close(gap, torch.full_like(gap, 0.7), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("dim", "c_ima"), [(2, 0.0), (2, 1e-6), (3, 0.5), (3, 8.0), (7, 24.0)])
def test_oblique_columns_have_length_one_equal_cosines_and_their_contrast(dim, c_ima):
    matrix = oblique_matrix(c_ima, dim)
    gram = matrix.T @ matrix
    np.testing.assert_allclose(np.diag(gram), 1, atol=1e-12)
    cosines = gram[~np.eye(dim, dtype=bool)]
    np.testing.assert_allclose(cosines, cosines[0], atol=1e-12)
    assert -0.5 * np.linalg.slogdet(gram)[1] == pytest.approx(c_ima, abs=1e-10, rel=1e-9)


def test_two_oblique_columns_have_the_cosine_of_the_closed_form():
    """c_IMA = -log(1 - cos^2) / 2."""
    for c_ima in (0.1, 1.0, 3.0):
        matrix = oblique_matrix(c_ima, 2)
        cosine = matrix[:, 0] @ matrix[:, 1]
        assert cosine == pytest.approx(math.sqrt(1 - math.exp(-2 * c_ima)), rel=1e-12)


# the maps


def test_a_moebius_map_agrees_with_an_independent_one(rng):
    """t + r A (y - b) / ||y - b||^2, point by point in numpy, and its Jacobian by hand."""
    rotation = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    pole = np.array([1.0, -2.0, 0.5, 1.5])
    r, t = pole @ pole, rotation @ pole
    mapped = Moebius(pole, rotation)
    for y in rng.standard_normal((20, 4)):
        away = y - pole
        square = sum(entry**2 for entry in away)
        expected = t + r * rotation @ (away / square)
        point = torch.from_numpy(y)
        np.testing.assert_allclose(mapped(point), expected, rtol=1e-12, atol=1e-12)
        by_hand = r / square * rotation @ (np.eye(4) - 2 * np.outer(away, away) / square)
        np.testing.assert_allclose(jacfwd(mapped)(point), by_hand, rtol=1e-10, atol=1e-12)
        frame = mapped.frame(point[None])[0]
        np.testing.assert_allclose(frame, by_hand * square / r, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(mapped(torch.zeros(4).double()), 0, atol=1e-12)


def test_inverting_twice_about_the_pole_gives_the_point_back(rng):
    """Without its rotation, f(y) = b + ||b||^2 (y - b) / ||y - b||^2 is its own inverse."""
    pole = rng.standard_normal(3)
    inversion = Moebius(pole, np.eye(3))
    points = torch.from_numpy(rng.standard_normal((50, 3)))
    torch.testing.assert_close(inversion(inversion(points)), points)


@pytest.mark.parametrize(("d", "n"), SIZES)
def test_column_lengths_are_the_slopes_of_the_single_sources(d, n):
    """Column j is l_j (1 + b cos(2 pi s_j + p_j)) long, whatever the other sources are."""
    mixing, points = orthogonal_mixing(d, n, seeded(), stretch=3.0, bend=0.6), cube(100, d)
    stretch = mixing[0]
    lengths = 3.0 ** np.linspace(1, 0, d)
    phases = stretch.phases.numpy()
    slopes = lengths * (1 + 0.6 * np.cos(2 * np.pi * points.numpy() + phases))
    found = jacobians(mixing, points).norm(dim=1)
    np.testing.assert_allclose(found, slopes, rtol=1e-10)
    ends = stretch(torch.tensor([[0.0] * d, [1.0] * d], dtype=torch.float64))
    np.testing.assert_allclose(ends, [-lengths / 2, lengths / 2], atol=1e-12)
    # the directions are those of the mixing matrix, at every point
    directions = jacobians(mixing, points) / found[:, None, :]
    torch.testing.assert_close(directions, mixing[1].matrix.expand_as(directions))


def test_behind_a_moebius_map_column_lengths_depend_on_all_sources():
    mixing = orthogonal_mixing(2, 2, seeded(), pole=1.5)
    points = torch.tensor([[0.3, 0.1], [0.3, 0.9]], dtype=torch.float64)
    first, second = jacobians(mixing, points).norm(dim=1)[:, 0]
    assert abs(first / second - 1) > 0.05


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize(("d", "n"), [(3, 3), (3, 6)])
def test_maps_are_injective_on_the_cube(name, d, n):
    make, options = MAPS[name]
    mixing, points = make(d, n, seeded(), **options), cube(5000, d)
    spectrum = torch.linalg.svdvals(jacobians(mixing, points[:1000]))
    assert spectrum.min() > 1e-4  # of full rank
    vectors = mixing(points)
    assert vectors.isfinite().all()
    apart = cKDTree(vectors).query(vectors, k=2)[0][:, 1]
    between = cKDTree(points).query(points, k=2)[0][:, 1]
    # points of the cube do not come much closer than its least stretched direction would take them
    assert (apart > 0.5 * spectrum.min().item() * between.min()).all()
    # and only near points are near: the sources come back from their neighbours
    nearest = cKDTree(vectors).query(mixing(points + 1e-7))[1]
    assert (nearest == np.arange(len(points))).all()


@pytest.mark.parametrize("name", MAPS)
def test_maps_take_single_points_and_stacks_of_batches(name):
    make, options = MAPS[name]
    mixing, points = make(3, 4, seeded(), **options), cube(8, 3)
    whole = mixing(points)
    assert whole.shape == (16, 4)
    torch.testing.assert_close(torch.stack([mixing(point) for point in points]), whole)
    torch.testing.assert_close(mixing(points.view(2, 8, 3)), whole.view(2, 8, 4))
    assert not list(mixing.parameters())


@pytest.mark.parametrize("name", MAPS)
def test_a_map_follows_from_its_generator(name):
    make, options = MAPS[name]
    points = cube(8, 3)
    one, again, other = (make(3, 4, seeded(seed), **options)(points) for seed in (0, 0, 1))
    assert torch.equal(one, again)
    assert not torch.allclose(one, other)


def test_a_network_of_orthogonal_weights_is_what_it_says():
    mixing = mlp_mixing(2, 4, seeded(), layers=3, hidden=3)
    matrices = [layer.matrix for layer in mixing if hasattr(layer, "matrix")]
    assert [tuple(m.shape) for m in matrices] == [(2, 2), (3, 2), (3, 3), (4, 3)]
    for matrix in matrices[1:]:
        torch.testing.assert_close(matrix.T @ matrix, torch.eye(matrix.shape[1]).double())
    x = torch.tensor([[0.2, 0.9]], dtype=torch.float64)
    y = (x - 0.5) @ matrices[1].T + mixing[1].offset
    y = (y.tanh() + 0.1 * y) @ matrices[2].T + mixing[3].offset
    y = (y.tanh() + 0.1 * y) @ matrices[3].T + mixing[5].offset
    torch.testing.assert_close(mixing(x), y)


@pytest.mark.parametrize(
    ("module", "options", "named"),
    [
        (SyntheticMLPDataModule, {"num_sources": 1}, "num_sources=1"),
        (SyntheticMLPDataModule, {"num_observations": 2}, "num_observations=2"),
        (SyntheticMLPDataModule, {"layers": 1}, "layers=1"),
        (SyntheticMLPDataModule, {"hidden": 2}, "hidden=2"),
        (SyntheticMLPDataModule, {"num_observations": 5, "hidden": 6}, "hidden=6"),
        (SyntheticMLPDataModule, {"activation": "relu"}, "activation='relu'.*leaky_tanh"),
        (SyntheticMLPDataModule, {"weights": "uniform"}, "weights='uniform'.*orthogonal"),
        (SyntheticMLPDataModule, {"num_points": 1}, "num_points=1"),
        (SyntheticMLPDataModule, {"data_seed": -1}, "data_seed=-1"),
        (SyntheticMoebiusDataModule, {"c_ima": -0.1}, "c_ima=-0.1"),
        (SyntheticMoebiusDataModule, {"c_ima": 9.0}, "c_ima=9.0.*0 to 8"),
        (SyntheticMoebiusDataModule, {"c_ima": math.nan}, "c_ima=nan"),
        (SyntheticMoebiusDataModule, {"pole": 1.0}, "pole=1.0"),
        (SyntheticMoebiusDataModule, {"pole": math.inf}, "pole=inf"),
        (SyntheticMoebiusDataModule, {"linear_map": "between"}, "linear_map='between'.*before"),
        (SyntheticOrthogonalDataModule, {"c_ima": 9.0}, "c_ima=9.0"),
        (SyntheticOrthogonalDataModule, {"stretch": 0.0}, "stretch=0.0"),
        (SyntheticOrthogonalDataModule, {"bend": 1.0}, "bend=1.0"),
        (SyntheticOrthogonalDataModule, {"pole": 0.5}, "pole=0.5"),
    ],
)
def test_settings_that_cannot_work_are_refused_before_anything_is_made(module, options, named):
    with pytest.raises(ConfigError, match=named):
        module(**options)


# the data sets


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize(("d", "n"), [(3, None), (2, 5)])
def test_sizes_are_known_before_setup_and_true(module, d, n):
    data = module(num_sources=d, num_observations=n, num_points=400)
    factors, shape = data.factors, data.image_shape
    assert factors.names == tuple(f"s{j}" for j in range(1, d + 1))
    assert (factors.sizes, factors.kinds) == ((0,) * d, ("continuous",) * d)
    assert shape == (d if n is None else n,)
    data.setup()
    assert data.dataset.factors == factors
    assert data.dataset.image_shape == shape
    assert isinstance(data.dataset, RenderedDataset)
    batch = next(iter(data.train_dataloader()))
    assert batch.image.shape == (64, *shape)
    assert batch.image.dtype == batch.factors.dtype == torch.float32
    assert batch.factors.shape == (64, d)
    with pytest.raises(ValueError, match="continuous"):
        factors.index(batch.factors)


@pytest.mark.parametrize("module", MODULES)
def test_vectors_are_the_maps_of_their_factors(module):
    dataset = module(num_points=500, num_observations=4).build()
    rows = torch.tensor([3, 499, 3])
    batch = dataset.batch(rows)
    expected = dataset.mixing(batch.factors.double())
    torch.testing.assert_close(batch.image.double(), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(dataset.images(batch.factors), batch.image)
    other = torch.full((1, 3), 0.5)  # any values, not only those of a row
    torch.testing.assert_close(dataset.images(other).double(), dataset.mixing(other.double()))


@pytest.mark.parametrize("module", MODULES)
def test_points_fill_the_cube_and_do_not_repeat(module):
    values = module().build().values(torch.arange(60_000))
    assert (values.min(), values.max()) > (0, 0.999)
    assert len(values.unique(dim=0)) == 60_000
    torch.testing.assert_close(values.mean(0), torch.full((3,), 0.5), rtol=0, atol=0.01)
    torch.testing.assert_close(values.T.cov(), torch.eye(3) / 12, rtol=0, atol=0.002)


@pytest.mark.parametrize("module", MODULES)
def test_standard_vectors_keep_the_contrast(module):
    plain, standard = (module(num_points=3000, standardise=s).build() for s in (False, True))
    vectors = standard.batch(torch.arange(3000)).image.double()
    torch.testing.assert_close(vectors.mean(0), torch.zeros(3).double(), rtol=0, atol=1e-5)
    assert vectors.var(0).mean().item() == pytest.approx(1, abs=1e-4)
    points = cube(50, 3)
    torch.testing.assert_close(contrasts(plain.mixing, points), contrasts(standard.mixing, points))
    ratio = jacobians(standard.mixing, points) / jacobians(plain.mixing, points)
    torch.testing.assert_close(ratio, ratio[:1, :1, :1].expand_as(ratio))  # one scalar


@pytest.mark.parametrize("module", MODULES)
def test_a_set_follows_from_its_data_seed_and_not_from_the_runs(module):
    def vectors(**options):
        dataset = module(num_points=50, **options).build()
        return dataset.batch(torch.arange(50)).image

    assert torch.equal(vectors(), vectors(seed=7))
    assert not torch.allclose(vectors(), vectors(data_seed=1))
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    assert torch.equal(vectors(), vectors())


@pytest.mark.parametrize("c_ima", [0.0, 1.0])
@pytest.mark.parametrize("kind", [SyntheticMoebius, SyntheticOrthogonal])
def test_the_float32_copy_has_the_contrast_to_single_precision(kind, c_ima):
    dataset = kind(num_points=1000, c_ima=c_ima)
    found = contrasts(dataset.images, cube(50, 3).float())
    torch.testing.assert_close(found, torch.full_like(found, c_ima), rtol=0, atol=1e-4)


def test_a_data_set_moves_whole_and_pickles(tmp_path):
    dataset = SyntheticMoebiusDataModule(num_points=100).build()
    expected = dataset.batch(torch.arange(100)).image
    torch.save(dataset, tmp_path / "set.pt")
    again = torch.load(tmp_path / "set.pt", weights_only=False)
    assert torch.equal(again.to("cpu").batch(torch.arange(100)).image, expected)
    assert dataset.to("meta").images(torch.rand(5, 3)).device.type == "meta"
