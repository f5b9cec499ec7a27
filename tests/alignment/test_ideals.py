"""Statistics of a decoder: the ideal where axes are aligned, chance where they are not.

The decoder maps orthogonal directions of known lengths, linearly or not; the latents are its own,
or turned by random rotations, which leave the data and the loss of an autoencoder as they are.
"""

import math

import pytest
import torch

from vaescope.alignment import (
    axis_cosines,
    column_norms,
    decoder_gram,
    decoder_jacobian,
    deterministic_surrogate,
    distance_to_orthogonality,
    gram_deviation,
    haar_chance,
    hadamard_gap,
    ima_contrast,
    isometry_deviation,
    local_axis_cosines,
    local_principal_axes,
    matched_correlation,
    norm_spectrum_error,
    off_axis_derivatives,
    off_axis_share,
    order_agreement,
    orthogonal_alignment,
    pca_correlations,
    predicted_rise,
    right_singular_vectors,
    rotated_axis_cosines,
    variance_relation,
    whitening,
)

DIM, BETA, COUNT, TURNS = 3, 1e-3, 12, 40
LENGTHS = torch.tensor([2.0, 1.0, 0.5], dtype=torch.float64)


def normal(seed, *shape):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def haar(seed):
    return torch.linalg.qr(normal(seed, DIM, DIM)).Q


FRAME = torch.linalg.qr(normal(7, 9, 2 * DIM)).Q
DRAWN = normal(1, 1500, DIM)
CODES = DRAWN @ torch.linalg.inv(whitening(DRAWN)).T  # uncorrelated, variances 1
CODES = CODES - CODES.mean(0)


def linear(z):
    return z @ (FRAME[:, :DIM] * LENGTHS).T


def curved(z):
    """Each latent runs along a spiral in a plane of its own, ever faster."""
    grown = LENGTHS * (0.2 * z).exp()
    return torch.cat([grown * (0.3 * z).cos(), grown * (0.3 * z).sin()], 1) @ FRAME.T


class Model:
    """A decoder whose latents are those of the data, turned: z' = U z; its best variances."""

    def __init__(self, decode, turn):
        self.codes, self.data = CODES @ turn.T, decode(CODES)
        self.decode = lambda z: decode(z @ turn)
        self.points = self.codes[:COUNT]
        self.gram = 2 * decoder_gram(self.decode, self.points)  # of a squared error
        self.variance = 1 / (1 + self.gram.diagonal(dim1=1, dim2=2) / BETA)
        self.local = local_principal_axes(self.data, self.codes, self.points, neighbours=20)
        centres = self.codes[self.local.nearest].mean(1)
        self.columns = decoder_jacobian(self.decode, centres)


def surrogate_excess(model):
    args = (torch.zeros(COUNT).double(), model.points, model.gram, BETA)
    both = (deterministic_surrogate(*args, diagonal=diagonal) for diagonal in (True, False))
    return next(both) - next(both)


def eighth_turn(model):
    turn = torch.eye(DIM).double()
    turn[:2, :2] = math.sqrt(0.5) * torch.tensor([[1.0, -1.0], [1.0, 1.0]])
    return predicted_rise(model.gram, turn, BETA) / BETA


def dto(model):
    return distance_to_orthogonality(right_singular_vectors(model.gram)[0])


def local_chance(model):
    return rotated_axis_cosines(model.columns @ whitening(model.codes), model.local.axes)


# name -> values of a model, ideal value, how near aligned latents come
STATISTICS = {
    "dto": (dto, 0, 1e-6),
    "gram_deviation": (lambda m: gram_deviation(m.gram), 0, 1e-6),
    "ima_contrast": (lambda m: ima_contrast(m.gram), 0, 1e-6),
    "hadamard_gap": (lambda m: hadamard_gap(m.gram, BETA) / BETA, 0, 1e-6),
    "surrogates": (lambda m: surrogate_excess(m) / BETA, 0, 1e-6),
    "norm_spectrum_error": (lambda m: norm_spectrum_error(m.gram), 0, 1e-6),
    "isometry_deviation": (lambda m: isometry_deviation(m.gram, m.variance, BETA), 0, 0.05),
    "axis_cosines": (
        lambda m: axis_cosines(m.columns[0], m.local.axes[0]).mean()[None],
        *(1, 0.02),
    ),
    "local_axis_cosines": (lambda m: local_axis_cosines(m.columns, m.local.axes), 1, 0.02),
    "pca_correlations": (lambda m: pca_correlations(m.codes, m.data), 1, 1e-6),
    "matched_correlation": (
        lambda m: torch.tensor([matched_correlation(m.codes, CODES)]).double(),
        *(1, 1e-9),
    ),
}


def turned(decode, statistic):
    """Mean over random rotations of the latents, and its standard error."""
    values = torch.stack([statistic(Model(decode, haar(s))).mean() for s in range(TURNS)])
    return float(values.mean()), float(values.std()) / math.sqrt(TURNS)


# principal components of curved data are not its latents, even where those are aligned
PAIRS = [
    (n, d) for n in STATISTICS for d in (linear, curved) if (n, d) != ("pca_correlations", curved)
]


@pytest.mark.parametrize(("name", "decode"), PAIRS)
def test_aligned_latents_have_the_ideal_value_and_turned_ones_have_not(name, decode):
    statistic, ideal, near = STATISTICS[name]
    aligned = statistic(Model(decode, torch.eye(DIM).double()))
    assert aligned == pytest.approx(torch.full_like(aligned, ideal), abs=near)
    mean, error = turned(decode, statistic)
    assert abs(mean - ideal) > 10 * error + 5 * near


@pytest.mark.parametrize(("name", "decode"), PAIRS)
def test_order_and_sign_of_latents_change_nothing(name, decode):
    statistic = STATISTICS[name][0]
    turn = torch.eye(DIM).double()[[2, 0, 1]] * torch.tensor([1.0, -1.0, -1.0])
    pair = [statistic(Model(decode, u)).mean() for u in (torch.eye(DIM).double(), turn)]
    assert float(pair[0]) == pytest.approx(float(pair[1]), abs=1e-6)


@pytest.mark.parametrize("decode", [linear, curved])
@pytest.mark.parametrize(
    ("statistic", "chance"),
    [
        (dto, lambda m: torch.tensor([haar_chance(DIM)[0]])),
        (STATISTICS["local_axis_cosines"][0], local_chance),
    ],
    ids=["dto", "local_axis_cosines"],
)
def test_turned_latents_are_at_chance(statistic, chance, decode):
    mean, error = turned(decode, statistic)
    for turn in (torch.eye(DIM).double(), haar(99)):  # the same for every rotation
        expected = float(chance(Model(decode, turn)).mean())
        assert mean == pytest.approx(expected, abs=3.5 * error)


def test_the_order_of_the_best_variances_is_that_of_the_columns_in_any_rotation():
    """About precision and length, not about alignment: both follow the same columns."""
    for turn in (torch.eye(DIM).double(), haar(0)):
        model = Model(curved, turn)
        squares = model.gram.diagonal(dim1=1, dim2=2)
        order = order_agreement(model.variance, squares)
        torch.testing.assert_close(order, torch.ones_like(order))
        relation = variance_relation(model.variance, squares, BETA)
        torch.testing.assert_close(relation, torch.ones_like(relation))
        assert column_norms(model.gram).shape == (COUNT, DIM)


def test_a_rotation_costs_aligned_latents_and_on_average_no_others():
    aligned = eighth_turn(Model(curved, torch.eye(DIM).double()))
    assert float(aligned.min()) > 0.05
    mean, error = turned(curved, eighth_turn)
    assert abs(mean) < 3.5 * error


def test_singular_values_depend_on_their_own_latents_alone_where_latents_are_aligned():
    own = Model(curved, torch.eye(DIM).double())
    share = off_axis_share(off_axis_derivatives(own.decode, own.points[:4]))
    assert float(share.max()) < 1e-9
    other = Model(curved, haar(0))
    assert off_axis_share(off_axis_derivatives(other.decode, other.points[:4])).min() > 0.05


def test_likeness_up_to_rotation_does_not_see_rotations():
    model = Model(linear, haar(0))
    assert orthogonal_alignment(model.codes, CODES) == pytest.approx(1)
    assert matched_correlation(model.codes, CODES) < 0.95


def test_what_is_said_of_equal_columns():
    """No rotation is better than another; a distance of 0 is then no alignment."""
    equal = 2 * torch.eye(DIM).double()[None]
    for turn in (torch.eye(DIM).double(), haar(0)):
        gram = turn @ equal @ turn.T
        for statistic in (gram_deviation, ima_contrast, norm_spectrum_error):
            assert statistic(gram).item() == pytest.approx(0, abs=1e-9)
        assert predicted_rise(gram, haar(1), BETA).item() == pytest.approx(0, abs=1e-9)
    distance = distance_to_orthogonality(right_singular_vectors(equal)[0])
    assert distance.item() == 0
