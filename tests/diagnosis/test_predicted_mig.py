"""The predicted MIG where the predicted latents are known in closed form."""

import math

import pytest
import torch

from vaescope.diagnosis.mig_before_training import predicted_mig
from vaescope.diagnosis.rotations import UNDECIDED, preferred_rotation
from vaescope.metrics import mutual_information_gap

VALUES = torch.cartesian_prod(torch.arange(16), torch.arange(16))
PLACES = (VALUES - 7.5) / math.sqrt(255 / 12)


def gram_of(first, second, degrees=0.0, num_points=20):
    """Principal directions of these variances, turned against the factors, at all points."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turn = torch.tensor([[cos, -sin], [sin, cos]], dtype=torch.float64)
    gram = turn @ torch.diag(torch.tensor([first, second], dtype=torch.float64)) @ turn.T
    return gram.expand(num_points, 2, 2), turn


@pytest.mark.parametrize("degrees", [0, 20, 45])
def test_it_is_that_of_codes_along_the_principal_directions(degrees):
    gram, turn = gram_of(50.0, 1.0, degrees)
    found, (low, high) = predicted_mig(gram, 0.1, PLACES, VALUES)
    expected = mutual_information_gap(PLACES.double() @ turn, VALUES)
    gain = preferred_rotation(gram, 0.1)
    share = UNDECIDED / (gain.loss_at_random - gain.loss)
    assert abs(found - expected) <= share  # as far as chance enters
    assert share < 0.01
    assert low == pytest.approx(found, abs=1e-6) == high  # all points are alike


def test_equal_variances_give_that_of_random_directions():
    found, _ = predicted_mig(gram_of(3.0, 3.0)[0], 0.1, PLACES, VALUES)
    angles = torch.linspace(0, math.pi / 2, 91, dtype=torch.float64)
    turns = [torch.tensor([[a.cos(), -a.sin()], [a.sin(), a.cos()]]) for a in angles]
    every = [mutual_information_gap(PLACES.double() @ turn.double(), VALUES) for turn in turns]
    assert found == pytest.approx(sum(every) / len(every), abs=0.1)
    assert found < mutual_information_gap(PLACES.double(), VALUES) - 0.3


def test_a_pruned_latent_tells_nothing():
    used, _ = predicted_mig(gram_of(50.0, 1.0)[0], 0.5, PLACES, VALUES)
    pruned, _ = predicted_mig(gram_of(50.0, 1.0)[0], 2.0, PLACES, VALUES)
    assert used > 0.95
    assert pruned == pytest.approx(used / 2, abs=0.05)


def test_the_interval_is_of_points_that_disagree():
    mixed = torch.cat([gram_of(4.0, 1.0, 0)[0], gram_of(4.0, 1.0, 50)[0]])
    found, (low, high) = predicted_mig(mixed, 0.1, PLACES, VALUES)
    assert low < found < high
    assert high - low > 0.02
