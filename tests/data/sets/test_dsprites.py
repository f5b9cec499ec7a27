import zipfile
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from vaescope.data import DSprites, DSpritesRenderer, verify
from vaescope.data.files.checksums import file_checksum
from vaescope.data.sets.dsprites import files as dsprites_files
from vaescope.data.sets.dsprites import packing as dsprites
from vaescope.data.sets.dsprites.renderer import FACTORS
from vaescope.errors import DataError

FEW = 2500  # images of a small file in the published format: a few orientations of one square
FRAMES = np.load(Path(__file__).parents[2] / "golden" / "dsprites_frames.npz")
SUFFIXES = pytest.mark.parametrize("suffix", ["npz", "hdf5"])


def test_all_true_frames_are_rendered_bit_by_bit():
    rendered = DSpritesRenderer().render(torch.from_numpy(FRAMES["factors"]).long())
    assert rendered.shape == (320, 64, 64)
    assert rendered.dtype == torch.uint8
    assert np.array_equal(rendered.numpy(), FRAMES["images"])


def test_rendering_does_not_depend_on_the_batch(some_rows):
    renderer = DSpritesRenderer()
    factors = FACTORS.values(some_rows)
    together = renderer.render(factors)
    assert torch.equal(together, torch.cat([renderer.render(f[None]) for f in factors]))
    assert renderer.render(factors[:0]).shape == (0, 64, 64)


@pytest.mark.slow
def test_the_whole_rendered_set_has_the_known_checksum(packed_dir):
    path = packed_dir / "dsprites-rendered-v1.npy"
    assert dsprites.packed_sha256(path) == dsprites.RENDERED_SHA256
    bits = np.array([bin(byte).count("1") for byte in range(256)], dtype=np.uint8)
    pieces = np.array_split(dsprites.open_packed(path).array, 100)
    ones = sum(int(bits[piece].sum(dtype=np.int64)) for piece in pieces)
    assert ones == 128_328_864


@pytest.mark.slow
def test_packed_images_equal_rendered_ones(packed_dir, some_rows):
    packed, rendered = DSprites(packed_dir, cache=None), DSprites(packed_dir, cache=False)
    assert packed.num_bytes == 377_487_360
    one, two = packed.batch(some_rows), rendered.batch(some_rows)
    assert one.image.shape == (200, 1, 64, 64)
    assert one.image.dtype == torch.float32
    for key in ("image", "factors", "rows"):
        assert torch.equal(getattr(one, key), getattr(two, key))
    assert torch.equal(packed.images(one.factors), two.image)
    assert packed.source == rendered.source == "rendered exactly (vaescope renderer 1)"


def test_bits_are_unpacked_like_numpy(rng):
    packed = rng.integers(0, 256, (7, 512), dtype=np.uint8)
    unpacked = dsprites.unpack_bits(torch.from_numpy(packed))
    assert np.array_equal(unpacked.numpy(), np.unpackbits(packed, axis=1))


def test_without_a_file_small_runs_write_nothing(tmp_path):
    for choice in (None, False):
        DSprites(tmp_path / "data", cache=choice).batch(torch.arange(4))
    assert not (tmp_path / "data").exists()


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(dsprites_files, "NUM_IMAGES", FEW)
    index = torch.arange(FEW)
    images = DSpritesRenderer().render(FACTORS.values(index)).numpy()
    classes = np.concatenate([np.zeros((FEW, 1), np.int64), FACTORS.values(index)], axis=1)
    return {"imgs": images, "latents_classes": classes}


def write_file(folder, suffix, arrays):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{dsprites_files.STEM}.{suffix}"
    if suffix == "npz":
        pickled = np.array({"title": "not read"}, dtype=object)
        np.savez_compressed(path, metadata=pickled, **arrays)
    else:
        with h5py.File(path, "w") as file:
            chunks = (min(FEW, len(arrays["imgs"])), 2, 4)
            file.create_dataset("imgs", data=arrays["imgs"], chunks=chunks, compression="gzip")
            file["latents/classes"] = arrays["latents_classes"]
    return path


@pytest.fixture
def trust(monkeypatch):
    def trust(path):
        file = dsprites_files.PUBLISHED[path.name]
        checksum = file_checksum(path, file.algorithm)
        right = replace(file, checksum=checksum)
        monkeypatch.setitem(dsprites_files.PUBLISHED, path.name, right)
        return checksum

    return trust


@SUFFIXES
@pytest.mark.parametrize("subfolder", [".", "dsprites"])
def test_a_published_file_is_used_and_packed_once(
    tmp_path, few, trust, monkeypatch, suffix, subfolder
):
    few["imgs"][7] = 1 - few["imgs"][7]  # not what the renderer would draw
    checksum = trust(write_file(tmp_path / subfolder, suffix, few))
    rows = torch.tensor([7, 0, FEW - 1])
    unpacked = DSprites(tmp_path, cache=False)
    assert not list(tmp_path.glob("*.npy")) + list(tmp_path.glob("*.json"))
    first = DSprites(tmp_path)
    monkeypatch.setattr(dsprites_files, "file_checksum", lambda *_: pytest.fail("read again"))
    monkeypatch.setattr(dsprites_files, "read_images", lambda *_: pytest.fail("read again"))
    for dataset in (unpacked, first, DSprites(tmp_path)):
        images = dataset.batch(rows).image
        assert np.array_equal(images[:, 0].numpy(), few["imgs"][rows.numpy()])
        assert torch.equal(dataset.images(FACTORS.values(rows)), images)
        assert f"{dsprites_files.STEM}.{suffix}" in dataset.source
        assert checksum in dataset.source


def test_the_npz_wins(tmp_path, few, trust):
    for suffix in ("hdf5", "npz"):
        trust(write_file(tmp_path, suffix, few))
    assert ".npz" in DSprites(tmp_path).source


@SUFFIXES
def test_a_wrong_checksum_is_refused_also_after_a_good_one(tmp_path, few, trust, suffix):
    path = write_file(tmp_path, suffix, few)
    good = trust(path)
    DSprites(tmp_path)
    few["imgs"][0, 0, 0] = 1
    write_file(tmp_path, suffix, few)
    with pytest.raises(DataError, match="vaescope data verify data=dsprites") as caught:
        DSprites(tmp_path)
    algorithm = dsprites_files.PUBLISHED[path.name].algorithm
    assert good in str(caught.value)
    assert file_checksum(path, algorithm) in str(caught.value)


def test_the_published_checksums():
    (npz, hdf5) = dsprites_files.PUBLISHED.values()
    assert (npz.algorithm, npz.checksum) == ("md5", "7da33b31b13a06f4b04a70402ce90c2e")
    assert hdf5.checksum.startswith("729fa22e884c9c50")


@SUFFIXES
def test_verify_counts_flipped_pixels(tmp_path, few, trust, suffix):
    path = write_file(tmp_path, suffix, few)
    trust(path)
    seen = []
    result = verify(path, progress=lambda done, total: seen.append((done, total)))
    assert (result.images_compared, result.images_different, result.pixels_different) == (FEW, 0, 0)
    assert result.checksum_known
    assert result.classes_agree
    assert seen[-1] == (FEW, FEW)
    few["imgs"][3, 5, 5:7] ^= 1
    few["imgs"][FEW - 1, 0, 0] ^= 1
    few["latents_classes"][9, 5] += 1
    result = verify(write_file(tmp_path, suffix, few))
    assert (result.images_different, result.pixels_different) == (2, 3)
    assert not result.checksum_known
    assert not result.classes_agree


@SUFFIXES
def test_a_file_cut_short_is_refused(tmp_path, few, suffix):
    path = write_file(tmp_path, suffix, few)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match="cut short"):
        verify(path)


@SUFFIXES
def test_a_file_of_another_kind_is_refused(tmp_path, few, suffix):
    path = tmp_path / f"{dsprites_files.STEM}.{suffix}"
    path.write_text("<html>404</html>")
    with pytest.raises(DataError, match="no file of dSprites"):
        verify(path)


def test_an_archive_whose_images_end_early_is_refused(tmp_path, few):
    path = write_file(tmp_path, "npz", few)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["imgs.npy"] = members["imgs.npy"][:-4096]
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(DataError, match=r"imgs\.npy has .* bytes behind its header"):
        verify(path)


@SUFFIXES
def test_wrong_shapes_and_values_are_refused(tmp_path, few, suffix):
    half = {name: array[: FEW // 2] for name, array in few.items()}
    with pytest.raises(DataError, match=r"\[1250, 6\], expected \[2500, 6\]"):
        verify(write_file(tmp_path, suffix, half))
    with pytest.raises(DataError, match=r"\[1250, 64, 64\], expected \[2500, 64, 64\]"):
        verify(write_file(tmp_path, suffix, few | {"imgs": half["imgs"]}))
    with pytest.raises(DataError, match="pixel value 255"):
        verify(write_file(tmp_path, suffix, few | {"imgs": few["imgs"] * 255}))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"no file .*nowhere\.npz"):
        verify(tmp_path / "nowhere.npz")


def test_a_damaged_packed_file_says_delete_it(tmp_path, few):
    path = dsprites.build_packed(tmp_path / "dsprites-rendered-v1.npy")
    assert dsprites.open_packed(path).array.shape == (FEW, 512)
    content = path.read_bytes()
    path.write_bytes(content[:-1000])
    with pytest.raises(DataError, match=r"rendered-v1.npy is damaged .*delete it"):
        DSprites(tmp_path)
    np.save(path, np.zeros((5, 512), np.uint8))
    with pytest.raises(DataError, match=r"\[5, 512\], expected .*delete it"):
        DSprites(tmp_path)


def test_packing_reports_progress_and_is_read_back(tmp_path, few):
    seen = []
    path = dsprites.build_packed(tmp_path / "p.npy", lambda done, total: seen.append(done))
    assert seen == [2048, FEW]
    unpacked = np.unpackbits(dsprites.open_packed(path).array, axis=1).reshape(-1, 64, 64)
    assert np.array_equal(unpacked, few["imgs"])


def test_a_full_disk_while_packing(tmp_path, few, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(dsprites, "_pack", full)
    with pytest.raises(DataError, match=r"disk is full.*data_dir="):
        DSprites(tmp_path, cache=True)
    assert not list(tmp_path.glob("*.npy"))
