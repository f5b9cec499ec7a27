"""Local MIG: of latents that are the factors, of rotated ones, and where it has no meaning."""

import math
from dataclasses import replace

import pytest
import torch

from vaescope.data import Factors
from vaescope.statistics import LocalDisentanglement

STATISTIC = LocalDisentanglement(boxes=5, points=400, reach=0.1)


def test_latents_that_are_the_factors_reach_the_ceiling(held_out):
    found = STATISTIC(held_out())
    # five values in five bins; boxes at the edge have fewer
    assert found["val/local_mig"] == pytest.approx(1, abs=0.02)
    assert found["val/local_mig_ceiling"] == pytest.approx(1, abs=0.02)
    assert found["val/local_mig_chance"] < 0.05


def test_rotated_latents_are_not_aligned_anywhere(held_out):
    found = STATISTIC(held_out(math.pi / 4))
    assert found["val/local_mig"] < 0.2
    assert found["val/local_mig_ceiling"] == pytest.approx(1, abs=0.02)


def test_encoding_more_images_gives_their_codes_and_leaves_the_mode(held_out):
    encoded = held_out()
    encoded.model.train()
    found = encoded.encode(torch.tensor([3, 399, 3]))
    torch.testing.assert_close(found, encoded.mean[[3, 399, 3]])
    assert encoded.model.training
    assert not found.requires_grad


@pytest.mark.parametrize(
    ("sizes", "kinds"),
    [((20, 0), ("ordinal", "continuous")), ((20, 20), ("categorical", "categorical"))],
)
def test_nothing_where_no_box_can_be_made(held_out, sizes, kinds):
    encoded = held_out()
    dataset = type(encoded.dataset)()
    dataset.factors = Factors(names=("a", "b"), sizes=sizes, kinds=kinds)
    assert STATISTIC(replace(encoded, dataset=dataset)) == {}


def test_nothing_where_combinations_have_no_image(held_out):
    encoded = held_out()

    class Incomplete(type(encoded.dataset)):
        def __len__(self):
            return 399

    assert STATISTIC(replace(encoded, dataset=Incomplete())) == {}


@pytest.mark.parametrize(
    "option", [{"boxes": 0}, {"points": 1}, {"reach": 0.0}, {"least": 1}, {"bins": 1}]
)
def test_options_out_of_range_are_refused(option):
    with pytest.raises(ValueError, match=r"=.*: give an? .*(from|above) "):
        LocalDisentanglement(**option)
