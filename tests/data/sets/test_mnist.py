import gzip
import hashlib
import re
import struct
from dataclasses import replace

import numpy as np
import pytest
import torch

from vaescope.commands import data_list, data_sets
from vaescope.data import MNIST, FashionMNIST, FashionMNISTDataModule, MNISTDataModule
from vaescope.data.dataset import RenderedDataset
from vaescope.errors import DataError

SETS = [MNIST, FashionMNIST]
MODULES = [MNISTDataModule, FashionMNISTDataModule]
NAMES = [f"{p}-{k}-ubyte" for p in ("train", "t10k") for k in ("images-idx3", "labels-idx1")]
SIZES = {"train": 30, "t10k": 20}
DEBIAN = FashionMNIST.installed[0]
PIXELS = np.random.default_rng(0).integers(0, 256, (50, 28, 28), dtype=np.uint8)
LABELS = np.arange(50, dtype=np.uint8) % 10


def idx(array):
    return struct.pack(f">I{array.ndim}I", 0x0800 + array.ndim, *array.shape) + array.tobytes()


CONTENTS = {
    "train-images-idx3-ubyte": idx(PIXELS[:30]),
    "train-labels-idx1-ubyte": idx(LABELS[:30]),
    "t10k-images-idx3-ubyte": idx(PIXELS[30:]),
    "t10k-labels-idx1-ubyte": idx(LABELS[30:]),
}


def folders(dataset):
    """Places below ``data_dir`` where the files are looked for: ours, then torchvision's."""
    return dataset.data_source.folder, *dataset.data_source.other_folders


@pytest.fixture
def put(monkeypatch):
    """Both sets shrink to 30 + 20 images that no package has installed; writes them to a folder."""
    for dataset in SETS:
        files = tuple(
            replace(
                file,
                shape=(SIZES[file.name.split("-")[0]], *file.shape[1:]),
                md5=hashlib.md5(CONTENTS[file.name]).hexdigest(),
            )
            for file in dataset.files
        )
        monkeypatch.setattr(dataset, "files", files)
        monkeypatch.setattr(dataset, "installed", ())
    return write


def write(folder, zipped=True, **changed):
    folder.mkdir(parents=True)
    for name, content in (CONTENTS | {k.replace("_", "-"): v for k, v in changed.items()}).items():
        path = folder / (f"{name}.gz" if zipped else name)
        path.write_bytes(gzip.compress(content) if zipped else content)
    return folder


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    ("dataset", "folder"), [(dataset, folder) for dataset in SETS for folder in folders(dataset)]
)
def test_training_and_test_images_make_one_set(put, tmp_path, dataset, folder, zipped):
    place = put(tmp_path / folder, zipped)
    made = dataset(tmp_path)
    assert len(made) == 50
    rows = torch.tensor([49, 0, 30, 29])
    batch = made.batch(rows)
    assert batch.image.dtype == torch.float32
    expected = PIXELS[rows.numpy(), None] / np.float32(255)
    assert np.array_equal(batch.image.numpy(), expected)
    assert (batch.factors.shape, batch.factors.dtype) == ((4, 0), torch.int64)
    assert torch.equal(batch.rows, rows)
    assert made.labels.dtype == torch.uint8
    assert made.labels.tolist() == LABELS.tolist()
    assert made[7]["image"].shape == (1, 28, 28)
    assert made.num_bytes == 50 * 28 * 28 + 50  # bytes, not floats
    assert str(place) in made.source
    assert "train-images-idx3-ubyte" in made.source
    assert made.files[0].md5 in made.source


def test_our_folder_comes_before_torchvisions_and_the_systems(put, tmp_path, monkeypatch):
    monkeypatch.setattr(FashionMNIST, "installed", (tmp_path / "usr",))
    put(tmp_path / "usr")
    assert FashionMNIST(tmp_path).paths[0].parent == tmp_path / "usr"
    put(tmp_path / "FashionMNIST" / "raw")
    assert FashionMNIST(tmp_path).paths[0].parent == tmp_path / "FashionMNIST" / "raw"
    put(tmp_path / "fashion-mnist")
    assert FashionMNIST(tmp_path).paths[0].parent == tmp_path / "fashion-mnist"


def test_without_data_dir_the_users_folder_is_looked_into(put, tmp_path):
    put(tmp_path / "data" / "mnist")  # VAESCOPE_DATA_DIR, see conftest.py
    assert MNIST().paths[0].parent == tmp_path / "data" / "mnist"


@pytest.mark.parametrize("dataset", SETS)
def test_no_image_is_made_of_factors(put, tmp_path, dataset):
    put(tmp_path / folders(dataset)[0])
    made = dataset(tmp_path)
    assert made.values(torch.tensor([3, 4])).shape == (2, 0)
    assert not isinstance(made, RenderedDataset)


@pytest.mark.parametrize("dataset", SETS)
def test_a_missing_set_says_what_where_and_what_to_do(tmp_path, dataset, monkeypatch):
    monkeypatch.setattr(dataset, "installed", (tmp_path / "usr",))
    (tmp_path / folders(dataset)[1]).mkdir(parents=True)
    (tmp_path / folders(dataset)[1] / NAMES[0]).touch()
    with pytest.raises(DataError) as caught:
        dataset(tmp_path)
    told = str(caught.value)
    title = dataset.files[0].title
    assert told.startswith(f"no {title} files: looked for {', '.join(NAMES)}, each with or")
    assert all(str(tmp_path / name) in told for name in (*folders(dataset), "usr"))
    assert f"raw (lacks {', '.join(NAMES[1:])})" in told
    assert f"--output-dir {tmp_path / folders(dataset)[0]} 'http" in told
    assert "data_dir=" in told
    assert ("apt install dataset-fashion-mnist" in told) == (dataset is FashionMNIST)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content[:-1], "cut short"),
        (lambda content: content[:-1] + bytes([content[-1] ^ 1]), "md5 .*, expected"),
        (lambda content: content[:7] + b"\7" + content[8:], r"shape \[7"),
        (lambda content: b"<!DOCTYPE" + content, "begins with the bytes 3c21444f"),
    ],
)
def test_a_damaged_file_is_refused_even_if_others_are_installed(
    put, tmp_path, monkeypatch, name, change, message
):
    monkeypatch.setattr(FashionMNIST, "installed", (put(tmp_path / "usr"),))
    place = put(tmp_path / "fashion-mnist", **{name: change(CONTENTS[name])})
    with pytest.raises(DataError, match=message) as caught:
        FashionMNIST(tmp_path)
    assert str(place / f"{name}.gz") in str(caught.value)
    assert f"Fashion-MNIST's {name}" in str(caught.value)


@pytest.mark.parametrize("module", MODULES)
def test_the_module_explains_itself_before_reading_files(put, tmp_path, module):
    datamodule = module(data_dir=tmp_path, batch_size=8)  # there is nothing in it yet
    assert len(datamodule.factors) == 0
    assert datamodule.image_shape == (1, 28, 28)
    with pytest.raises(DataError, match="looked for"):
        datamodule.setup()
    put(tmp_path / module.dataset_class.data_source.folder)
    datamodule.setup()
    assert [len(rows) for rows in datamodule.rows.values()] == [40, 5, 5, 0]
    batch = next(iter(datamodule.train_dataloader()))
    assert batch.image.shape == (8, 1, 28, 28)
    assert batch.factors.shape == (8, 0)


def test_the_command_verifies(put, tmp_path, config, capsys):
    folder = put(tmp_path / "mnist")
    composed = config("action=verify", "data=mnist", f"data_dir='{tmp_path}'", name="data")
    data_sets.verify(composed)
    printed = capsys.readouterr().out
    assert all(str(folder / f"{name}.gz") in printed for name in NAMES)
    assert printed.count("that of the published file") == 4
    assert "50 images, of each class [5, 5, 5, 5, 5, 5, 5, 5, 5, 5]" in printed
    (folder / f"{NAMES[3]}.gz").write_bytes(b"")
    with pytest.raises(DataError, match="labels"):
        data_sets.verify(composed)


def test_the_command_renders(put, tmp_path, config, capsys):
    put(tmp_path / "fashion-mnist")
    choice = ("data=fashion_mnist", f"data_dir='{tmp_path}'", "num_images=5")
    data_sets.render(config("action=render", *choice, name="data"))
    assert "5 random observations, published files train-images" in capsys.readouterr().out
    assert (tmp_path / "images.png").read_bytes().startswith(b"\x89PNG")


def test_the_command_lists_them_without_files(config, capsys):
    data_list.show_list(config("action=list", name="data"))
    printed = capsys.readouterr().out
    assert len(re.findall("none", printed)) >= 2


def test_the_published_sets():
    for dataset in SETS:
        assert [file.name for file in dataset.files] == NAMES
        shapes = [file.shape for file in dataset.files]
        assert shapes == [(60_000, 28, 28), (60_000,), (10_000, 28, 28), (10_000,)]
    assert len({file.md5 for dataset in SETS for file in dataset.files}) == 8


@pytest.mark.skipif(not DEBIAN.is_dir(), reason="Debian's dataset-fashion-mnist is not installed")
def test_debians_files():
    made = FashionMNIST()
    assert len(made) == 70_000
    assert made.labels.bincount().tolist() == [7000] * 10
    assert made.labels[:4].tolist() == [9, 0, 0, 3]
    assert made.num_bytes == 70_000 * 785
    image = made.batch(torch.arange(60_000)).image
    # of the training part, as often used for normalisation
    assert image.mean().item() == pytest.approx(0.2860, abs=1e-4)
    assert image.std().item() == pytest.approx(0.3530, abs=1e-4)
    assert str(DEBIAN) in made.source
