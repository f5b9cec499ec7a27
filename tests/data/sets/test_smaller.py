"""Sets of 64 pixels at a lower resolution: means over squares of pixels."""

import numpy as np
import pytest
import torch

from vaescope.data import (
    ColorDSpritesDataModule,
    DSpritesDataModule,
    NoisyDSpritesDataModule,
    Shapes3DLikeDataModule,
    XYSquaresDataModule,
)
from vaescope.errors import ConfigError

KINDS = {
    DSpritesDataModule: {"cache": False},
    ColorDSpritesDataModule: {"cache": False},
    NoisyDSpritesDataModule: {"cache": False},
    Shapes3DLikeDataModule: {"cache": False},
    XYSquaresDataModule: {"spacing": 3},
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_pixels_are_means_over_squares(kind, tmp_path):
    options = KINDS[kind] | ({"data_dir": tmp_path} if "cache" in KINDS[kind] else {})
    whole, small = kind(**options), kind(**options, side=16)
    channels = whole.image_shape[0]
    assert small.image_shape == (channels, 16, 16)  # before anything is read
    rows = torch.from_numpy(np.random.default_rng(0).integers(len(whole.unloaded), size=6))
    large, means = whole.build().batch(rows).image, small.build().batch(rows).image
    expected = large.view(6, channels, 16, 4, 16, 4).mean((3, 5))
    torch.testing.assert_close(means, expected)
    assert means.std() > 0


def test_a_side_that_does_not_divide_is_refused():
    with pytest.raises(ConfigError, match="side"):
        XYSquaresDataModule(side=24)
