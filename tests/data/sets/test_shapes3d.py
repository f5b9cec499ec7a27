import io
from dataclasses import replace

import h5py
import numpy as np
import pytest
import torch
from PIL import Image

from builders.miniature import shapes3d as miniature
from builders.minibatches import images_of
from builders.stamps import read, stamped
from vaescope.data.files.checksums import file_checksum
from vaescope.data.sets.shapes3d import Shapes3D, Shapes3DDataModule
from vaescope.errors import DataError

ROWS = torch.arange(128)
PIXELS = stamped(miniature.numbers(), 64, 64, 3)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    miniature.shrink(monkeypatch, tmp_path)
    return tmp_path


@pytest.fixture
def trusted(folder, monkeypatch):
    """Changes the file by a function and has the class take the result for the published one."""

    def change(change_file):
        path = folder / "shapes3d" / "3dshapes.h5"
        with h5py.File(path, "r+") as file:
            change_file(file)
        size, checksum = path.stat().st_size, file_checksum(path, "sha256")
        file = replace(Shapes3D.data_source.files[0], num_bytes=size, checksum=checksum)
        monkeypatch.setattr(Shapes3D, "data_source", replace(Shapes3D.data_source, files=(file,)))

    return change


def test_the_published_set():
    assert len(Shapes3D.factors) == 6
    assert Shapes3D.factors.num_combinations == 480_000
    assert Shapes3D.data_source.files[0].num_bytes == 267_573_662


def test_images_have_the_factors_of_their_rows(folder):
    made = Shapes3D(folder)
    batch = made.batch(ROWS)
    assert batch.image.dtype == torch.float32
    assert np.array_equal(batch.image.numpy(), PIXELS.transpose(0, 3, 1, 2) / np.float32(255))
    assert np.array_equal(read(batch.image, 6), batch.factors.numpy())
    assert np.array_equal(batch.factors.numpy(), miniature.numbers())
    assert "3dshapes.h5" in made.source
    assert np.array_equal(
        read(images_of(made, torch.tensor([[1, 0, 1, 0, 1, 3]])), 6), [[1, 0, 1, 0, 1, 3]]
    )


@pytest.mark.parametrize("place", ["3dshapes", "."])
def test_other_programs_places_are_looked_into(folder, place):
    (folder / place).mkdir(exist_ok=True)
    (folder / "shapes3d" / "3dshapes.h5").rename(folder / place / "3dshapes.h5")
    assert len(Shapes3D(folder)) == 128
    assert [path.name for path in (folder / "shapes3d").glob("*.npy")] == ["shapes3d-v1.npy"]


def test_the_file_may_be_removed_afterwards(folder):
    first = Shapes3D(folder).batch(ROWS).image
    (folder / "shapes3d" / "3dshapes.h5").unlink()
    assert torch.equal(Shapes3D(folder).batch(ROWS).image, first)


@pytest.mark.parametrize("start", [0, 1, 24, 47, 48, 127, 128])
def test_pieces_begin_anywhere_and_end_with_the_chunks(folder, monkeypatch, start):
    made = Shapes3D(folder)
    monkeypatch.setattr("vaescope.data.sets.shapes3d._AT_LEAST", 40)  # of chunks of 24: 48
    pieces = list(made.pieces([folder / "shapes3d" / "3dshapes.h5"], start))
    ends = start + np.cumsum([len(piece) for piece in pieces])
    assert ends.tolist() == [end for end in (48, 96, 128) if end > start]
    assert np.array_equal(np.concatenate([PIXELS[:0], *pieces]), PIXELS[start:])


def test_a_stopped_conversion_goes_on(folder, monkeypatch):
    whole = Shapes3D(folder).path.read_bytes()
    Shapes3D(folder).path.unlink()
    monkeypatch.setattr("vaescope.data.sets.shapes3d._AT_LEAST", 24)
    read_on, asked = Shapes3D.pieces, []

    def stopped(self, paths, start):
        asked.append(start)
        yield from list(read_on(self, paths, start))[:2]
        raise KeyboardInterrupt

    monkeypatch.setattr(Shapes3D, "pieces", stopped)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            Shapes3D(folder)
    assert asked == [0, 48]
    monkeypatch.setattr(Shapes3D, "pieces", read_on)
    assert Shapes3D(folder).path.read_bytes() == whole


def test_a_missing_file_says_what_to_do(folder):
    (folder / "shapes3d" / "3dshapes.h5").unlink()
    with pytest.raises(DataError, match=r"no Shapes3D files: .*3dshapes\.h5.* data=shapes3d"):
        Shapes3D(folder)


def test_a_short_file_is_refused(folder):
    path = folder / "shapes3d" / "3dshapes.h5"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"cut short; delete it and fetch it again"):
        Shapes3D(folder)


def test_another_file_is_refused(folder):
    path = folder / "shapes3d" / "3dshapes.h5"
    content = bytearray(path.read_bytes())
    content[-1000] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"sha256 is .*, expected .*; delete it and fetch it again"):
        Shapes3D(folder)


def shuffle(file):
    file["labels"][:] = file["labels"][:][::-1]


def rename(file):
    file.move("images", "imgs")


def shorten(file):
    images = file["images"][:-1]
    del file["images"]
    file["images"] = images


def retype(file):
    images = file["images"][:]
    del file["images"]
    file["images"] = images.astype(np.float32)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (shuffle, "labels are not all combinations"),
        (rename, "KeyError"),
        (shorten, r"shape \[127, 64, 64, 3\], expected \[128, 64, 64, 3\]"),
        (retype, "float32"),
    ],
)
def test_another_layout_is_refused(folder, trusted, change, told):
    trusted(change)
    with pytest.raises(DataError, match=rf"{told}.*fetch (it|the files) again"):
        Shapes3D(folder)


def test_no_hdf5_file_is_refused(folder, monkeypatch):
    path = folder / "shapes3d" / "3dshapes.h5"
    path.write_bytes(b"<!DOCTYPE html>")
    monkeypatch.setattr(
        Shapes3D,
        "data_source",
        replace(
            Shapes3D.data_source,
            files=(replace(Shapes3D.data_source.files[0], algorithm="", num_bytes=None),),
        ),
    )
    with pytest.raises(DataError, match=r"3dshapes\.h5 cannot be read.*fetch it again"):
        Shapes3D(folder)


def test_the_module_explains_itself_before_reading_files(folder):
    module = Shapes3DDataModule(data_dir=folder, batch_size=16)
    assert module.image_shape == (3, 64, 64)
    assert module.factors.sizes == miniature.SIZES
    assert not list((folder / "shapes3d").glob("*.npy"))
    module.setup()
    assert [len(rows) for rows in module.rows.values()][:3] == [102, 13, 13]
    batch = next(iter(module.train_dataloader()))
    assert np.array_equal(read(batch.image, 6), batch.factors.numpy())


def test_the_miniature_is_the_same_every_time(folder, tmp_path):
    assert miniature.write(tmp_path / "again")["data_source"] == Shapes3D.data_source


@pytest.fixture
def as_parquet(folder):
    """Factory ``as_parquet(**changed)``: two parquet files instead of the published one."""
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    def write(pixels=PIXELS, **changed):
        (folder / "shapes3d" / "3dshapes.h5").unlink(missing_ok=True)
        content = []
        for image in pixels:
            Image.fromarray(image).save(file := io.BytesIO(), "png")
            content.append({"bytes": file.getvalue(), "path": None})
        labels = zip(Shapes3D.factors.names, miniature.numbers().T, strict=True)
        table = arrow.table({"image": content, **dict(labels)} | changed)
        for number, part in enumerate((table[:50], table[50:])):
            path = folder / "shapes3d" / f"train-0000{number}.parquet"
            parquet.write_table(part, path, row_group_size=20)
        return folder

    return write


def test_parquet_files_are_as_good_as_the_published_one(as_parquet):
    made = Shapes3D(as_parquet())
    assert np.array_equal(images_of_rows(made), PIXELS.transpose(0, 3, 1, 2) / np.float32(255))
    assert "train-00000.parquet (not checked)" in made.source


def images_of_rows(made):
    return made.batch(ROWS).image.numpy()


def test_encoded_images_are_read_from_any_row_on(as_parquet):
    folder = as_parquet(image=[b"" for _ in ROWS])
    made = object.__new__(Shapes3D)
    paths = sorted((folder / "shapes3d").glob("*.parquet"))
    with pytest.raises(DataError, match=r"train-00001\.parquet, row 21 is damaged or no image"):
        next(made.pieces(paths, 71))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"shape": np.zeros(128, int)}, "labels are not all combinations"),
        ({"shape": ["cube"] * 128}, "labels are not all combinations"),
        ({"image": [None] * 128}, "row 0 has no bytes"),
        ({"image": [b"x" * 2**23] + [b""] * 127}, "row 0 has 8,388,608 bytes"),
        ({"image": [b"%!PS-Adobe-3.0 EPSF-3.0"] * 128}, "row 0 is damaged or no image"),
        ({"pixels": PIXELS[:, :32]}, "row 0 is 64 pixels wide and 32 high, expected 64 and 64"),
    ],
)
def test_other_parquet_files_are_refused(as_parquet, changed, told):
    with pytest.raises(DataError, match=told):
        Shapes3D(as_parquet(**changed))


def test_parquet_files_have_to_be_complete(as_parquet):
    folder = as_parquet()
    (folder / "shapes3d" / "train-00001.parquet").unlink()
    with pytest.raises(DataError, match="has 50 rows of parquet, but 128 are published"):
        Shapes3D(folder)
