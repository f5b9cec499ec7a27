import gzip
from dataclasses import replace

import numpy as np
import pytest
import torch

from builders.miniature import smallnorb as miniature
from builders.minibatches import images_of
from builders.stamps import grid, read, stamped
from vaescope.data.files.checksums import file_checksum
from vaescope.data.files.image_files import resize_images
from vaescope.data.sets.smallnorb import SmallNORB, SmallNORBDataModule, without_instance
from vaescope.data.stored import StoredDataset
from vaescope.errors import ConfigError, DataError

ROWS = torch.arange(160)
NUMBERS = grid(miniature.SIZES)
NAMES = [file.name for file in SmallNORB.data_source.files]
OTHERS = [0, 2, 3, 4]  # the factors beside the instance


@pytest.fixture
def folder(tmp_path, monkeypatch):
    miniature.shrink(monkeypatch, tmp_path)
    return tmp_path


@pytest.fixture
def trusted(folder, monkeypatch):
    """Replaces one file's decompressed content and takes the result for the published one."""

    def put(number, content):
        path = folder / "smallnorb" / NAMES[number]
        path.write_bytes(gzip.compress(content))
        files = list(SmallNORB.data_source.files)
        size, checksum = path.stat().st_size, file_checksum(path, "md5")
        files[number] = replace(files[number], num_bytes=size, checksum=checksum)
        monkeypatch.setattr(
            SmallNORB, "data_source", replace(SmallNORB.data_source, files=tuple(files))
        )

    return put


def pixels(method):
    return resize_images(stamped(NUMBERS, 96, 96, 1), 64, method).transpose(
        0, 3, 1, 2
    ) / np.float32(255)


def test_the_published_set():
    assert SmallNORB.factors.num_combinations == 48_600
    assert without_instance(SmallNORB.factors).num_combinations == 4_860
    assert without_instance(SmallNORB.factors).names == (
        *("category", "elevation", "azimuth", "lighting"),
    )
    assert len({file.checksum for file in SmallNORB.data_source.files}) == 6
    assert sum(file.num_bytes for file in SmallNORB.data_source.files) == 262_778_180


@pytest.mark.parametrize("method", ["lanczos", "bilinear"])
def test_images_have_the_factors_of_their_rows(folder, method):
    made = SmallNORB(folder, method)
    batch = made.batch(ROWS)
    assert batch.image.dtype == torch.float32
    assert batch.image.shape == (160, 1, 64, 64)
    assert np.array_equal(batch.factors.numpy(), NUMBERS)
    assert np.array_equal(read(batch.image, 5), NUMBERS)
    assert np.array_equal(batch.image.numpy(), pixels(method))
    assert np.array_equal(
        read(images_of(made, torch.tensor([[4, 0, 1, 3, 1]])), 5), [[4, 0, 1, 3, 1]]
    )
    assert not made.has_nuisance
    assert all(name in made.source for name in NAMES)


def test_a_draw_chooses_the_toy_where_it_is_no_factor(folder):
    made = SmallNORB(folder, instance=False)
    assert made.has_nuisance
    assert len(made) == 80
    assert made.factors.names == ("category", "elevation", "azimuth", "lighting")
    rows = torch.arange(80).repeat(50)
    draws = torch.from_numpy(np.random.default_rng(0).integers(2**62, size=4000))
    batch = made.batch(rows, draws)
    seen = read(batch.image, 5)
    assert np.array_equal(batch.factors.numpy(), seen[:, OTHERS])
    assert np.array_equal(batch.factors[:80].numpy(), grid((5, 2, 4, 2)))
    toys = seen[:, 1]
    assert abs(toys.mean() - 0.5) < 5 * 0.5 / 4000**0.5
    by_row = toys.reshape(50, 80)
    assert (by_row.min(0) == 0).all()
    assert (by_row.max(0) == 1).all()  # every toy of every row is seen
    assert torch.equal(made.batch(rows, draws).image, batch.image)


def test_without_draws_a_row_has_always_the_same_toy_but_rows_differ(folder):
    made = SmallNORB(folder, instance=False)
    rows = torch.arange(80)
    seen = read(made.batch(rows).image, 5)
    assert np.array_equal(read(images_of(made, made.values(rows)), 5), seen)
    assert np.array_equal(read(made.batch(rows.flip(0)).image, 5), seen[::-1])
    # neighbouring draws tell nothing of each other: runs of a fair coin
    runs = 1 + (np.diff(seen[:, 1]) != 0).sum()
    assert 25 < runs < 56
    assert 20 < seen[:, 1].sum() < 60


def test_all_toys_are_equally_frequent(folder, monkeypatch):
    """Also where their number is no power of two; neighbouring draws are the hardest ones."""
    made = SmallNORB(folder, instance=False)
    tens = replace(miniature.FACTORS, sizes=(5, 10, 2, 4, 2))
    monkeypatch.setattr(SmallNORB, "factors", tens)
    monkeypatch.setattr(StoredDataset, "images_at", lambda self, index, draw: index)
    draws = torch.arange(20_000)
    index = made.images_at(torch.full((20_000,), 79), draws)
    values = tens.values(index)
    assert (values[:, OTHERS] == torch.tensor([4, 1, 3, 1])).all()
    counts = values[:, 1].bincount(minlength=10)
    statistic = ((counts - 2000) ** 2 / 2000).sum().item()
    assert statistic < 33.7  # chi squared with 9 degrees of freedom: 1 in 10,000


def test_both_choices_share_one_converted_file(folder):
    SmallNORB(folder)
    SmallNORB(folder, instance=False)
    SmallNORB(folder, "bilinear")
    names = {path.name for path in (folder / "smallnorb").glob("*.npy")}
    assert names == {"smallnorb-lanczos-v1.npy", "smallnorb-bilinear-v1.npy"}


@pytest.mark.parametrize("place", [".", "small_norb"])
def test_decompressed_files_will_do(folder, place):
    (folder / place).mkdir(exist_ok=True)
    for name, content in miniature.contents().items():
        (folder / "smallnorb" / name).unlink()
        (folder / place / name.removesuffix(".gz")).write_bytes(content)
    made = SmallNORB(folder)
    assert np.array_equal(made.batch(ROWS).image.numpy(), pixels("lanczos"))
    assert made.source.count("(not checked)") == len(NAMES)


def test_the_files_may_be_removed_afterwards(folder):
    first = SmallNORB(folder).batch(ROWS).image
    for name in NAMES:
        (folder / "smallnorb" / name).unlink()
    assert torch.equal(SmallNORB(folder).batch(ROWS).image, first)


@pytest.mark.parametrize("start", [0, 1, 50, 99, 159])
def test_pieces_begin_anywhere(folder, monkeypatch, start):
    monkeypatch.setattr("vaescope.data.sets.smallnorb._AT_ONCE", 50)
    made = SmallNORB(folder)
    pieces = made.pieces([folder / "smallnorb" / name for name in NAMES], start)
    found = np.concatenate(list(pieces)).transpose(0, 3, 1, 2) / np.float32(255)
    assert np.array_equal(found, pixels("lanczos")[start:])


def test_a_stopped_conversion_goes_on(folder, monkeypatch):
    whole = SmallNORB(folder).path.read_bytes()
    SmallNORB(folder).path.unlink()
    monkeypatch.setattr("vaescope.data.sets.smallnorb._AT_ONCE", 25)
    read_on, asked = SmallNORB.pieces, []

    def stopped(self, paths, start):
        asked.append(start)
        yield from list(read_on(self, paths, start))[:2]
        raise KeyboardInterrupt

    monkeypatch.setattr(SmallNORB, "pieces", stopped)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            SmallNORB(folder)
    assert asked == [0, 50]
    monkeypatch.setattr(SmallNORB, "pieces", read_on)
    assert SmallNORB(folder).path.read_bytes() == whole


def test_missing_files_say_what_to_do(folder):
    (folder / "smallnorb" / NAMES[4]).unlink()
    with pytest.raises(DataError, match=r"no smallNORB files: .* data fetch data=smallnorb "):
        SmallNORB(folder)


@pytest.mark.parametrize("number", range(6))
def test_short_and_other_files_are_refused(folder, number):
    path = folder / "smallnorb" / NAMES[number]
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(DataError, match=r"cut short; delete it and fetch it again"):
        SmallNORB(folder)
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(DataError, match=r"md5 is .*; delete it and fetch it again"):
        SmallNORB(folder)


ARRAYS = miniature.arrays()
WHOLE = [miniature.matrix(array) for array in ARRAYS]
TWICE = np.concatenate([ARRAYS[2][:1], ARRAYS[2][:-1]])
FAR = ARRAYS[5] + np.array([0, 0, 0, 7], "<i4")


@pytest.mark.parametrize(
    ("number", "content", "told"),
    [
        (0, WHOLE[0][:-1], "ends 1 bytes too early"),
        (0, WHOLE[0] + b"0", "longer than its header"),
        (3, WHOLE[3][:17], "too early"),
        (3, b"<!DOCTYPE html>", "begins with 0x4f44213c"),
        (0, miniature.matrix(ARRAYS[0].astype("<i4")), "begins with 0x1e3d4c54"),
        (0, miniature.matrix(ARRAYS[0][:, :, :64, :64].copy()), r"holds \[80, 2, 64, 64\]"),
        (3, miniature.matrix(ARRAYS[3][:-1]), "hold 159 images, expected 160"),
        (3, miniature.matrix(np.concatenate([ARRAYS[3]] * 2)), "too many images"),
        (1, miniature.matrix(ARRAYS[1][:-1]), "describes 80 images, .* 79"),
        (2, miniature.matrix(ARRAYS[2][:, :3].copy()), r"holds \[80, 3\]"),
        (2, miniature.matrix(TWICE), "every combination of factors once"),
        (5, miniature.matrix(FAR), "every combination of factors once"),
        (4, miniature.matrix(ARRAYS[2]), "and 2 axes, expected"),
    ],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_another_content_is_refused(folder, trusted, number, content, told, zipped):
    if zipped:
        trusted(number, content)
    else:
        (folder / "smallnorb" / NAMES[number]).unlink()
        (folder / "smallnorb" / NAMES[number].removesuffix(".gz")).write_bytes(content)
    with pytest.raises(DataError, match=rf"{told}.*fetch (it|both|them) again"):
        SmallNORB(folder)


def test_unknown_options_are_refused(tmp_path):
    for make in (SmallNORB, SmallNORBDataModule):
        with pytest.raises(ConfigError, match="give one of 'lanczos', 'bilinear'"):
            make(data_dir=tmp_path, resize="bicubic")


@pytest.mark.parametrize("instance", [True, False])
def test_the_module_explains_itself_before_reading_files(folder, instance):
    module = SmallNORBDataModule(data_dir=folder, instance=instance, batch_size=16)
    assert len(module.factors) == 5 - (not instance)
    assert not list((folder / "smallnorb").glob("*.npy"))
    module.setup()
    assert module.dataset.factors == module.factors
    batches = module.epoch_batches()
    assert (batches.plan(0).draw is None) == instance
    batch = next(iter(module.train_dataloader()))
    seen = read(batch.image, 5)
    assert np.array_equal(seen if instance else seen[:, OTHERS], batch.factors.numpy())


def test_the_miniature_is_the_same_every_time(folder, tmp_path):
    assert miniature.write(tmp_path / "again")["data_source"] == SmallNORB.data_source
