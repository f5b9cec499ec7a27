import numpy as np
import pytest
from PIL import Image

from vaescope.data.files.image_files import resize_images

METHODS = ("lanczos", "bilinear", "bicubic")


def kernel(method, x):
    """The filters' definitions; ``x`` in pixels of the smaller image."""
    x = np.abs(x)
    if method == "bilinear":
        return np.maximum(1 - x, 0)
    if method == "lanczos":
        return np.where(x < 3, np.sinc(x) * np.sinc(x / 3), 0)
    a = -0.5
    near, far = (a + 2) * x**3 - (a + 3) * x**2 + 1, a * (x**3 - 5 * x**2 + 8 * x - 4)
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def weights(method, size, side):
    """How much each of ``size`` pixels counts in each of ``side``, `[side, size]`."""
    scale = size / side
    centres = (np.arange(side) + 0.5) * scale
    found = kernel(method, (np.arange(size) + 0.5 - centres[:, None]) / scale)
    return found / found.sum(1, keepdims=True)


def smooth(rng, height, width, channels):
    noise = rng.normal(size=(3, height, width, channels)).cumsum(1).cumsum(2)
    low, high = noise.min(), noise.max()
    return ((noise - low) / (high - low) * 200 + 20).astype(np.uint8)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("height", "width"), [(128, 128), (96, 96), (100, 70)])
@pytest.mark.parametrize("channels", [1, 3])
def test_images_are_the_weighted_means_that_the_filter_says(rng, method, height, width, channels):
    images = smooth(rng, height, width, channels)
    found = resize_images(images, 64, method)
    assert (found.shape, found.dtype) == ((3, 64, 64, channels), np.uint8)
    across = np.einsum("xw,bhwc->bhxc", weights(method, width, 64), images.astype(float))
    expected = np.einsum("yh,bhxc->byxc", weights(method, height, 64), across)
    # rounded after each of the two passes; the weights' absolute sum is at most 1.4
    assert np.abs(found - expected).max() < 0.5 + 0.5 * 1.4 + 0.01


def test_the_filters_differ(rng):
    images = rng.integers(0, 256, (2, 128, 128, 3), dtype=np.uint8)
    made = [resize_images(images, 64, method) for method in METHODS]
    for one, other in ((0, 1), (1, 2), (0, 2)):
        assert (made[one] != made[other]).mean() > 0.3


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("grey", [0, 1, 77, 254, 255])
def test_constant_images_stay_constant(method, grey):
    images = np.full((2, 96, 128, 3), grey, np.uint8)
    assert (resize_images(images, 64, method) == grey).all()


def test_an_image_is_made_smaller_like_disentanglement_libs(rng):
    image = rng.integers(0, 256, (128, 128, 3), dtype=np.uint8)
    picture = Image.fromarray(image)
    picture.thumbnail((64, 64), Image.Resampling.LANCZOS)
    assert np.array_equal(resize_images(image[None], 64, "lanczos")[0], np.asarray(picture))


def test_images_of_the_right_size_are_left_alone(rng):
    images = rng.integers(0, 256, (2, 64, 64, 1), dtype=np.uint8)
    assert resize_images(images, 64, "lanczos") is images
