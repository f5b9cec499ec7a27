"""Diagnoses of data sets whose numbers are known in closed form."""

import math
from functools import partial

import numpy as np
import pytest
import torch

from vaescope.data import (
    Factors,
    Panels,
    SyntheticLinear,
    SyntheticMoebius,
    SyntheticOrthogonal,
    XYSquares,
)
from vaescope.data.dataset import RenderedDataset
from vaescope.data.surroundings import surroundings_of
from vaescope.diagnosis import diagnose
from vaescope.diagnosis.overlap import overlap_of
from vaescope.diagnosis.widths import grams_at
from vaescope.distributions.likelihoods import Bernoulli, Gaussian
from vaescope.errors import ConfigError

FEW = {"num_points": 40}
ONE = {"num_points": 40, "scales": [0.5]}


class Known(RenderedDataset):
    """Vectors that are a given function of factors in standard deviations."""

    source = "computed"

    def __init__(self, function, sizes=(0, 0), kinds=("continuous", "continuous"), num_rows=400):
        names = tuple(f"w{k + 1}" for k in range(len(sizes)))
        self.factors, self.function = Factors(names, sizes, kinds), function
        self.rows = self.factors.sample(num_rows, np.random.default_rng(0))
        self.image_shape = (self.images(self.rows[:1]).shape[1],)

    def __len__(self):
        return len(self.rows)

    def values(self, index):
        return self.rows[index]

    def images(self, values):
        sizes = torch.tensor(self.factors.sizes, dtype=torch.float64)
        spread = torch.where(sizes > 0, ((sizes**2 - 1) / 12).sqrt(), 12**-0.5)
        middle = torch.where(sizes > 0, (sizes - 1) / 2, 0.5)
        return self.function((values.double() - middle) / spread)


def turned(degrees, *lengths):
    """F^T of two orthogonal directions of these lengths, turned against the factors."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turn = torch.tensor([[cos, -sin], [sin, cos]], dtype=torch.float64)
    return turn @ torch.diag(torch.tensor(lengths, dtype=torch.float64))


@pytest.mark.parametrize("ratio", [1.5, 2.0])
def test_linear_mixing_has_its_norms_contrast_and_thresholds_at_every_width(ratio):
    """CVPR 2019: variances ratio^2 / 12 and 1 / 12, each pruned from beta = 2 variances on."""
    found = diagnose(SyntheticLinear(num_points=500, ratio=ratio), beta=1e-3, **FEW)
    assert [each.scale for each in found.scales] == [0, 0.25, 0.5, 1]
    for each in found.scales:
        expected = [ratio / math.sqrt(12), 1 / math.sqrt(12)]
        assert each.norms == pytest.approx(expected, rel=1e-4)
        assert each.singular_values == pytest.approx(expected, rel=1e-4)
        assert each.norm_ratios == pytest.approx([ratio], rel=1e-4)
        assert each.pruning_betas == pytest.approx([ratio**2 / 6, 1 / 6], rel=1e-4)
        assert (each.dto, each.ima_contrast) == pytest.approx((0, 0), abs=1e-3)
        assert each.order_agreement == 1
        assert each.image_agreement == pytest.approx([1, 1], abs=1e-4)
        assert each.axis_agreement == pytest.approx([1, 1], abs=1e-4)
        assert not each.mixed
    assert found.prediction.alignment > 0.9
    assert found.order == ["w1", "w2"]
    assert found.components.factors_in_components > 0.95
    assert found.overlap.per_factor == pytest.approx([1, 1])


def test_alignment_of_orthogonal_columns_follows_from_their_ratio():
    """Mean over turns of log of (cos^2 r^2 + sin^2)(sin^2 r^2 + cos^2), against its value at 0."""
    ratio, undecided = 2.0, 0.0025
    angle = torch.linspace(0, 2 * math.pi, 10_001, dtype=torch.float64)[:-1]
    cos, sin = angle.cos().square(), angle.sin().square()
    random = (0.5 * ((cos * ratio**2 + sin).log() + (sin * ratio**2 + cos).log())).mean()
    margin = float(random) - math.log(ratio)
    found = diagnose(SyntheticLinear(num_points=500), beta=1e-4, **ONE).prediction
    assert found.margin == pytest.approx(margin, rel=0.1)
    assert found.alignment == pytest.approx(margin / (margin + undecided), abs=0.01)


def test_a_rotated_pair_is_mixed_by_its_angle():
    for degrees in (20, 45):
        found = diagnose(Known(partial(torch.matmul, other=turned(degrees, 2, 1))), **ONE)
        assert found.prediction.mixed == [("w1", "w2", pytest.approx(degrees, abs=0.1))]
    assert found.prediction.alignment == 0
    assert found.prediction.margin < 0


def test_panels_turned_by_45_degrees_are_found_instead_of_the_factors():
    straight, tilted = (diagnose(Panels(turn=turn), beta=0.1, **FEW) for turn in (0, 45))
    assert straight.prediction.alignment > 0.85
    assert straight.prediction.norms == pytest.approx([0.2 * 80**0.5, 0.2 * 48**0.5], rel=1e-4)
    assert straight.prediction.cosines[0][1] == pytest.approx(0, abs=1e-4)
    assert tilted.prediction.alignment == 0
    assert tilted.prediction.mixed == [("first", "second", pytest.approx(45, abs=0.1))]
    assert tilted.prediction.cosines[0][1] == pytest.approx((48 - 80) / (48 + 80), abs=1e-3)
    for each in tilted.scales:
        assert each.dto == pytest.approx(math.sqrt(4 - 4 * math.cos(math.pi / 4)), abs=1e-3)


def test_equal_panels_leave_every_angle_open():
    found = diagnose(Panels(first=64, second=64), beta=0.1, **ONE).prediction
    assert found.undecided == [("first", "second", pytest.approx(0, abs=1e-6))]
    assert found.alignment == pytest.approx(0, abs=1e-3)


def test_conformal_maps_have_no_contrast_and_others_the_one_they_were_made_with():
    small = {"num_points": 1000, "num_sources": 2}
    conformal = diagnose(SyntheticMoebius(**small), scales=[0.0], **FEW).scales[0]
    assert conformal.ima_contrast == pytest.approx(0, abs=1e-4)
    oblique = SyntheticOrthogonal(**small, c_ima=0.5)
    assert diagnose(oblique, scales=[0.0], num_points=400).scales[0].ima_contrast == pytest.approx(
        0.5, abs=0.05
    )


@pytest.mark.parametrize("scale", [0.25, 0.5])
def test_a_ball_smooths_a_wave_by_its_known_factor(scale):
    """E sin'(w + s e) = cos(w) exp(-s^2 / 2), so the Gram is smaller by exp(-s^2)."""
    inner = 0.4  # far from the edges, where steps outward are left out
    dataset = Known(lambda w: torch.stack([w[:, 0].sin(), w[:, 0].cos(), w[:, 1]], 1), num_rows=200)
    dataset.rows = 0.5 + (dataset.rows - 0.5) * inner
    grams = grams_at(
        dataset,
        surroundings_of(dataset, [0, 1]),
        torch.arange(200),
        scale,
        draws=256,
        weight=2.0,
        rng=np.random.default_rng(0),
    )
    found = grams.of_pixels.mean(0) / 2
    assert found[0, 0] == pytest.approx(math.exp(-(scale**2)), rel=0.03)
    assert found[1, 1] == pytest.approx(1, abs=1e-3)
    assert found[0, 1] == pytest.approx(0, abs=0.03)


def test_a_circle_is_wrapped():
    """Its last value lies beside its first: all points have the same slope."""
    size = 16
    radius = 2 * math.pi / size * math.sqrt((size**2 - 1) / 12)  # radians per standard deviation

    def on_circle(w):
        return torch.stack([(w[:, 0] * radius).cos(), (w[:, 0] * radius).sin(), w[:, 1]], 1)

    found = diagnose(
        Known(on_circle, (size, 16), ("circular", "ordinal")), scales=[0.0], num_points=100
    ).scales[0]
    chord = math.sin(2 * math.pi / size) / math.sqrt(12 / (size**2 - 1))
    assert found.norms[0] == pytest.approx(chord, rel=1e-6)
    assert found.image_agreement[0] == pytest.approx(0, abs=0.05)
    assert found.image_agreement[1] > 0.7  # one-sided slopes at its edges are the same


def test_the_likelihood_weighs_pixels():
    """A grey pixel of 1/2 counts 4, one of 0.1 counts 1 / 0.09: what moves that is longer."""
    dataset = Known(lambda w: torch.stack([0.5 + 0.01 * w[:, 0], 0.1 + 0.01 * w[:, 1]], 1))
    found = diagnose(dataset, weight=Bernoulli().mean_curvature, **ONE)
    assert found.pixels[0].norms == pytest.approx([0.01, 0.01], rel=1e-3)
    expected = [math.sqrt(4 / 2) * 0.01, math.sqrt(1 / 0.09 / 2) * 0.01]
    assert found.scales[0].norms == pytest.approx(expected, rel=0.02)
    assert found.order == ["w2", "w1"]
    half = diagnose(dataset, weight=Gaussian(variance=0.25).mean_curvature, beta=1.0, **ONE)
    whole = diagnose(dataset, weight=Gaussian().mean_curvature, beta=1.0, **ONE)
    doubled = [2 * value for value in whole.prediction.variances]
    assert half.prediction.variances == pytest.approx(doubled, rel=1e-4)
    with pytest.raises(ConfigError, match="choose likelihood=gaussian"):
        diagnose(Known(lambda w: 3 * w), weight=Bernoulli().mean_curvature, **ONE)


def test_beta_prunes_the_weaker_factor():
    dataset = SyntheticLinear(num_points=500)  # pruned from 2 / 3 and 1 / 6 on
    assert diagnose(dataset, beta=0.1, **ONE).pruned == []
    assert diagnose(dataset, beta=0.2, **ONE).pruned == ["w2"]
    assert diagnose(dataset, beta=1.0, **ONE).pruned == ["w1", "w2"]
    assert diagnose(dataset, **ONE).beta == pytest.approx(1 / 60, rel=1e-3)


def test_squares_without_overlap_have_no_order_of_distances():
    for spacing, ordered in ((8, False), (1, True)):
        dataset, columns = XYSquares(spacing=spacing), [0, 3]
        found = overlap_of(dataset, surroundings_of(dataset, columns), columns, num_pairs=100)
        if ordered:
            assert all(value > 0.95 for value in found.per_factor)
        else:
            assert found.per_factor == [None, None]  # any two places are equally far apart


def test_factors_that_do_not_vary_and_unasked_ones_are_left_out():
    sizes, kinds = (8, 8, 8, 1), ("ordinal",) * 4
    dataset = Known(lambda w: w[:, :3] * torch.tensor([3.0, 2.0, 1.0]), sizes, kinds)
    found = diagnose(dataset, **ONE)
    assert found.factors == ("w1", "w2", "w3")
    assert "w4" in found.notes[0]
    found = diagnose(dataset, factors=["w3", "w1"], **ONE)
    assert found.factors == ("w3", "w1")
    assert found.order == ["w1", "w3"]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"beta": math.nan}, "beta=nan"),
        ({"beta": 0.0}, "above 0"),
        ({"scales": [math.inf]}, "widths from 0 to 1"),
        ({"scales": []}, "scales"),
        ({"predicted_at": -0.1}, "predicted_at"),
        ({"num_points": 1}, "at least 8"),
        ({"draws": 12}, "draws=12"),
        ({"factors": ["w1"]}, r"only one factor varies \(w1\)"),
        ({"factors": ["w9"]}, "w9"),
    ],
)
def test_bad_input_is_refused(wrong, told):
    with pytest.raises(ConfigError, match=told):
        diagnose(Known(lambda w: w), **wrong)


def test_images_that_do_not_change_are_refused():
    with pytest.raises(ConfigError, match="the images do not change with any of w1, w2"):
        diagnose(Known(lambda w: w[:, :2] * 0, (8, 8), ("ordinal",) * 2), **ONE)


def test_more_than_twelve_factors_are_refused():
    dataset = Known(lambda w: w, (2,) * 13, ("ordinal",) * 13)
    with pytest.raises(ConfigError, match=r"13 factors vary.*2 to 12 of them by factors="):
        diagnose(dataset)
    assert len(diagnose(dataset, factors=["w1", "w13"], **ONE).factors) == 2


def test_the_same_seed_gives_the_same_numbers():
    dataset = Panels()
    first, again, other = (diagnose(dataset, seed=seed, **ONE).as_json() for seed in (0, 0, 1))
    assert first == again != other
