import os
import pickle
import shutil
import socket

import numpy as np
import pytest
import torch
from PIL import Image

from builders.miniature import arrays, image_folder
from vaescope.data.dataset import RenderedDataset
from vaescope.data.files import image_files
from vaescope.data.files.checksums import read_record
from vaescope.data.sets.own.image_folder import ImageFolderDataModule
from vaescope.errors import ConfigError, DataError

NUM = image_folder.NUM
ALL = torch.arange(NUM)


@pytest.fixture
def folder(tmp_path):
    image_folder.write(tmp_path)
    return image_folder.path(tmp_path)


def opened(folder, **options):
    module = ImageFolderDataModule(path=folder, batch_size=4, **options)
    known = module.factors, module.image_shape  # before setup
    module.setup()
    dataset = module.dataset
    assert known == (dataset.factors, dataset.image_shape)
    return dataset


def test_pictures_belong_to_the_lines_of_the_csv_file(folder):
    made = opened(folder, factor_values="factors.csv")
    assert made.factors.names == ("column", "depth", "tint")
    assert made.factors.kinds == ("ordinal", "continuous", "categorical")
    assert made.factors.sizes == (8, 0, 3)
    batch = made.batch(ALL)
    expected = torch.from_numpy(arrays.images()).permute(0, 3, 1, 2) / 255
    # they are twice as large and were made smaller again
    distance = torch.cdist(batch.image.flatten(1), expected.flatten(1))
    assert torch.equal(distance.argmin(1), ALL)
    assert (batch.image - expected).abs().mean() < 0.01
    column, row, brightness = arrays.values().T
    assert np.array_equal(batch.factors[:, 0], (column - 10) // 2)
    assert np.allclose(batch.factors[:, 1], row / row.max())
    tints = {"bright": 0, "dark": 1, "medium": 2}
    of_row = [tints[image_folder.TINTS[str(value)]] for value in brightness]
    assert batch.factors[:, 2].tolist() == of_row


def test_columns_may_be_chosen_and_be_circular(folder):
    options = {"factor_names": ["tint", "column"], "factor_kinds": ["categorical", "circular"]}
    made = opened(folder, factor_values=str(folder / "factors.csv"), **options)
    assert made.factors.names == ("tint", "column")
    assert made.factors.kinds == ("categorical", "circular")
    assert made.values(ALL).dtype == torch.int64


def test_the_column_of_files_may_have_another_name(folder):
    path = folder / "factors.csv"
    path.write_text(path.read_text().replace("column,file", "column,picture"))
    made = opened(folder, factor_values="factors.csv", file_column="picture")
    assert len(made.factors) == 3
    with pytest.raises(ConfigError, match=r"'file' was given, but .* column, picture, "):
        opened(folder, factor_values="factors.csv")


def test_without_a_csv_file_rows_are_in_the_order_of_names(folder):
    made = opened(folder)
    assert len(made.factors) == 0
    names = sorted(row["file"] for row in image_folder.rows())
    order = [int(name[2:5]) for name in names]
    expected = torch.from_numpy(arrays.images()[order]).permute(0, 3, 1, 2) / 255
    assert (made.batch(ALL).image - expected).abs().mean() < 0.01
    assert not isinstance(made, RenderedDataset)


def test_size_and_channels(folder):
    made = opened(folder, size=None, channels=1)
    assert made.image_shape == (1, 128, 128)
    first = sorted(row["file"] for row in image_folder.rows())[0]
    grey = np.asarray(Image.open(folder / first).convert("L")) / np.float32(255)
    assert np.array_equal(made[0]["image"][0].numpy(), grey)
    small = opened(folder, size=16)
    assert small.image_shape == (3, 16, 16)
    exact = opened(folder, size=None).batch(ALL).image
    pooled = torch.nn.functional.avg_pool2d(exact, 8)
    assert (small.batch(ALL).image - pooled).abs().mean() < 0.01


def test_pictures_are_decoded_once(folder, tmp_path, monkeypatch):
    made = opened(folder, data_dir=tmp_path / "data")
    path = made.mapped.path
    assert path.parent == tmp_path / "data" / "arrays"
    with monkeypatch.context() as patched:
        patched.setattr(image_files.Decoder, "read", None)
        assert opened(folder, data_dir=tmp_path / "data").mapped.path == path
    Image.new("RGB", (128, 128), (1, 2, 3)).save(folder / "a" / "002.png")
    changed = opened(folder, data_dir=tmp_path / "data")
    assert changed.mapped.path != path
    assert sum((changed.batch(ALL).image != made.batch(ALL).image).flatten(1).any(1)) == 1
    assert opened(folder, data_dir=tmp_path / "data", size=32).mapped.path != path


def test_a_worker_is_sent_no_images(folder):
    made = opened(folder, factor_values="factors.csv")
    assert len(pickle.dumps(made)) < 10_000 < made.num_bytes


def test_a_conversion_that_was_stopped_goes_on(folder, monkeypatch):
    monkeypatch.setattr(image_files, "_AT_ONCE", 8)
    straight = opened(folder).mapped.path
    expected = read_record(straight)["sha256"]
    straight.unlink()
    read, done = image_files.Decoder.read, []

    def stops(self, picture, name=""):
        done.append(name)
        if len(done) > 40:
            raise KeyboardInterrupt
        return read(self, picture, name)

    with monkeypatch.context() as patched:
        patched.setattr(image_files.Decoder, "read", stops)
        with pytest.raises(KeyboardInterrupt):
            opened(folder)
    assert straight.with_name(f"{straight.name}.part").exists()
    assert read_record(opened(folder).mapped.path)["sha256"] == expected


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:120]), "damaged"),
        (lambda path: path.write_text("<html>"), "no image"),
        (lambda path: Image.new("F", (128, 128)).save(path, "TIFF"), "8 bits"),
    ],
)
def test_a_bad_picture_is_named(folder, damage, message):
    damage(folder / "b" / "007.png")
    with pytest.raises(DataError, match=message) as told:
        opened(folder)
    assert str(folder / "b" / "007.png") in str(told.value)


def test_pictures_of_several_sizes_need_a_size(folder):
    Image.new("RGB", (128, 99)).save(folder / "b" / "007.png")
    with pytest.raises(
        DataError, match="128 pixels wide and 99 high, expected 128 and 128; give all"
    ):
        opened(folder, size=None)
    assert len(opened(folder)) == NUM


def test_pictures_and_lines_have_to_match(folder):
    (folder / "b" / "007.png").rename(folder / "b" / "new.png")
    with pytest.raises(
        DataError, match=r"names b/007\.png and 0 other image files that are not in"
    ):
        opened(folder, factor_values="factors.csv")
    (folder / "b" / "new.png").rename(folder / "b" / "007.png")
    path = folder / "factors.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:-2]))
    with pytest.raises(DataError, match=r"no line for a/094\.png and 1 other image files"):
        opened(folder, factor_values="factors.csv")


def test_hidden_and_other_files_are_left_out(folder):
    (folder / "a" / "._002.png").write_bytes(b"of another system")
    (folder / "notes.txt").write_text("none")
    (folder / "b" / "007.png").rename(folder / "b" / "007.PNG")
    assert len(opened(folder)) == NUM


def test_a_picture_may_have_one_line_only(folder):
    path = folder / "factors.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, lines[-1]]))
    with pytest.raises(DataError, match=r"has 2 lines for .*; keep one"):
        opened(folder, factor_values="factors.csv")


def test_paths_of_windows_are_understood(folder):
    path = folder / "factors.csv"
    path.write_text(path.read_text().replace("/", "\\").replace(",", ";"))
    made = opened(folder, factor_values="factors.csv")
    assert made.factors.names == ("column", "depth", "tint")
    assert torch.equal(made.values(ALL)[:, 0], (torch.from_numpy(arrays.values())[:, 0] - 10) // 2)


def test_a_file_may_be_called_by_a_number(tmp_path):
    for number in range(3):
        Image.new("L", (8, 8), 50 * number).save(tmp_path / f"{number}.png")
    lines = ["file,grey", *(f"{number}.png,{number}" for number in (2, 0, 1))]
    (tmp_path / "f.csv").write_text("\n".join(lines))
    made = opened(tmp_path, factor_values="f.csv", channels=1, size=None)
    batch = made.batch(torch.arange(3))
    assert torch.equal(batch.factors[:, 0], torch.tensor([2, 0, 1]))
    assert torch.allclose(batch.image.mean((1, 2, 3)) * 255, torch.tensor([100.0, 0, 50]))


def test_the_shape_is_known_without_a_folder_and_the_rest_is_asked_for():
    module = ImageFolderDataModule()
    assert module.image_shape == (3, 64, 64)
    for ask in (lambda: module.factors, module.setup):
        with pytest.raises(ConfigError, match=r"no folder was given; say data\.path=FOLDER"):
            ask()


def test_a_folder_has_to_hold_pictures(tmp_path):
    with pytest.raises(DataError, match=f"{tmp_path} holds no images"):
        opened(tmp_path)
    with pytest.raises(DataError, match="there is no folder"):
        opened(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 0}, "from 1 to 8,192 or null"),
        ({"size": 6.5}, "from 1 to 8,192 or null"),
        ({"size": 10**9}, "from 1 to 8,192 or null"),
        ({"channels": 2}, "channels=2: give one of 1, 3"),
        ({"canvas": "nothing"}, "choose a grey value 0..255, or a colour"),
        ({"factor_values": "f.csv", "factor_names": "a"}, r"give a list: data.factor_names=\[a\]"),
        ({"canvas": 256}, "choose a grey value"),
        ({"canvas": True}, "choose a grey value"),
        ({"canvas": "#ff000080"}, "choose a grey value"),
        ({"suffixes": []}, "choose some that Pillow reads"),
        ({"suffixes": ["csv"]}, "choose some that Pillow reads"),
        ({"factor_names": ["a"]}, r"without data\.factor_values"),
    ],
)
def test_settings_that_do_not_fit_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        ImageFolderDataModule(**options)


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_what_is_no_file_is_not_waited_for(folder, kind):
    place = folder / "pictures.png" if folder.is_dir() else folder
    if kind == "pipe":
        os.mkfifo(place)
    else:
        with socket.socket(socket.AF_UNIX) as made:
            os.chdir(folder)
            made.bind(place.name)
    with pytest.raises(DataError, match="is a pipe, a socket or a device"):
        opened(folder)


def test_a_conversion_in_the_place_of_another_is_refused(folder, tmp_path):
    made = []
    for canvas in ("black", "white"):
        opened(folder, data_dir=tmp_path / "data", canvas=canvas)
        made += [path for path in (tmp_path / "data" / "arrays").glob("*.npy") if path not in made]
    first, second = made
    for end in ("", ".json"):
        shutil.copy(f"{first}{end}", f"{second}{end}")
    opened(folder, data_dir=tmp_path / "data", canvas="black")
    with pytest.raises(DataError, match=r"holds other images than its name says: .*canvas"):
        opened(folder, data_dir=tmp_path / "data", canvas="white")
