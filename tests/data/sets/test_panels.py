"""Panels: images linear in two factors, with principal directions known in closed form."""

import math

import pytest
import torch

from vaescope.data import Panels
from vaescope.errors import ConfigError


def principal_directions(turn):
    """Principal directions in factor space [2, 2] and the pixels' variances along them."""
    dataset = Panels(turn=turn)
    batch = dataset.batch(torch.arange(len(dataset)))
    w = batch.factors.double()
    w = (w - w.mean(0)) / w.std(0, correction=0)
    pixels = batch.image.double().flatten(1)
    slopes = torch.linalg.lstsq(w, pixels - pixels.mean(0)).solution  # [2, 256]
    assert torch.allclose(w @ slopes, pixels - pixels.mean(0), atol=1e-6)  # linear
    _, values, directions = torch.linalg.svd(slopes.T, full_matrices=False)
    return directions, values.square()


@pytest.mark.parametrize("turn", [0, 30, 45])
def test_principal_directions_are_the_panels(turn):
    directions, variances = principal_directions(turn)
    expected = [80 * 0.04, 48 * 0.04]
    assert variances.tolist() == pytest.approx(expected, rel=1e-5)
    angle = math.degrees(math.atan2(abs(directions[0, 1]), abs(directions[0, 0])))
    assert angle == pytest.approx(turn, abs=1e-3)


def test_pixels_stay_inside_the_amplitude():
    for turn in (0, 45):
        dataset = Panels(turn=turn, amplitude=0.2)
        image = dataset.batch(torch.arange(len(dataset))).image
        reach = 0.2 * 15.5 / math.sqrt((32**2 - 1) / 12) * (math.sqrt(2) if turn else 1)
        assert (image - 0.5).abs().max() == pytest.approx(reach, abs=1e-6)
        assert (image[:, 0, 8:] == 0.5).all()  # 128 pixels have no panel


def test_bad_options_are_refused():
    with pytest.raises(ConfigError, match="first"):
        Panels(first=200)
    with pytest.raises(ConfigError, match="amplitude"):
        Panels(amplitude=0.5)
