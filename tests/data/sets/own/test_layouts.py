"""Orders of axes: said, guessed, refused where two are likely; MATLAB's files; sizes."""

from itertools import permutations

import h5py
import numpy as np
import pytest
import torch
from PIL import Image

from vaescope.data.files import array_files
from vaescope.data.sets.own.arrays import ArraysDataModule
from vaescope.data.sets.own.layouts import guess_layout
from vaescope.errors import ConfigError, DataError

N, H, W = 20, 6, 5
RNG = np.random.default_rng(0)
ALL = torch.arange(N)
UINT8 = np.dtype(np.uint8)


def images(channels):
    return RNG.integers(0, 256, (N, H, W, channels), dtype=np.uint8)


def sort_keys(array, layout):
    """An array `[N, H, W, C]` with its axes in another order, C left out where it has none."""
    kept = array if "C" in layout else array[..., 0]
    return np.ascontiguousarray(kept.transpose(["NHWC".index(letter) for letter in layout]))


def write(path, array):
    if path.suffix == ".npy":
        np.save(path, array)
    elif path.suffix == ".npz":
        np.savez(path, images=array)
    else:
        with h5py.File(path, "w") as file:
            file["images"] = array
    return path


def write_matlab(path, **arrays):
    """As ``save(path, '-v7.3')`` in MATLAB does: axes in reverse, and what each is."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in arrays.items():
            stored = array.astype(np.uint8) if array.dtype == bool else array
            file[name] = stored.T
            kinds = {"bool": "logical", "float64": "double", "float32": "single"}
            kind = kinds.get(str(array.dtype), str(array.dtype))
            file[name].attrs["MATLAB_class"] = np.bytes_(kind)
        file["#refs#/a"] = np.zeros((N, H, W))
    with path.open("rb+") as file:
        file.write(b"MATLAB 7.3 MAT-file, written by a test")
    return path


def opened(path, **options):
    module = ArraysDataModule(path=path, batch_size=4, **options)
    known = module.factors, module.image_shape  # before setup
    module.setup()
    assert known == (module.dataset.factors, module.dataset.image_shape)
    return module.dataset


LAYOUTS = ["".join(letters) for letters in (*permutations("NHW"), *permutations("NHWC"))]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_that_is_said_is_read(tmp_path, layout):
    original = images(3 if "C" in layout else 1)
    expected = original.transpose(0, 3, 1, 2) / np.float32(255)
    for suffix in (".npy", ".npz", ".h5"):
        path = write(tmp_path / f"mine{suffix}", sort_keys(original, layout))
        made = opened(path, layout=layout.lower())
        assert made.image_shape == expected.shape[1:]
        assert np.array_equal(made.batch(ALL).image.numpy(), expected)


@pytest.mark.parametrize("layout", ["HWN", "HWCN", "CNHW"])
@pytest.mark.parametrize("suffix", [".npy", ".npz", ".h5", ".mat"])
def test_pieces_are_rows_in_every_layout(tmp_path, monkeypatch, layout, suffix):
    monkeypatch.setattr(array_files, "_BYTES_AT_ONCE", 7 * H * W)
    original = images(3 if "C" in layout else 1)
    array = sort_keys(original, layout)
    path = tmp_path / f"mine{suffix}"
    _ = write_matlab(path, images=array) if suffix == ".mat" else write(path, array)
    found = opened(path, layout=layout).batch(ALL).image.numpy() * 255
    assert np.array_equal(np.rint(found), original.transpose(0, 3, 1, 2))
    axis = layout.index("N")
    pieces = list(array_files.array_pieces(path, next(iter(array_files.headers(path))), 3, axis))
    assert len(pieces) > 1 or suffix == ".npz"
    whole = np.concatenate(pieces, axis=axis)
    assert np.array_equal(whole, np.take(array, range(3, N), axis))


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((100, 64, 64), "NHW"),
        ((64, 64, 64), "NHW"),
        ((1000, 64, 128), "NHW"),
        ((N, H, W), "NHW"),
        ((1000, 64, 64, 3), "NHWC"),
        ((1000, 3, 64, 64), "NCHW"),
        ((1000, 2, 48, 64), "NCHW"),
        ((1000, 4, 4, 3), "NHWC"),
        ((1000, 64, 64, 5), "NHWC"),
        ((1000, 16, 64, 64), "NCHW"),
    ],
)
def test_what_is_clear_is_guessed(shape, expected):
    assert guess_layout(shape, UINT8, "it") == expected


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((64, 64, 120), "NHW if it holds 64 images of 64 x 120 or data.layout=HWN if it holds 120"),
        ((64, 64, 20), "two ways: say data.layout=NHW .* or data.layout=HWN"),
        ((48, 64, 1200), "NHW if it holds 48 images of 64 x 1200 or data.layout=HWN"),
        ((48, 64, 200), "data.layout=HWN if it holds 200 images of 48 x 64"),
        ((64, 64, 3), "data.layout=HWN if it holds 3 images"),
        ((64, 64, 3, 1000), "HWCN if it holds 1,000 images of 64 x 64 with 3 channels"),
        ((32, 32, 1, 300), "HWCN if it holds 300 images of 32 x 32 with 1 channels"),
        ((3, 64, 64, 1000), "CHWN if it holds 1,000 images of 64 x 64 with 3 channels"),
        ((1000, 1, 8, 1), "data.layout=NHWC .* or data.layout=NCHW"),
        ((1000, 20, 64, 64), r"images are numbers \[N, H, W\].* say data.layout=LETTERS"),
        ((1000, 9, 9, 9), r"images are numbers \[N, H, W\]"),
        ((20, 1, 1, 8, 8), r"images are numbers \[N, H, W\]"),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(shape, message):
    with pytest.raises(ConfigError, match=message):
        guess_layout(shape, UINT8, "it")


def test_rows_of_factors_tell_of_another_layout(tmp_path):
    path = write(tmp_path / "mine.npz", np.zeros((7, 20, H, 3), np.uint8))
    np.save(tmp_path / "v.npy", np.arange(20))
    with pytest.raises(DataError, match=r"20 rows of factor values.* with 7 images; say by data\."):
        _ = ArraysDataModule(path=path, factor_values=str(tmp_path / "v.npy")).factors


# MATLAB


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float64, np.float32, bool])
def test_matlab_files_have_their_axes_as_in_matlab(tmp_path, dtype):
    original = images(3)
    stored = original.astype(dtype)
    if np.dtype(dtype).kind == "f":
        stored = (original / 255).astype(dtype)
    if dtype is bool:
        stored, original = original > 99, 255 * (original > 99)
    values = np.stack([np.arange(N) % 4, np.arange(N) % 3], 1).astype(float)
    path = write_matlab(
        tmp_path / "mine.mat", images=sort_keys(stored, "HWCN"), latents=values, wide=values.T
    )
    assert set(array_files.headers(path)) == {"images", "latents", "wide"}
    made = opened(path, layout="HWCN", factor_values="latents")
    assert made.factors.kinds == ("ordinal", "ordinal")
    assert np.array_equal(made.values(ALL).numpy(), values)
    found = made.batch(ALL).image.numpy() * 255
    assert np.array_equal(np.rint(found), original.transpose(0, 3, 1, 2))
    with pytest.raises(ConfigError, match=r"data\.layout=HWCN if it holds 20 images of 6 x 5 with"):
        opened(path, images="images")
    with pytest.raises(DataError, match=r"has 2 rows of factor values for 20 images"):
        opened(path, layout="HWCN", factor_values="wide")


def test_matlab_files_of_old_versions_are_named_as_such(tmp_path):
    path = tmp_path / "old.mat"
    path.write_bytes(b"MATLAB 5.0 MAT-file, Platform: GLNXA64" + bytes(600))
    with pytest.raises(DataError, match=r"before 7\.3: save it there by save\(.*'-v7\.3'\)"):
        opened(path)


def test_texts_and_cells_of_matlab_are_no_numbers(tmp_path):
    path = write_matlab(tmp_path / "mine.mat", images=sort_keys(images(1), "NHW"))
    with h5py.File(path, "r+") as file:
        file["names"] = np.zeros((4, N), np.uint16)
        file["names"].attrs["MATLAB_class"] = np.bytes_("char")
    with pytest.raises(DataError, match="names is of MATLAB's class char, not of numbers"):
        opened(path, images="images", factor_values="names")


# size


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_images_of_any_channels_are_resized(tmp_path, channels, dtype):
    original = RNG.integers(0, 256, (3, 48, 64, channels), dtype=np.uint8)
    stored = original if dtype == np.uint8 else (original / 255).astype(dtype)
    made = opened(write(tmp_path / "a.npy", stored), size=32, layout="NHWC")
    assert made.image_shape == (channels, 32, 32)
    found = np.rint(made.batch(torch.arange(3)).image.numpy() * 255)
    for row in range(3):
        for channel in range(channels):
            plane = Image.fromarray(original[row, :, :, channel])
            expected = np.asarray(plane.resize((32, 32), Image.Resampling.BILINEAR))
            assert np.abs(found[row, channel] - expected).max() <= 1


def test_a_size_that_images_have_changes_nothing(tmp_path):
    original = RNG.integers(0, 256, (N, 8, 8, 3), dtype=np.uint8)
    path = write(tmp_path / "a.npy", original)
    same, other = opened(path, size=8), opened(path)
    assert torch.equal(same.batch(ALL).image, other.batch(ALL).image)
    assert opened(path, size=16).mapped.path != same.mapped.path
