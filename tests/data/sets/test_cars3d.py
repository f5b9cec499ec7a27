import io
import tarfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.io import savemat

from builders.miniature import cars3d as miniature
from builders.minibatches import images_of
from builders.stamps import read, stamped
from vaescope.data.files.checksums import file_checksum
from vaescope.data.files.image_files import resize_images
from vaescope.data.sets.cars3d import Cars3D, Cars3DDataModule
from vaescope.errors import ConfigError, DataError

ROWS = torch.arange(192)
CAR = "data/cars/car_004_mesh.mat"
LIST = "data/cars/list.txt"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    miniature.shrink(monkeypatch, tmp_path)
    return tmp_path


@pytest.fixture
def archive(folder):
    return folder / "cars3d" / "nips2015-analogy-data.tar.gz"


@pytest.fixture
def unpacked(archive):
    """Unpacks the archive into a folder and deletes it."""

    def unpack(place):
        with tarfile.open(archive) as opened:
            opened.extractall(place, filter="data")
        archive.unlink()

    return unpack


@pytest.fixture
def trusted(archive, monkeypatch):
    """Packs files, without those that are None, as the published archive."""

    def pack(changed):
        files = miniature.contents() | changed
        miniature.pack(archive, {name: content for name, content in files.items() if content})
        file = replace(Cars3D.data_source.files[0], checksum=file_checksum(archive, "md5"))
        monkeypatch.setattr(Cars3D, "data_source", replace(Cars3D.data_source, files=(file,)))

    return pack


def pixels(side, method):
    made = resize_images(stamped(miniature.numbers(), 128, 128, 3), side, method)
    return made.transpose(0, 3, 1, 2) / np.float32(255)


def test_the_published_set():
    assert Cars3D.factors.num_combinations == 17_568
    assert Cars3D.data_source.files[0].checksum == "4e866a7919c1beedf53964e6f7a23686"


@pytest.mark.parametrize("side", [64, 128])
@pytest.mark.parametrize("method", ["lanczos", "bilinear"])
def test_images_have_the_factors_of_their_rows(folder, side, method):
    made = Cars3D(folder, side, method)
    batch = made.batch(ROWS)
    assert made.image_shape == (3, side, side)
    assert batch.image.dtype == torch.float32
    assert np.array_equal(read(batch.image, 3), batch.factors.numpy())
    assert np.array_equal(batch.factors.numpy(), miniature.numbers())
    assert np.array_equal(batch.image.numpy(), pixels(side, method))
    assert np.array_equal(read(images_of(made, torch.tensor([[3, 5, 6]])), 3), [[3, 5, 6]])
    assert "nips2015-analogy-data.tar.gz" in made.source


def test_every_way_of_resizing_has_its_own_file(folder):
    for side, method in ((64, "lanczos"), (64, "bilinear"), (128, "lanczos"), (128, "bilinear")):
        Cars3D(folder, side, method)
    names = {path.name for path in (folder / "cars3d").glob("*.npy")}
    assert names == {"cars3d-64-lanczos-v1.npy", "cars3d-64-bilinear-v1.npy", "cars3d-128-v1.npy"}


@pytest.mark.parametrize("place", [".", "cars3d", "cars"])
def test_an_unpacked_archive_will_do(folder, unpacked, place):
    unpacked(folder / place)
    assert np.array_equal(Cars3D(folder).batch(ROWS).image.numpy(), pixels(64, "lanczos"))


def test_cars_moved_out_of_their_folder_will_do(folder, unpacked):
    unpacked(folder)
    (folder / "data" / "cars").rename(folder / "cars")  # as disentanglement_lib's script does
    assert np.array_equal(Cars3D(folder).batch(ROWS).image.numpy(), pixels(64, "lanczos"))


def test_the_archive_may_be_removed_afterwards(folder, archive):
    first = Cars3D(folder).batch(ROWS).image
    archive.unlink()
    assert torch.equal(Cars3D(folder).batch(ROWS).image, first)


@pytest.mark.parametrize("start", [0, 1, 8, 13, 191, 192])
def test_pieces_begin_anywhere(folder, archive, start):
    pieces = list(Cars3D(folder, 128).pieces([archive], start))
    expected = stamped(miniature.numbers(), 128, 128, 3)[start:]
    made = Cars3D(folder, 128).pieces([archive], start)
    assert np.array_equal(np.concatenate([expected[:0], *made]), expected)
    assert sum(map(len, pieces)) == 192 - start


def test_a_stopped_conversion_goes_on(folder, monkeypatch):
    whole = Cars3D(folder).path.read_bytes()
    Cars3D(folder).path.unlink()
    read_on, asked = Cars3D.pieces, []

    def stopped(self, paths, start):
        asked.append(start)
        yield from list(read_on(self, paths, start))[:3]
        raise KeyboardInterrupt

    monkeypatch.setattr(Cars3D, "pieces", stopped)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            Cars3D(folder)
    assert asked == [0, 24]
    monkeypatch.setattr(Cars3D, "pieces", read_on)
    assert Cars3D(folder).path.read_bytes() == whole


def test_missing_files_say_what_to_do(folder, archive):
    archive.unlink()
    with pytest.raises(DataError, match=r"no Cars3D files: .*nips2015.* data fetch data=cars3d "):
        Cars3D(folder)


def test_an_unpacked_archive_has_to_be_whole(folder, unpacked):
    unpacked(folder)
    (folder / CAR).unlink()
    with pytest.raises(DataError, match=r"1 of them are not beside it, such as car_004_mesh.mat"):
        Cars3D(folder)


def test_another_archive_is_refused(folder, archive):
    archive.write_bytes(archive.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"md5 is .*; delete it and fetch it again"):
        Cars3D(folder)


def test_a_cut_archive_is_refused(folder, archive, monkeypatch):
    monkeypatch.setattr(
        Cars3D,
        "data_source",
        replace(Cars3D.data_source, files=(replace(Cars3D.data_source.files[0], algorithm=""),)),
    )
    for size in (10, 100, len(archive.read_bytes()) // 2):
        archive.write_bytes(archive.read_bytes()[:size] if size > 10 else b"<html>")
        with pytest.raises(DataError, match=r"cannot be read.*fetch it again"):
            Cars3D(folder)
        miniature.write(folder)


def matlab(**arrays):
    file = io.BytesIO()
    savemat(file, arrays)
    return file.getvalue()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({CAR: matlab(im=np.zeros((128, 128, 3, 4, 6), np.uint8))}, r"im in car_004_mesh.mat is"),
        ({CAR: matlab(im=np.zeros((128, 128, 3, 6, 4)))}, "float64"),
        ({CAR: matlab(images=np.zeros(3))}, "KeyError"),
        ({CAR: b"no Matlab file"}, "cannot be read"),
        ({CAR: miniature.mat(0)[:1500]}, "cannot be read"),
        ({CAR: None}, "names 8 cars and 7 of them were read, expected 8"),
        ({LIST: None}, "names 0 cars"),
        ({LIST: b"car_001_mesh\ncar_002_mesh\n"}, "names 2 cars"),
        ({LIST: b"\n".join([b"car_001_mesh"] * 8)}, "names 8 cars and 8"),
    ],
)
def test_another_content_is_refused(folder, trusted, changed, told):
    trusted(changed)
    with pytest.raises(DataError, match=rf"{told}(.|\n)*fetch .* again"):
        Cars3D(folder)


def test_what_other_programs_leave_in_archives_is_passed_over(folder, trusted):
    trusted({"data/cars/._car_001_mesh.mat": b"Mac OS X", "data/cars/readme.txt": b"..."})
    assert np.array_equal(Cars3D(folder).batch(ROWS).image.numpy(), pixels(64, "lanczos"))


def test_unknown_options_are_refused(tmp_path):
    for make in (Cars3D, Cars3DDataModule):
        with pytest.raises(ConfigError, match="side=32: give one of 64, 128"):
            make(data_dir=tmp_path, side=32)
        with pytest.raises(ConfigError, match="give one of 'lanczos', 'bilinear'"):
            make(data_dir=tmp_path, resize="bicubic")


@pytest.mark.parametrize("side", [64, 128])
def test_the_module_explains_itself_before_reading_files(folder, side):
    module = Cars3DDataModule(data_dir=folder, side=side, batch_size=16)
    assert module.image_shape == (3, side, side)
    assert module.factors.sizes == miniature.SIZES
    assert not list((folder / "cars3d").glob("*.npy"))
    module.setup()
    assert module.dataset.image_shape == module.image_shape
    batch = next(iter(module.train_dataloader()))
    assert np.array_equal(read(batch.image, 3), batch.factors.numpy())


def test_the_miniature_is_the_same_every_time(folder, tmp_path):
    assert miniature.write(tmp_path / "again")["data_source"] == Cars3D.data_source
