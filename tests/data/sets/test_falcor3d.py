"""Falcor3D and Isaac3D."""

import pickle

import numpy as np
import pytest
import torch
from PIL import Image

from builders.miniature import falcor3d, isaac3d
from builders.minibatches import images_of
from vaescope.data.files import image_files
from vaescope.data.files.checksums import read_record
from vaescope.data.sets.falcor3d_isaac3d import Falcor3DDataModule, Isaac3DDataModule
from vaescope.errors import DataError

SETS = [falcor3d, isaac3d]


@pytest.fixture(params=SETS, ids=["falcor3d", "isaac3d"])
def small(request, monkeypatch, tmp_path):
    """The module of a miniature, written and shrunk."""
    request.param.write(tmp_path)
    request.param.shrink(monkeypatch, tmp_path)
    return request.param


@pytest.fixture
def place(small, tmp_path):
    """Where its files lie."""
    return tmp_path / small.PLACE


def test_published_sizes():
    assert falcor3d.DATASET.factors.num_combinations == 233_280
    assert isaac3d.DATASET.factors.num_combinations == 737_280
    assert falcor3d.DATASET.factors.names[3:5] == ("lighting_z", "camera_x")
    sizes = dict(zip(isaac3d.DATASET.factors.names, isaac3d.DATASET.factors.sizes, strict=True))
    assert (sizes["robot_x"], sizes["robot_y"], sizes["object_scale"]) == (8, 5, 4)


def test_rows_are_the_combinations_in_order(small, tmp_path):
    made = small.DATASET(tmp_path)
    n = len(made)
    assert n == made.factors.num_combinations == 2 ** len(made.factors)
    rows = torch.arange(n)
    batch = made.batch(rows)
    assert torch.equal(batch.factors, made.factors.values(rows))
    image = (batch.image * 255).round().int()
    assert image.shape == (n, 3, 64, 64)
    assert torch.equal(image[:, 0] + 256 * image[:, 1], rows.int()[:, None, None].expand(n, 64, 64))
    middle = image[:, 2, :, 2:-2]  # two pixels of 0, 1, ..., 127 each: 0.5, 2.5, ...
    assert (middle - (2 * torch.arange(2, 62) + 0.5)).abs().max() <= 0.5
    assert torch.equal(images_of(made, batch.factors[5:9]), batch.image[5:9])


def test_labels_say_what_a_picture_shows(small, tmp_path, place):
    made = small.DATASET(tmp_path)
    levels = np.load(place / small.LABELS)
    for number in (0, 17, 63):
        values = torch.from_numpy(levels[number]).long()[None]
        shown = np.asarray(Image.open(place / "images" / f"{number:06d}.png"))
        found = (images_of(made, values) * 255).round()[0, :2, 32, 32].tolist()
        assert found == shown[64, 64, :2].tolist()


def test_a_worker_is_sent_no_images_and_the_folder_is_needed_once(small, tmp_path, place):
    made = small.DATASET(tmp_path)
    assert len(pickle.dumps(made)) < 10_000 < made.num_bytes
    place.rename(tmp_path / "away")
    again = small.DATASET(tmp_path)
    assert torch.equal(again.batch(torch.arange(3)).image, made.batch(torch.arange(3)).image)


@pytest.mark.parametrize("module", [Falcor3DDataModule, Isaac3DDataModule])
def test_the_page_of_the_archive_is_told(tmp_path, module):
    made = module(data_dir=tmp_path)
    assert made.image_shape == (3, 64, 64)
    with pytest.raises(DataError, match=r"https://drive\.google\.com/file/d/1") as told:
        made.setup()
    assert f"{made.data_source.title}_down128" in str(told.value)


def test_a_missing_picture_is_counted(small, tmp_path, place):
    (place / "images" / "000005.png").unlink()
    n = 2 ** len(small.SIZES)
    with pytest.raises(DataError, match=f"holds {n - 1} png files, expected {n}; extract"):
        small.DATASET(tmp_path)


def test_a_missing_folder_of_pictures_is_told(small, tmp_path, place):
    (place / "images").rename(tmp_path / "images")
    with pytest.raises(DataError, match=f"{place / 'images'} holds 0 png files"):
        small.DATASET(tmp_path)


def renamed(path):
    path.rename(path.with_name("999999.png"))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (renamed, "is missing"),
        (lambda path: path.write_bytes(path.read_bytes()[:-300]), "damaged"),
        (lambda path: path.write_bytes(b""), "no image"),
        (lambda path: Image.new("RGB", (64, 64)).save(path), "expected 128"),
    ],
)
def test_a_bad_picture_is_named(small, tmp_path, place, damage, message):
    damage(place / "images" / "000005.png")
    with pytest.raises(DataError, match=message) as told:
        small.DATASET(tmp_path)
    assert "000005.png" in str(told.value)


def changed(labels, row, column, value):
    labels[row, column] = value
    return labels


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda labels: labels[:-1], "holds labels"),
        (lambda labels: labels[:, :-1], "holds labels"),
        (lambda labels: changed(labels, 3, 1, 0.5), "3 levels of"),
        (lambda labels: changed(labels, 3, 1, 1 - labels[3, 1]), "every combination"),
        (lambda labels: np.zeros_like(labels), "1 levels of"),
    ],
)
def test_labels_that_are_not_the_grid_are_refused(small, tmp_path, place, change, message):
    path = place / small.LABELS
    with path.open("rb") as file:
        labels = np.load(file)
    with path.open("wb") as file:
        np.save(file, change(labels))
    with pytest.raises(DataError, match=message) as told:
        small.DATASET(tmp_path)
    assert str(path) in str(told.value)
    assert "extract" in str(told.value)


def test_damaged_labels_are_refused(small, tmp_path, place):
    path = place / small.LABELS
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(DataError, match="damaged or no file of"):
        small.DATASET(tmp_path)


def test_a_conversion_that_was_stopped_goes_on(small, monkeypatch, tmp_path):
    monkeypatch.setattr(image_files, "_AT_ONCE", 8)
    straight = small.DATASET(tmp_path)
    expected = read_record(straight.path)["sha256"]
    straight.path.unlink()
    read, done = image_files.Decoder.read, []

    def stops(self, picture, name=""):
        done.append(name)
        if len(done) > 40:
            raise KeyboardInterrupt
        return read(self, picture, name)

    with monkeypatch.context() as patched:
        patched.setattr(image_files.Decoder, "read", stops)
        with pytest.raises(KeyboardInterrupt):
            small.DATASET(tmp_path)
    resumed = small.DATASET(tmp_path)
    assert read_record(resumed.path)["sha256"] == expected
