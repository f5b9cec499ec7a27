"""Preferred rotations against closed forms of two factors, and brute force."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import ortho_group

from vaescope.diagnosis.rotations import mixed_pairs, preferred_rotation, rotation_loss


def turned(angle, *squares):
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    basis = torch.tensor([[cos, -sin], [sin, cos]], dtype=torch.float64)
    return (basis @ torch.diag(torch.tensor(squares, dtype=torch.float64)) @ basis.T)[None]


@pytest.mark.parametrize("angle", [0.0, 7.0, 30.0, 44.0])
def test_latents_take_the_principal_axes(angle):
    found = preferred_rotation(turned(angle, 4.0, 1.0), beta=0.1)
    assert found.loss == pytest.approx(0.5 * (2 + math.log(40) + math.log(10)), abs=1e-10)
    worst = math.degrees(math.atan2(abs(found.rotation[1, 0]), abs(found.rotation[0, 0])))
    assert worst == pytest.approx(angle, abs=1e-4)


def test_equal_norms_prefer_nothing_and_overlap_between_them_45_degrees():
    equal = preferred_rotation(turned(0, 1.0, 1.0), beta=0.1)
    assert equal.margin == pytest.approx(0, abs=1e-12)
    assert torch.equal(equal.rotation, torch.eye(2, dtype=torch.float64))
    overlapping = torch.tensor([[[1.0, 0.3], [0.3, 1.0]]])
    found = preferred_rotation(overlapping, beta=0.1)
    assert mixed_pairs(found.rotation) == [(0, 1, pytest.approx(45, abs=1e-4))]
    assert found.margin < 0 < found.loss_at_random - found.loss


def test_one_rotation_for_all_images_is_a_compromise():
    """Two images whose axes lie 5 degrees to either side of the factors: the factors win."""
    gram = torch.cat([turned(5, 4.0, 1.0), turned(-5, 4.0, 1.0)])
    found = preferred_rotation(gram, beta=0.1)
    assert torch.allclose(found.rotation, torch.eye(2, dtype=torch.float64), atol=1e-6)
    assert found.loss > 0.5 * (2 + math.log(40) + math.log(10)) + 0.001


def test_is_no_worse_than_thousands_of_random_rotations():
    slopes = torch.randn(20, 12, 4, dtype=torch.float64)
    gram = slopes.mT @ slopes
    found = preferred_rotation(gram, beta=0.5)
    random = torch.from_numpy(ortho_group.rvs(4, 3000, random_state=np.random.default_rng(0)))
    losses = torch.stack([rotation_loss(gram, rotation, 0.5) for rotation in random])
    assert found.loss <= float(losses.min())
    error = 4 * float(losses.std()) * (1 / 3000 + 1 / 500) ** 0.5
    assert found.loss_at_random == pytest.approx(float(losses.mean()), abs=error)


def test_large_beta_sees_no_difference_between_rotations():
    gram = turned(0, 4.0, 1.0)
    margins = [preferred_rotation(gram, beta).margin for beta in (0.01, 0.9, 2.0, 3.0, 4.1)]
    assert margins == sorted(margins, reverse=True)
    assert margins[0] == pytest.approx(margins[1])  # all in use at any turn
    assert margins[-1] == pytest.approx(0, abs=1e-12)  # all pruned


@pytest.mark.parametrize(
    ("gram", "beta"),
    [(torch.eye(2), 1.0), (torch.eye(2)[None], 0.0), (torch.full((1, 2, 2), torch.nan), 1.0)],
)
def test_bad_input_is_refused(gram, beta):
    with pytest.raises(ValueError, match=r"gram|beta"):
        preferred_rotation(gram, beta)
