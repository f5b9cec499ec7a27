"""Images of any number of channels are drawn, in training and on the page of a data set."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from vaescope.data import ArraysDataModule
from vaescope.report.data.figures import picture_grid
from vaescope.report.data.page import write_data_page
from vaescope.report.figures import (
    channels_told,
    drawable,
    reconstruction_figure,
    sheet_figure,
    traversal_figure,
)

R, S, H, W = 2, 3, 6, 5


def images_of(channels, *leading):
    return torch.rand(*leading, channels, H, W, generator=torch.Generator().manual_seed(0))


def bitmap_of(figure):
    (axis,) = figure.axes
    (image,) = axis.images
    return np.asarray(image.get_array()), axis.get_title()


def tiles(bitmap, rows, columns):
    """Tiles `[R, S, height, W, ...]` of a bitmap."""
    height = bitmap.shape[0] // rows
    parts = bitmap.reshape(rows, height, columns, -1, *bitmap.shape[2:])
    return np.moveaxis(parts, 2, 1)


@pytest.mark.parametrize("channels", range(1, 8))
def test_every_channel_is_a_grey_picture_or_all_three_a_colour(channels):
    images = images_of(channels, R, S)
    figure = traversal_figure(images, ["z0", "z1"], "title", extent=2)
    figure.canvas.draw()
    bitmap, title = bitmap_of(figure)
    found = tiles(bitmap, R, S)
    assert title == "\n".join(filter(None, ["title", channels_told(channels)]))
    if channels == 3:
        assert np.array_equal(found, images.permute(0, 1, 3, 4, 2).numpy())
        return
    shown = min(channels, 4)
    assert found.shape == (R, S, shown * H, W)
    for channel in range(shown):
        part = found[:, :, channel * H : (channel + 1) * H]
        assert np.array_equal(part, images[:, :, channel].numpy())


def test_what_is_shown_is_told():
    assert [channels_told(channels) for channels in (1, 3)] == ["", ""]
    assert channels_told(2).startswith("all 2 channels")
    assert channels_told(9).startswith("the first 4 of 9 channels")
    assert drawable(images_of(3)).shape == (3, H, W)
    assert drawable(images_of(5)).shape == (1, 4 * H, W)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
def test_reconstructions_and_sheets_are_drawn(channels):
    images = images_of(channels, 5)

    class Copies(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(1))

        def encode(self, image):
            return type("Posterior", (), {"mean": image})

        def decode_mean(self, code):
            return code

    made = [reconstruction_figure(Copies(), images), sheet_figure(images, "sheet", columns=3)]
    for figure in made:
        figure.canvas.draw()
    given, rebuilt = tiles(bitmap_of(made[0])[0], 2, 5)
    assert np.array_equal(given, rebuilt)
    expected = images.permute(0, 2, 3, 1) if channels == 3 else drawable(images)[:, 0]
    assert np.array_equal(given, expected.numpy())


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
def test_the_page_of_a_data_set_draws_them(tmp_path, channels):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "a.npy", rng.integers(0, 256, (40, 16, 16, channels), dtype=np.uint8))
    np.save(tmp_path / "v.npy", np.stack([np.arange(40) % 4, np.arange(40) % 5], 1))
    module = ArraysDataModule(
        path=tmp_path / "a.npy", factor_values=str(tmp_path / "v.npy"), layout="NHWC", batch_size=4
    )
    module.setup()
    plain = {"seed": 0, "num_images": 9, "num_statistics": 40, "threads": 1}
    text = write_data_page(tmp_path, module, plain, "config").read_text()
    assert ("one below the other" in text) == (channels not in (1, 3))


def test_the_grid_of_a_page_has_the_channels_below_one_another():
    images = images_of(2, R, S)
    uri = picture_grid(images)
    bitmap = np.array(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("L"))
    scale = 11  # 6 x 5 pixels, at least 64 high
    expected = (images * 255).round().byte().numpy()
    for row in range(R):
        for column in range(S):
            top, left = row * (2 * H * scale + 2), column * (W * scale + 2)
            tile = bitmap[top : top + 2 * H * scale, left : left + W * scale]
            assert np.array_equal(tile[5::scale, 5::scale], expected[row, column].reshape(-1, W))
