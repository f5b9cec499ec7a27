import io
import pickle

import numpy as np
import pytest
import torch
from PIL import Image

from builders.miniature import causal3dident
from vaescope.data.files import image_files
from vaescope.data.files.checksums import read_record
from vaescope.data.sets.causal3dident import Causal3DIdent, Causal3DIdentDataModule
from vaescope.errors import DataError

NUM = 7 * 15
FORMS = pytest.mark.parametrize("packed", [True, False], ids=["archives", "folders"])


@pytest.fixture
def put(monkeypatch, tmp_path):
    def write(packed=True, **changed):
        causal3dident.write(tmp_path, packed, **changed)
        causal3dident.shrink(monkeypatch, tmp_path)
        return tmp_path

    return write


def png(image):
    content = io.BytesIO()
    Image.fromarray(image).save(content, "PNG")
    return content.getvalue()


def npy(array):
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


def rows():
    """(part, class, position) of every row in the order that the publisher's program has."""
    for part, count in enumerate(causal3dident.NUM_PER_CLASS):
        for number in range(7):
            for position in range(count):
                yield part, number, position


def test_published_sizes():
    made = Causal3DIdent.__new__(Causal3DIdent)
    assert made.num_images == 277_200
    assert made.factors.sizes == (7, *(0,) * 10)


@FORMS
def test_pictures_and_latents_belong_together(put, packed):
    made = Causal3DIdent(put(packed))
    assert len(made) == NUM
    batch = made.batch(torch.arange(NUM))
    image = (batch.image * 255).round()
    assert image.shape == (NUM, 3, 64, 64)
    for row, (part, number, position) in enumerate(rows()):
        shown = causal3dident.pixels(part, number, position)[0, 0]
        assert (image[row, 0] == shown[0]).all()
        assert (image[row, 1] == shown[1]).all()
        assert batch.factors[row, 0] == number
        raw = causal3dident.raw_latents(part, number)[position]
        assert np.allclose(batch.factors[row, 1:], (raw + 1) / 2, atol=1e-7)
    downwards = (torch.arange(64) + 0.5) * 224 / 64 - 0.5
    assert (image[:, 2, 3:-3] - downwards[3:-3, None]).abs().max() <= 0.5
    assert batch.factors.dtype == torch.float32
    assert 0 <= batch.factors[:, 1:].min() < 0.1 < 0.9 < batch.factors[:, 1:].max() <= 1


def test_archives_and_folders_are_the_same_set(put, tmp_path):
    folder = put()
    packed = Causal3DIdent(folder)
    digest, table = read_record(packed.path)["sha256"], packed.values(torch.arange(NUM))
    assert "md5" in str(read_record(packed.path)["files"])
    for file in packed.path.parent.iterdir():
        file.unlink()
    put(packed=False)
    unpacked = Causal3DIdent(folder)
    assert read_record(unpacked.path)["sha256"] == digest
    assert torch.equal(unpacked.values(torch.arange(NUM)), table)


def test_nothing_else_is_left_of_the_reading_of_archives(put):
    folder = put() / "causal3dident"
    before = set(folder.iterdir())
    Causal3DIdent(folder.parent)
    new = {path.name for path in set(folder.iterdir()) - before}
    assert all(name.startswith("causal3dident-v1") or ".checked.json" in name for name in new)


def test_a_worker_is_sent_no_images(put):
    made = Causal3DIdent(put())
    assert len(pickle.dumps(made)) < 20_000 < made.num_bytes


def test_how_to_fetch_the_files_is_told(tmp_path):
    module = Causal3DIdentDataModule(data_dir=tmp_path)
    assert module.image_shape == (3, 64, 64)
    with pytest.raises(DataError, match="vaescope data fetch data=causal3dident") as told:
        module.setup()
    assert "trainset.tar.gz, testset.tar.gz" in str(told.value)
    assert all("zenodo" in file.addresses[0] for file in Causal3DIdent.data_source.files)


def test_the_module_splits_both_parts(put):
    module = Causal3DIdentDataModule(data_dir=put(), batch_size=16)
    module.setup()
    assert next(iter(module.train_dataloader())).factors.shape == (16, 11)
    assert sum(map(len, module.rows.values())) == NUM


def test_a_cut_archive_is_refused(put):
    path = put() / "causal3dident" / "trainset.tar.gz"
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(DataError, match=r"not the published trainset\.tar\.gz: its md5"):
        Causal3DIdent(path.parents[1])


@FORMS
@pytest.mark.parametrize("start", [0, 1, 83, 84, 90, NUM])
def test_images_may_be_read_from_any_row_on(put, packed, start):
    made = Causal3DIdent(put(packed))
    rest = list(made.pieces(made.find(made.places), start))
    found = np.concatenate([np.empty((0, 64, 64, 3), np.uint8), *rest])
    assert np.array_equal(found, made.mapped.array[start:])


SHORT = {"trainset/images_3/07.png": png(causal3dident.pixels(0, 3, 7))[:-200]}
SMALL = {"trainset/images_3/07.png": png(np.zeros((64, 64, 3), np.uint8))}
NO_PICTURE = {"testset/images_6/2.png": None}
NO_LATENTS = {"testset/raw_latents_6.npy": None}
FEW_LATENTS = {"testset/raw_latents_6.npy": npy(causal3dident.raw_latents(1, 6)[:2])}
WIDE_LATENTS = {"testset/raw_latents_6.npy": npy(2 * causal3dident.raw_latents(1, 6))}
NAN_LATENTS = {"testset/raw_latents_6.npy": npy(causal3dident.raw_latents(1, 6) * np.nan)}
CUT_LATENTS = {"testset/raw_latents_6.npy": npy(causal3dident.raw_latents(1, 6))[:-9]}


@FORMS
@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"trainset": SHORT}, r"images_3/07\.png.*damaged"),
        ({"trainset": SMALL}, r"images_3/07\.png.*expected 224 and 224"),
        ({"testset": NO_PICTURE}, "20 of 21 images; fetch|images_6 holds 2 images"),
        ({"testset": NO_LATENTS}, r"no latents of class 6 \(head\)"),
        ({"testset": FEW_LATENTS}, r"latents \[2, 10\] of class 6 \(head\).*expected \[3, 10\]"),
        ({"testset": WIDE_LATENTS}, r"raw_latents_6\.npy holds numbers outside of \[-1, 1\]"),
        ({"testset": NAN_LATENTS}, r"raw_latents_6\.npy holds numbers outside of \[-1, 1\]"),
        ({"testset": CUT_LATENTS}, "cannot be read, it is cut short, damaged"),
    ],
)
def test_bad_contents_are_told(put, packed, changed, message):
    folder = put(packed, **changed)
    with pytest.raises(DataError, match=message) as told:
        Causal3DIdent(folder)
    assert str(folder / "causal3dident") in str(told.value)
    assert not list(folder.rglob("*.npy")) or not packed


@FORMS
def test_a_conversion_that_was_stopped_goes_on(put, monkeypatch, packed):
    monkeypatch.setattr(image_files, "_AT_ONCE", 8)
    folder = put(packed)
    straight = Causal3DIdent(folder)
    expected = read_record(straight.path)["sha256"]
    straight.path.unlink()
    read, done = image_files.Decoder.read, []

    def stops(self, picture, name=""):
        done.append(name)
        if len(done) > 95:  # within the test part
            raise KeyboardInterrupt
        return read(self, picture, name)

    with monkeypatch.context() as patched:
        patched.setattr(image_files.Decoder, "read", stops)
        with pytest.raises(KeyboardInterrupt):
            Causal3DIdent(folder)
    assert straight.path.with_name("causal3dident-v1.npy.part").stat().st_size > 84 * 64 * 64 * 3
    resumed = Causal3DIdent(folder)
    assert read_record(resumed.path)["sha256"] == expected
