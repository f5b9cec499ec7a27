"""PIPE of images that are told always, never, and in a share that is known."""

from functools import partial

import pytest
import torch
from torch import nn

from vaescope.errors import InputError
from vaescope.metrics import pipe_score


def classifier(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 1))


def uniform(low, high, count=4000, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return low + (high - low) * torch.rand(count, 1, generator=generator)


def quickly(*images, updates=400):
    quick = {"batch_size": 256, "learning_rate": 0.02}
    return pipe_score(*images, classifier(), updates=updates, **quick)


@pytest.mark.parametrize(("odd", "expected"), [(0, 1.0), (2000, 0.5), (4000, 0.0)])
def test_it_is_twice_the_error_of_the_best_classifier(odd, expected):
    """So many of 4,000 mixed images are odd and can be told, the others look like all others."""
    mixed = torch.cat([uniform(0, 1, 4000 - odd, seed=1), uniform(2, 3, odd, seed=2)])
    assert quickly(uniform(0, 1), mixed) == pytest.approx(expected, abs=0.1)


def test_it_belongs_to_its_seed():
    score = partial(quickly, uniform(0, 1), uniform(0.5, 1.5, seed=1))
    first = score(updates=5)
    assert score(updates=5) == first
    assert 0 <= first <= 1


def test_images_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match=r"\[4, 1\] and \[5, 1\]: give as many of both"):
        pipe_score(uniform(0, 1, 4), uniform(0, 1, 5), classifier())
    with pytest.raises(InputError, match="at least 4"):
        pipe_score(uniform(0, 1, 3), uniform(0, 1, 3), classifier())
