import pickle
import re
from functools import partial

import h5py
import numpy as np
import pytest
import torch

from vaescope.data.files import array_files
from vaescope.data.files.checksums import read_record
from vaescope.data.files.npy_cache import MappedArray
from vaescope.data.sets.own.arrays import ArraysDataModule
from vaescope.data.sets.own.layouts import view_as_rows
from vaescope.errors import ConfigError, DataError

N, H, W = 20, 6, 5
RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (N, H, W, 3), dtype=np.uint8)
GREY = RNG.integers(0, 256, (N, H, W), dtype=np.uint8)
ALL = torch.arange(N)


def write_npy(path, images):
    np.save(path.with_suffix(".npy"), images)
    return path.with_suffix(".npy")


def write_npz(path, images, save=np.savez):
    save(path.with_suffix(".npz"), images=images)
    return path.with_suffix(".npz")


write_small_npz = partial(write_npz, save=np.savez_compressed)


def write_h5(path, images):
    with h5py.File(path.with_suffix(".h5"), "w") as file:
        file["group/images"] = images
    return path.with_suffix(".h5")


FILES = [write_npy, write_npz, write_small_npz, write_h5]
COLOURS = {
    "NHWC": COLOUR,
    "NCHW": COLOUR.transpose(0, 3, 1, 2),
    "columns first": np.asfortranarray(COLOUR),
    "float32": COLOUR / np.float32(255),
    "float64": COLOUR / 255,
    "int64": COLOUR.astype(np.int64),
}
GREYS = {
    "NHW": GREY,
    "NHWC": GREY[..., None],
    "NCHW": GREY[:, None],
    "float16": (GREY / 255).astype(np.float16),
}


def opened(path, **options):
    module = ArraysDataModule(path=path, batch_size=4, **options)
    known = module.factors, module.image_shape  # before setup
    module.setup()
    assert known == (module.dataset.factors, module.dataset.image_shape)
    return module.dataset


@pytest.fixture
def file(tmp_path):
    return tmp_path / "mine"


@pytest.mark.parametrize("write", FILES)
@pytest.mark.parametrize("form", COLOURS)
def test_every_form_of_colour_gives_the_same_images(file, write, form):
    made = opened(write(file, COLOURS[form]))
    assert made.image_shape == (3, H, W)
    expected = COLOUR.transpose(0, 3, 1, 2) / np.float32(255)
    assert np.array_equal(made.batch(ALL).image.numpy(), expected)
    assert np.array_equal(made.batch(torch.tensor([7, 2])).image.numpy(), expected[[7, 2]])


@pytest.mark.parametrize("write", FILES)
@pytest.mark.parametrize("form", GREYS)
def test_every_form_of_grey_gives_the_same_images(file, write, form):
    made = opened(write(file, GREYS[form]))
    assert made.image_shape == (1, H, W)
    assert np.array_equal(made.batch(ALL).image.numpy(), GREY[:, None] / np.float32(255))


@pytest.mark.parametrize("write", FILES)
@pytest.mark.parametrize(
    ("images", "white"),
    [
        ((GREY > 99).astype(np.uint8), 1),
        (GREY > 99, None),
        ((GREY > 99).astype(np.float32) * 7, 7),
        ((GREY > 99).astype(np.uint16) * 65535, 65535),
    ],
)
def test_white_may_be_another_number(file, write, images, white):
    made = opened(write(file, images), white=white)
    assert np.array_equal(made.batch(ALL).image.numpy(), (GREY > 99)[:, None])


@pytest.mark.parametrize("write", FILES)
def test_zeros_and_ones_are_not_taken_for_black_and_white_unasked(file, write):
    path = write(file, (GREY > 99).astype(np.uint8))
    with pytest.raises(DataError, match=r"say data\.white=1"):
        opened(path)
    assert opened(path, white=255).batch(ALL).image.max() == torch.tensor(1 / 255)


@pytest.mark.parametrize("write", FILES)
@pytest.mark.parametrize(
    ("images", "options"),
    [
        (GREY * 1.0, {"white": 255}),
        (GREY.astype(np.int32) * 2, {"white": 510}),
        (GREY.astype(np.uint16) * 257, {"white": 65535}),
        (GREY / 127.5 - 1, {"black": -1}),
        ((GREY / 127.5 - 1).astype(np.float32), {"black": -1}),
        (GREY - 0.5, {"black": -0.5, "white": 254.5}),
        ((GREY.astype(np.int16) - 128).astype(np.int8), {"black": -128, "white": 127}),
        ((GREY.astype(np.float32) - 100) / 50, {"black": -2, "white": 3.1}),
    ],
)
def test_pixels_beyond_black_and_white_are_refused_and_the_advice_works(
    file, write, images, options
):
    images[0, 0, :2] = images.min(), images.max()
    path = write(file, images)
    with pytest.raises(
        DataError, match=r"the first beyond in row 0, expected 0\.\.(1|255)"
    ) as told:
        opened(path)
    said = dict(re.findall(r"data\.(black|white)=(\S+)", str(told.value)))
    said = {name: float(value) for name, value in said.items()}
    assert said == pytest.approx(options, abs=1e-6)
    made = opened(path, **said)
    low, high = said.get("black", 0), said.get("white", 1)
    expected = np.rint((images.astype(np.float64) - low) / (high - low) * 255)
    found = made.batch(ALL).image.numpy()[:, 0] * 255
    assert np.abs(found - expected).max() < 1e-3


@pytest.mark.parametrize("write", FILES)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_no_numbers_are_told_with_their_row(file, write, value):
    images = GREY / 255
    images[7, 2, 3] = images[9, 1, 1] = value
    for options in ({}, {"black": -1, "white": 2}):
        with pytest.raises(DataError, match=f"has a pixel {value} in row 7; leave that image out"):
            opened(write(file, images), **options)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_rounding_beyond_black_and_white_is_no_fault(file, dtype):
    images = (GREY / 255).astype(dtype)
    noise = np.float64(max(1e-7, np.finfo(dtype).eps))
    images[0, 0, :2] = -noise, 1 + noise
    made = opened(write_npy(file, images))
    found = (made.batch(ALL).image[:, 0] * 255).numpy()
    assert np.array_equal(found[1:], GREY[1:])
    assert found[0, 0, :2].tolist() == [0, 255]
    images[3, 1, 1] = 1.01
    with pytest.raises(DataError, match="in row 3, expected"):
        opened(write_npy(file, images))


@pytest.mark.parametrize("write", FILES[1:])
def test_of_refused_images_nothing_is_left(file, tmp_path, write):
    images = GREY / 255
    images[15] = np.nan
    with pytest.raises(DataError, match="row 15"):
        opened(write(file, images), data_dir=tmp_path / "data")
    assert {path.suffix for path in (tmp_path / "data" / "arrays").iterdir()} <= {".lock"}


def test_four_channels_may_be_transparency(file, caplog):
    opened(write_npy(file, np.concatenate([COLOUR, COLOUR[..., :1]], -1)))
    assert "images have 4 channels, which are all learnt; if the last one is" in caplog.text
    caplog.clear()
    opened(write_npy(file, COLOUR))
    assert not caplog.records


def test_one_value_of_black_is_enough(file):
    images = (GREY / 127.5 - 1).astype(np.float32)
    made = opened(write_npy(file, images), black=-1)
    assert np.array_equal(np.rint(made.batch(ALL).image[:, 0].numpy() * 255), GREY)


def test_pixels_are_looked_at_piece_by_piece(file, monkeypatch):
    monkeypatch.setattr(array_files, "_BYTES_AT_ONCE", 3 * 2 * H * W)
    dark = GREY.astype(np.int16)
    dark[3:6] = 1  # a piece that has only 0 and 1
    assert opened(write_npz(file, dark)).batch(ALL).image[4].max() < 0.01
    dark[7] = 256
    with pytest.raises(DataError, match=r"\.\.256, the first beyond in row 7, expected 0\.\.255"):
        opened(write_npz(file, dark))


def test_uint8_npy_files_are_used_where_they_are(file, tmp_path):
    made = opened(write_npy(file, COLOUR), data_dir=tmp_path / "data")
    assert not (tmp_path / "data").exists()
    assert not made.mapped.array.flags.writeable


@pytest.mark.parametrize("write", FILES[1:])
def test_other_files_are_converted_once(file, tmp_path, monkeypatch, write):
    path = write(file, COLOUR)
    made = opened(path, data_dir=tmp_path / "data")
    assert made.mapped.path.parent == tmp_path / "data" / "arrays"
    assert read_record(made.mapped.path)["file"] == str(path)
    with monkeypatch.context() as patched:
        patched.setattr(array_files, "array_pieces", None)
        again = opened(path, data_dir=tmp_path / "data")
    assert again.mapped.path == made.mapped.path
    write(file, COLOUR[::-1])
    changed = opened(path, data_dir=tmp_path / "data")
    assert changed.mapped.path != made.mapped.path
    assert torch.equal(changed.batch(ALL).image, made.batch(ALL.flip(0)).image)


@pytest.mark.parametrize("images", [COLOUR, COLOUR.transpose(0, 3, 1, 2), GREY, COLOUR / 255])
def test_a_worker_is_sent_no_images(file, images):
    images = np.tile(images, (50, *[1] * (images.ndim - 1)))
    made = opened(write_npy(file, images))
    sent = pickle.dumps(made.mapped)
    assert len(sent) < 1000 < made.num_bytes
    rows = torch.tensor([3, 999])
    assert torch.equal(pickle.loads(sent).take(rows), made.mapped.take(rows))
    assert torch.equal(made.mapped.read("cpu")[rows], made.mapped.take(rows))


def test_workers_give_the_same_batches(file):
    path, seen = write_npz(file, COLOUR / 255), []
    for workers in (0, 2):
        module = ArraysDataModule(path=path, batch_size=4, num_workers=workers)
        module.setup()
        seen.append(torch.cat([batch.image for batch in module.train_dataloader()]))
    assert torch.equal(*seen)
    assert len(seen[0]) == 16


def test_a_mapped_file_that_changes_under_a_worker_is_told(file):
    path = write_npy(file, COLOUR)
    sent = pickle.dumps(MappedArray(path, COLOUR.shape, view=partial(view_as_rows, layout="NHWC")))
    write_npy(file, GREY)
    with pytest.raises(DataError, match="holds uint8"):
        pickle.loads(sent)


def test_a_conversion_that_was_stopped_goes_on(file, monkeypatch):
    monkeypatch.setattr(array_files, "_BYTES_AT_ONCE", 3 * H * W * 3)
    path = write_small_npz(file, COLOUR)
    straight = opened(path).mapped.path
    expected = read_record(straight)["sha256"]
    straight.unlink()
    frombuffer, done = np.frombuffer, []

    def stops(*arguments):
        done.append(arguments)
        if len(done) > 4:
            raise KeyboardInterrupt
        return frombuffer(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(np, "frombuffer", stops)
        with pytest.raises(KeyboardInterrupt):
            opened(path)
    assert straight.with_name(f"{straight.name}.part").stat().st_size == 128 + 12 * H * W * 3
    done.clear()
    with monkeypatch.context() as patched:
        patched.setattr(np, "frombuffer", lambda *a: done.append(a) or frombuffer(*a))
        opened(path)
    assert len(done) == 3  # of seven pieces
    assert read_record(straight)["sha256"] == expected


@pytest.mark.parametrize("name", ["imgs", "IMAGES", "x", "data"])
def test_images_are_found_by_their_name(file, name):
    np.savez(file.with_suffix(".npz"), **{name: GREY, "masks": GREY + 1})
    made = opened(file.with_suffix(".npz"))
    assert np.array_equal(made.batch(ALL).image.numpy(), GREY[:, None] / np.float32(255))


def test_images_are_found_by_their_axes(file):
    np.savez(file.with_suffix(".npz"), what=GREY, labels=np.zeros((N, 3)), other=np.zeros(N))
    assert opened(file.with_suffix(".npz")).image_shape == (1, H, W)


def test_several_candidates_are_listed(file):
    np.savez(file.with_suffix(".npz"), left=GREY, right=COLOUR)
    with pytest.raises(ConfigError, match=r"say data\.images=KEY") as told:
        opened(file.with_suffix(".npz"))
    assert f"left (uint8 [{N}, {H}, {W}]), right (uint8 [{N}, {H}, {W}, 3])" in str(told.value)
    assert opened(file.with_suffix(".npz"), images="right").image_shape == (3, H, W)
    with pytest.raises(ConfigError, match=r"images='up' was given, but .* left"):
        opened(file.with_suffix(".npz"), images="up")


@pytest.mark.parametrize("write", FILES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_vectors_stay_as_they_are(file, write, dtype):
    vectors = np.random.default_rng(1).normal(0, 9, (N, 7)).astype(dtype)
    made = opened(write(file, vectors))
    assert made.image_shape == (7,)
    image = made.batch(torch.tensor([5, 0])).image.numpy()
    assert image.dtype == np.float32
    assert np.array_equal(image, vectors[[5, 0]].astype(np.float32))
    assert made.num_bytes == 4 * 7 * N


def test_vectors_have_to_be_finite(file):
    vectors = np.ones((N, 3))
    vectors[7, 1] = np.inf
    with pytest.raises(DataError, match="not finite, the first ones in row 7"):
        opened(write_npy(file, vectors))


def test_vectors_may_be_columns_and_have_no_size(file):
    vectors = np.random.default_rng(1).normal(size=(7, N)).astype(np.float32)
    made = opened(write_npy(file, vectors), layout="xn")
    assert (len(made), made.image_shape) == (N, (7,))
    assert np.array_equal(made.batch(ALL).image.numpy(), vectors.T)
    with pytest.raises(ConfigError, match=r"size=8 was given, but .* holds vectors"):
        opened(write_npy(file, vectors), size=8)


def test_no_file_is_told_when_it_is_needed():
    module = ArraysDataModule()
    for ask in (lambda: module.factors, lambda: module.image_shape, module.setup):
        with pytest.raises(ConfigError, match=r"no file was given; say data\.path=FILE"):
            ask()


@pytest.mark.parametrize("suffix", [".H5", ".hdf", ".HDF5", ".he5", ".NPZ", ".NPY", ".mat"])
def test_the_endings_of_names_may_be_written_otherwise(file, suffix):
    path = file.with_suffix(suffix)
    write = {".NPZ": write_npz, ".NPY": write_npy}.get(suffix, write_h5)
    for images in (COLOUR, COLOUR / 255):
        write(file, images).rename(path)
        found = opened(path).batch(ALL).image.numpy()
        assert np.array_equal(found, COLOUR.transpose(0, 3, 1, 2) / np.float32(255))
        with pytest.raises(ConfigError, match="has the arrays"):
            opened(path, images="nothing")


def test_only_some_kinds_of_files_are_read(file):
    with pytest.raises(ConfigError, match=r"ends in \.npy, \.npz, \.h5, \.hdf5"):
        opened(file.with_suffix(".pt"))


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".h5"])
def test_missing_and_damaged_files_are_told(file, suffix):
    path = file.with_suffix(suffix)
    with pytest.raises(DataError, match=f"there is no {path}"):
        opened(path)
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(DataError, match="cannot be read, it is cut short, damaged"):
        opened(path)


@pytest.mark.parametrize("write", FILES)
def test_files_that_are_cut_short_are_told(file, write):
    path = write(file, COLOUR)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match="cannot be read, it is cut short, damaged") as told:
        opened(path)
    assert str(path) in str(told.value)


def test_a_damaged_member_is_told(file):
    path = write_npz(file, COLOUR)
    content = bytearray(path.read_bytes())
    content[content.index(COLOUR[3].tobytes())] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="Bad CRC"):
        opened(path)


@pytest.mark.parametrize(
    "images",
    [np.zeros(N), np.zeros((N, 3), np.uint8), np.zeros((N, 9, 9, 9)), np.full((N, 4, 4), "a")],
)
def test_arrays_that_are_no_images_are_refused(file, images):
    with pytest.raises(ConfigError, match=r"images are numbers \[N, H, W\]"):
        opened(write_npy(file, images))


@pytest.mark.parametrize("shape", [(0, 6, 5), (0, 6, 5, 3), (20, 0, 5)])
def test_arrays_without_anything_in_them_are_refused(file, shape):
    with pytest.raises(ConfigError, match="which holds nothing"):
        opened(write_npy(file, np.zeros(shape, np.uint8)), layout="NHWC"[: len(shape)])


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_images_that_are_python_objects_are_refused(file, suffix):
    images = np.array([GREY[0], GREY[1, :3]] * 10, dtype=object)
    if suffix == ".npy":
        np.save(file.with_suffix(suffix), images, allow_pickle=True)
    else:
        np.savez(file.with_suffix(suffix), images=images)
    with pytest.raises(ConfigError, match=r"is object .*; images are numbers"):
        opened(file.with_suffix(suffix))


def test_python_objects_are_not_read(file):
    path = file.with_suffix(".npz")
    np.savez(path, images=GREY, labels=np.array([{}] * N, dtype=object))
    with pytest.raises(DataError, match="Python objects"):
        opened(path, factor_values="labels")
