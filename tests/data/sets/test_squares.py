"""Squares on a grid against plain loops, and what their pixel distances say about the factors."""

import numpy as np
import pytest
import torch
from scipy import stats

from vaescope.data.factors import Factors
from vaescope.data.sets.xy_squares_xy_object import (
    XYObject,
    XYObjectDataModule,
    XYSquares,
    XYSquaresDataModule,
)
from vaescope.errors import ConfigError


def random_values(dataset, count=50):
    return dataset.factors.sample(count, np.random.default_rng(0))


def test_the_published_sizes():
    squares, boxes = XYSquares(), XYObject()
    assert len(squares) == 8**6 == 262_144
    assert squares.factors.names == ("x_1", "y_1", "x_2", "y_2", "x_3", "y_3")
    assert len(boxes) == 25 * 25 * 5 * 24 == 75_000
    assert boxes.factors.names == ("x", "y", "scale", "color")


def test_default_squares_tile_the_image():
    dataset = XYSquares()
    values = random_values(dataset)
    expected = np.zeros((50, 3, 64, 64), np.float32)
    for image, row in zip(expected, values.tolist(), strict=True):
        for channel in range(3):
            x, y = row[2 * channel : 2 * channel + 2]
            image[channel, 8 * y : 8 * y + 8, 8 * x : 8 * x + 8] = 1
    assert np.array_equal(dataset.images(values).numpy(), expected)
    batch = dataset.batch(dataset.factors.index(values))
    assert np.array_equal(batch.image.numpy(), expected)
    assert torch.equal(batch.factors, values)


@pytest.mark.parametrize(
    ("arguments", "placements", "first"),
    [
        ({"spacing": 1}, 8, 24),  # 24 + 15 + 25
        ({"spacing": 7}, 8, 3),  # 3 + 57 + 4
        ({"spacing": 9}, 7, 1),  # 1 + 62 + 1
        ({"spacing": 100}, 1, 28),
        ({"square_size": 5, "spacing": 5, "max_placements": 3}, 3, 24),
        ({"spacing": 1, "num_squares": 1, "max_placements": 100}, 57, 0),
        ({"square_size": 64, "num_squares": 2}, 1, 0),
    ],
)
def test_positions_follow_from_the_options_and_are_centred(arguments, placements, first):
    dataset = XYSquares(**arguments)
    size, spacing = arguments.get("square_size", 8), arguments.get("spacing", 8)
    num_squares = arguments.get("num_squares", 3)
    assert dataset.factors.sizes == (placements,) * 2 * num_squares
    values = random_values(dataset)
    image = dataset.images(values)
    assert image.shape == (50, 3, 64, 64)
    areas = [size**2] * num_squares + [0] * (3 - num_squares)
    assert image.sum((2, 3)).tolist() == [areas] * 50
    for square in range(num_squares):
        inside = image[:, square].nonzero().view(50, size**2, 3)[..., 1:]
        expected = first + spacing * values[:, [2 * square + 1, 2 * square]]
        assert torch.equal(inside.amin(1), expected)
        assert torch.equal(inside.amax(1), expected + size - 1)


def pixel_and_factor_distances(**arguments):
    """Squared pixel distances and factor differences of all pairs of positions of one square."""
    dataset = XYSquares(num_squares=1, **arguments)
    values = dataset.values(torch.arange(64))
    images = dataset.images(values).flatten(1)
    one, two = torch.triu_indices(64, 64, 1)
    squared = (images[one] - images[two]).square().sum(1)
    return squared.numpy(), (values[one] - values[two]).abs().numpy()


@pytest.mark.parametrize("spacing", [8])
def test_without_overlap_all_positions_are_equally_far_apart(spacing):
    squared, _ = pixel_and_factor_distances(spacing=spacing)
    assert (squared == 2 * 64).all()  # every square leaves its 64 pixels for 64 others


@pytest.mark.parametrize("spacing", [1, 3, 7])
def test_with_overlap_pixel_distances_grow_with_those_of_the_factors(spacing):
    squared, difference = pixel_and_factor_distances(spacing=spacing)
    shared = (8 - spacing * difference).clip(0).prod(1)
    assert np.array_equal(squared, 2 * (64 - shared))
    order = stats.spearmanr(squared, difference.sum(1)).statistic
    assert order > {1: 0.9, 3: 0.4, 7: 0.2}[spacing]


def test_distances_of_several_squares_count_those_that_moved():
    dataset = XYSquares()
    values = random_values(dataset, 300)
    other = values.roll(1, 0)
    other[:100, :2] = values[:100, :2]  # some pairs whose red squares are in one place
    moved = (values != other).view(-1, 3, 2).any(2).sum(1)
    squared = (dataset.images(values) - dataset.images(other)).square().sum((1, 2, 3))
    assert set(moved.tolist()) >= {2, 3}
    assert torch.equal(squared, 128.0 * moved)


def test_a_square_object_is_drawn_as_by_a_loop():
    dataset = XYObject()
    values = random_values(dataset, 200)
    rainbow = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1], [1, 0, 1]])
    expected = np.zeros((200, 3, 64, 64), np.float32)
    for image, (x, y, scale, colour) in zip(expected, values.tolist(), strict=True):
        size = (7, 9, 11, 13, 15)[scale]
        left, top = (2 * place + (15 - size) // 2 for place in (x, y))
        level = (63, 127, 191, 255)[colour // 6] / 255
        image[:, top : top + size, left : left + size] = level * rainbow[colour % 6][:, None, None]
    np.testing.assert_array_equal(dataset.images(values).numpy(), expected)


@pytest.mark.parametrize(
    ("palette", "shades", "count"),
    [("rainbow", 1, 6), ("rgb", 2, 6), ("colors", 4, 28), ("greys", 255, 255)],
)
def test_palettes_have_different_colours(palette, shades, count):
    dataset = XYObject(palette=palette, shades=shades)
    assert dataset.factors.sizes == (25, 25, 5, count)
    values = torch.zeros(count, 4, dtype=torch.int64)
    values[:, 3] = torch.arange(count)
    colours = dataset.images(values)[:, :, 7, 7]
    assert len(colours.unique(dim=0)) == count
    assert colours.max() == 1
    assert colours.amax(1).min() == 255 // shades / 255  # the darkest step


def test_sizes_share_their_centre():
    dataset = XYObject(spacing=5, min_size=2, max_size=10, size_step=4, palette="greys", shades=1)
    assert dataset.factors.sizes == (11, 11, 3, 1)
    values = torch.tensor([[3, 10, scale, 0] for scale in range(3)])
    image = dataset.images(values)[:, 0]
    assert image.sum((1, 2)).tolist() == [4, 36, 100]
    pixel = torch.arange(64) + 0.5
    for axis, centre in ((1, 5 * 3 + 5), (2, 5 * 10 + 5)):
        centres = (image.sum(axis) * pixel).sum(1) / image.sum((1, 2))
        assert centres.tolist() == pytest.approx([centre] * 3)


@pytest.mark.parametrize("dataset", [XYSquares(), XYObject()], ids=["squares", "object"])
def test_images_are_all_different(dataset):
    rows = torch.from_numpy(np.random.default_rng(0).choice(len(dataset), 1000, replace=False))
    image = dataset.batch(rows).image
    assert len(image.flatten(1).unique(dim=0)) == 1000


@pytest.mark.parametrize(
    ("module", "arguments", "sizes"),
    [
        (XYSquaresDataModule, {"spacing": 9, "num_squares": 2}, (7,) * 4),
        (XYObjectDataModule, {"max_size": 9, "shades": 1}, (28, 28, 2, 6)),
    ],
)
def test_a_module_knows_its_factors_before_setup(module, arguments, sizes):
    made = module(**arguments, batch_size=4)
    assert isinstance(made.factors, Factors)
    assert made.factors.sizes == sizes
    assert made.image_shape == (3, 64, 64)
    made.setup()
    assert made.dataset.factors == made.factors
    assert next(iter(made.train_dataloader())).image.shape == (4, 3, 64, 64)


@pytest.mark.parametrize(
    ("dataset", "arguments", "message"),
    [
        (XYSquares, {"square_size": 65}, "square_size=65.* from 1 to 64"),
        (XYSquares, {"square_size": 0}, "square_size=0"),
        (XYSquares, {"spacing": 0}, "spacing=0"),
        (XYSquares, {"num_squares": 4}, "num_squares=4.* from 1 to 3"),
        (XYSquares, {"max_placements": 0}, "max_placements=0"),
        (XYSquares, {"spacing": 1, "max_placements": 57}, "34,296,447,249 images"),
        (XYObject, {"spacing": 0}, "spacing=0"),
        (XYObject, {"min_size": 17}, "min_size=17, max_size=15"),
        (XYObject, {"max_size": 66}, "max_size=66"),
        (XYObject, {"max_size": 14}, "even"),
        (XYObject, {"size_step": 1}, "even"),
        (XYObject, {"palette": "pink"}, "'pink'.* 'rainbow', 'rgb', 'colors', 'greys'"),
        (XYObject, {"shades": 0}, "shades=0"),
    ],
)
def test_impossible_options_are_refused(dataset, arguments, message):
    with pytest.raises(ConfigError, match=message):
        dataset(**arguments)
