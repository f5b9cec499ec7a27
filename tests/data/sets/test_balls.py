"""Two balls: places, colours, the sum of two images, and what is kept from training."""

import math

import pytest
import torch

from vaescope.data import Balls, BallsDataModule, Recombination
from vaescope.errors import ConfigError

PAINT = torch.tensor([[2, 156, 154], [222, 100, 100]]) / 255
PIXEL = (torch.arange(64) + 0.5).double()


def darkness_of_each(images):
    """Share of each pixel that each ball covers `[B, 2, 64, 64]`, from the colours."""
    dark = (1 - images.double()).permute(0, 2, 3, 1)
    per_ball = torch.linalg.lstsq((1 - PAINT).double().T, dark.reshape(-1, 3).T).solution
    return per_ball.T.reshape(len(images), 64, 64, 2).permute(0, 3, 1, 2)


@pytest.mark.parametrize("axes", ["vertical", "both"])
def test_balls_are_discs_where_their_factors_say(axes):
    data = Balls(num_points=200, axes=axes)
    values, radius = data.values(torch.arange(200)), 0.16 * 64
    centres = 64 * (0.1 + 0.8 * values.double())
    if axes == "vertical":
        whole = ((centres > radius) & (centres < 64 - radius)).all(1)
        x, y = torch.tensor([16.0, 48.0]).expand(200, 2), 64 - centres
    else:
        x, y = centres[:, 0::2], 64 - centres[:, 1::2]
        near = ((x - x.flip(1)) ** 2 + (y - y.flip(1)) ** 2).sqrt()[:, 0]
        assert near.min() >= 2 * radius - 1e-4  # they never overlap
        inside = (centres > radius) & (centres < 64 - radius)
        whole = inside.all(1) & (near > 2 * radius + 2)  # nor share a pixel
    share = darkness_of_each(data.images(values[whole]))
    area = share.sum((2, 3))
    assert whole.sum() >= 10
    assert (area / (math.pi * radius**2) - 1).abs().max() < 1e-4
    assert ((share.sum(2) * PIXEL).sum(2) / area - x[whole]).abs().max() < 0.01
    assert ((share.sum(3) * PIXEL).sum(2) / area - y[whole]).abs().max() < 0.01


def test_an_image_is_the_sum_of_its_balls():
    data = Balls(num_points=2)
    both = torch.rand(50, 2, generator=torch.Generator().manual_seed(0))
    first, second, neither = both.clone(), both.clone(), torch.full((50, 2), 0.5)
    first[:, 1], second[:, 0] = 0.5, 0.5
    total = data.images(first) + data.images(second) - data.images(neither)
    torch.testing.assert_close(data.images(both), total, rtol=0, atol=2e-5)


def test_a_corner_of_the_support_can_be_kept_from_training():
    module = BallsDataModule(
        num_points=2000, hold_out=Recombination([[0.5, 1.0], [0.5, 1.0]]), batch_size=16
    )
    module.setup()
    seen = module.dataset.values(torch.as_tensor(module.rows["train"]))
    kept = module.dataset.values(torch.as_tensor(module.rows["held_out"]))
    assert not (seen >= 0.5).all(1).any()
    assert (kept >= 0.5).all(1).all()
    assert len(kept) / 2000 == pytest.approx(0.25, abs=0.04)  # four standard errors


@pytest.mark.parametrize("arguments", [{"radius": 0.3}, {"axes": "x"}, {"num_points": 0}])
def test_impossible_arguments_are_refused(arguments):
    with pytest.raises(ConfigError, match=next(iter(arguments))):
        Balls(**arguments)
