import shutil
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch

from builders.miniature import mpi3d as miniature
from builders.minibatches import images_of
from vaescope.data.files.checksums import file_checksum
from vaescope.data.sets import mpi3d
from vaescope.data.sets.mpi3d import MPI3D, VARIANTS, MPI3DDataModule
from vaescope.errors import ConfigError, DataError

ALL = pytest.mark.parametrize("variant", list(VARIANTS))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    miniature.shrink(monkeypatch, tmp_path)
    return tmp_path


def file_of(folder, variant):
    return folder / "mpi3d" / VARIANTS[variant].source.files[0].name


def replaced(folder, monkeypatch, variant, write):
    """Has ``write(path)`` make the variant's file, which then counts as the published one."""
    path = file_of(folder, variant)
    path.unlink()
    write(path)
    file = replace(mpi3d.VARIANTS[variant].source.files[0], checksum=file_checksum(path, "md5"))
    source = replace(mpi3d.VARIANTS[variant].source, files=(file,))
    changed = replace(mpi3d.VARIANTS[variant], source=source)
    monkeypatch.setitem(mpi3d.VARIANTS, variant, changed)


def test_the_published_sets():
    counts = {name: variant.factors.num_combinations for name, variant in VARIANTS.items()}
    assert counts == {
        **dict.fromkeys(("toy", "realistic", "real"), 1_036_800),
        **dict.fromkeys(("complex", "challenge"), 460_800),
    }
    for variant in VARIANTS.values():
        assert len(variant.factors) == 7
        assert all(address.startswith("https://") for address in variant.source.files[0].addresses)


@ALL
def test_images_have_the_factors_of_their_rows(folder, variant):
    made = MPI3D(folder, variant)
    values = torch.from_numpy(miniature.numbers(variant))
    assert made.factors.sizes == miniature.sizes(variant)
    rows = torch.arange(len(values))
    assert torch.equal(made.values(rows), values)
    expected = miniature.images(variant).transpose(0, 3, 1, 2) / np.float32(255)
    batch = made.batch(rows)
    assert batch.image.dtype == torch.float32
    assert np.array_equal(batch.image.numpy(), expected)
    assert np.array_equal(images_of(made, values[37:39]).numpy(), expected[37:39])
    assert VARIANTS[variant].source.title in made.source
    assert VARIANTS[variant].source.files[0].name in made.source


def test_the_variants_have_their_own_converted_files(folder):
    for variant in VARIANTS:
        MPI3D(folder, variant)
    names = {path.name for path in (folder / "mpi3d").glob("*.npy")}
    assert names == {f"mpi3d-{variant}-v1.npy" for variant in VARIANTS}


@ALL
def test_the_file_may_be_removed_afterwards(folder, variant):
    rows = torch.arange(128)
    first = MPI3D(folder, variant).batch(rows).image
    for path in (folder / "mpi3d").glob("*.npz"):
        path.unlink()
    assert torch.equal(MPI3D(folder, variant).batch(rows).image, first)


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("spread", [True, False])
def test_arrays_may_be_spread_over_axes_and_stored_plainly(folder, monkeypatch, compressed, spread):
    images = miniature.images("real")
    if spread:
        images = images.reshape(*miniature.SIZES, 64, 64, 3)
    save = np.savez_compressed if compressed else np.savez
    replaced(folder, monkeypatch, "real", lambda path: save(path, images=images, other=images[0]))
    made = MPI3D(folder, "real").batch(torch.arange(192)).image
    expected = miniature.images("real").transpose(0, 3, 1, 2) / np.float32(255)
    assert np.array_equal(made.numpy(), expected)


@pytest.mark.parametrize("start", [0, 1, 49, 50, 191])
def test_pieces_begin_anywhere(folder, monkeypatch, start):
    made = MPI3D(folder)
    monkeypatch.setattr("vaescope.data.files.array_files._BYTES_AT_ONCE", 50 * 64 * 64 * 3)
    pieces = list(made.pieces([file_of(folder, "toy")], start))
    assert max(map(len, pieces)) <= 50
    assert np.array_equal(np.concatenate(pieces), miniature.images("toy")[start:])


def test_a_stopped_conversion_goes_on(folder, monkeypatch):
    whole = MPI3D(folder, "complex").path.read_bytes()
    MPI3D(folder, "complex").path.unlink()
    monkeypatch.setattr("vaescope.data.files.array_files._BYTES_AT_ONCE", 30 * 64 * 64 * 3)
    read_on, asked = MPI3D.pieces, []

    def stopped(self, paths, start):
        asked.append(start)
        yield from list(read_on(self, paths, start))[:2]
        raise KeyboardInterrupt

    monkeypatch.setattr(MPI3D, "pieces", stopped)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            MPI3D(folder, "complex")
    assert asked == [0, 60]
    monkeypatch.setattr(MPI3D, "pieces", read_on)
    assert MPI3D(folder, "complex").path.read_bytes() == whole


@ALL
def test_a_missing_file_says_what_to_do(folder, variant):
    for path in (folder / "mpi3d").glob("*.npz"):
        path.unlink()
    with pytest.raises(DataError) as caught:
        MPI3D(folder, variant)
    assert VARIANTS[variant].source.files[0].name in str(caught.value)
    assert f"data fetch data=mpi3d_{variant} " in str(caught.value)


def test_a_cut_file_is_refused(folder):
    for variant, told in (("toy", "md5 is"), ("complex", "cannot be read")):
        path = file_of(folder, variant)
        path.write_bytes(path.read_bytes()[:-200])
        with pytest.raises(DataError, match=rf"{told}.*delete it and fetch it again"):
            MPI3D(folder, variant)


def test_a_file_without_a_checksum_is_checked_by_its_archives_own(folder, monkeypatch):
    """The checksum is at the end of what is read: the last images must not be kept before."""
    path, whole = file_of(folder, "complex"), miniature.images("complex")
    path.unlink()
    np.savez(path, images=whole)
    good = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        start = archive.infolist()[0].header_offset
    bad = bytearray(good)
    bad[start + 1000] ^= 1
    path.write_bytes(bad)
    monkeypatch.setattr("vaescope.data.files.array_files._BYTES_AT_ONCE", 50 * 64 * 64 * 3)
    for _ in range(2):  # also when most images were written by the first attempt
        with pytest.raises(DataError, match=r"CRC.*fetch it again"):
            MPI3D(folder, "complex")
    path.write_bytes(good)
    made = MPI3D(folder, "complex").batch(torch.arange(128)).image
    assert np.array_equal(made.numpy(), whole.transpose(0, 3, 1, 2) / np.float32(255))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"images": miniature.images("toy")[..., 0]}, r"\[192, 64, 64\], expected"),
        ({"images": miniature.images("toy")[:-1]}, r"\[191, 64, 64, 3\], expected"),
        ({"images": miniature.images("toy").astype("i2")}, "int16"),
        ({"images": np.asfortranarray(miniature.images("toy"))}, "expected uint8"),
        ({"imgs": miniature.images("toy")}, "KeyError"),
    ],
)
def test_another_layout_is_refused(folder, monkeypatch, change, told):
    replaced(folder, monkeypatch, "toy", lambda path: np.savez_compressed(path, **change))
    with pytest.raises(DataError, match=rf"{told}.*fetch it again"):
        MPI3D(folder)


@pytest.mark.parametrize(
    ("written", "asked", "named"),
    [
        ("challenge", "toy", ["challenge"]),  # as disentanglement_lib names it
        ("complex", "real", ["complex", "challenge"]),
        ("real", "complex", ["toy", "realistic", "real"]),
    ],
)
def test_the_file_of_another_variant_is_known_by_its_length(folder, written, asked, named):
    shutil.copy(file_of(folder, written), file_of(folder, asked))
    with pytest.raises(DataError) as caught:
        MPI3D(folder, asked)
    told = str(caught.value)
    choices = " or ".join(f"data=mpi3d_{name}" for name in named)
    assert f"choose {choices}, or delete the file" in told
    assert f"holds {len(miniature.images(written))} images" in told


@pytest.mark.parametrize(
    ("variant", "name", "place"),
    [
        ("challenge", "mpi3d_toy.npz", "mpi3d_toy"),
        ("complex", "real3d_complicated_shapes_ordered.npz", "mpi3d"),
        ("real", "mpi3d_real.npz", "mpi3d_real"),
    ],
)
def test_files_are_found_as_other_programs_name_them(folder, variant, name, place):
    moved = folder / place / name
    moved.parent.mkdir(exist_ok=True)
    file_of(folder, variant).rename(moved)
    made = MPI3D(folder, variant).batch(torch.arange(128)).image
    expected = miniature.images(variant)[:128].transpose(0, 3, 1, 2) / np.float32(255)
    assert np.array_equal(made.numpy(), expected)


def test_the_whole_toy_set_is_not_taken_for_the_challenges(folder):
    file_of(folder, "challenge").unlink()
    assert file_of(folder, "toy").exists()
    with pytest.raises(DataError, match="looked for sim_toy_64x"):
        MPI3D(folder, "challenge")


def test_an_unknown_variant_is_refused():
    for make in (MPI3D, MPI3DDataModule):
        with pytest.raises(
            ConfigError, match="variant='fake': give one of 'toy', 'realistic', 'real', "
        ):
            make(variant="fake")


@ALL
def test_the_module_explains_itself_before_reading_files(folder, variant):
    module = MPI3DDataModule(data_dir=folder, variant=variant, batch_size=16)
    assert module.factors == mpi3d.VARIANTS[variant].factors
    assert module.image_shape == (3, 64, 64)
    assert module.data_source.files == (mpi3d.VARIANTS[variant].source.files[0],)
    assert not list((folder / "mpi3d").glob("*.npy"))
    module.setup()
    assert module.dataset.factors == module.factors
    batch = next(iter(module.train_dataloader()))
    expected = miniature.images(variant)[batch.rows.numpy()]
    assert np.array_equal(np.rint(batch.image.numpy() * 255), expected.transpose(0, 3, 1, 2))


def test_the_miniature_is_the_same_every_time(folder, tmp_path):
    assert miniature.write(tmp_path / "again")["VARIANTS"] == mpi3d.VARIANTS
