import io
import pickle
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from builders.miniature import celeba
from builders.minibatches import rows_of
from vaescope.data.dataset import RenderedDataset
from vaescope.data.files import image_files
from vaescope.data.files.checksums import read_record
from vaescope.data.sets.celeba import CelebA, CelebADataModule
from vaescope.errors import ConfigError, DataError

ROWS = torch.tensor([69, 0, 41, 7])


@pytest.fixture
def put(monkeypatch, tmp_path):
    """Writes the small files, changes them by ``damage(place)``, and makes them the published."""

    def write(zipped=True, damage=None):
        celeba.write(tmp_path, zipped)
        if damage is not None:
            damage(tmp_path / "celeba")
        celeba.shrink(monkeypatch, tmp_path)
        return tmp_path

    return write


def ramp(side, cropped):
    """What a line of 0, 1, ..., side - 1 becomes when its centre is cut out and resized to 64."""
    first = (side - cropped) // 2
    return first + (np.arange(64) + 0.5) * cropped / 64 - 0.5


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    ("crop", "height", "width"), [(None, 218, 178), (140, 140, 140), (148, 148, 148)]
)
def test_pictures_are_cut_resized_and_in_the_order_of_their_names(put, crop, height, width, zipped):
    images = CelebA(put(zipped), crop).batch(ROWS).image * 255
    assert images.shape == (4, 3, 64, 64)
    inner = slice(3, 61)  # at the edge the filter has less to average over
    red, green, blue = (images[:, c, inner, inner].numpy() for c in range(3))
    assert abs(red - ramp(178, width)[inner]).max() < 3
    assert abs(red.mean((0, 1)) - ramp(178, width)[inner]).max() < 0.8
    assert abs(green - ramp(218, height)[inner, None]).max() < 3
    assert abs(green.mean((0, 2)) - ramp(218, height)[inner]).max() < 0.8
    assert abs(blue.mean((1, 2)) - 3 * ROWS.numpy()).max() < 1


def test_every_crop_has_its_own_file_and_the_published_ones_are_needed_once(put):
    folder = put()
    first = {crop: CelebA(folder, crop).batch(ROWS).image for crop in (None, 140, 148)}
    for name in ("img_align_celeba.zip", "list_attr_celeba.txt", "list_eval_partition.txt"):
        (folder / "celeba" / name).unlink()
    for crop, images in first.items():
        again = CelebA(folder, crop)
        assert torch.equal(again.batch(ROWS).image, images)
        assert again.attributes.shape == (70, 40)
    assert not torch.equal(first[140], first[148])


def test_attributes_and_partition_belong_to_the_rows(put):
    made = CelebA(put())
    assert made.attributes.dtype == torch.uint8
    assert np.array_equal(made.attributes.numpy(), (celeba.attributes() + 1) // 2)
    assert len(made.attribute_names) == 40
    assert made.attribute_names[20] == "Male"
    assert made.partition.tolist() == [row % 3 for row in range(70)]
    assert "md5" in str(read_record(made.path)["files"])


def test_the_partition_is_not_needed(put):
    made = CelebA(put(damage=lambda place: (place / "list_eval_partition.txt").unlink()))
    assert made.partition is None
    assert made.attributes.shape == (70, 40)


@pytest.mark.parametrize("name", ["CelebA", "."])
def test_the_publishers_own_folders_are_found(put, name):
    folder = put()
    for file, sub in (
        ("img_align_celeba.zip", "Img"),
        ("list_attr_celeba.txt", "Anno"),
        ("list_eval_partition.txt", "Eval"),
    ):
        (folder / name / sub).mkdir(parents=True)
        (folder / "celeba" / file).rename(folder / name / sub / file)
    assert CelebA(folder).partition is not None


def test_there_are_no_factors(put):
    made = CelebA(put())
    batch = made.batch(ROWS)
    assert (batch.factors.shape, batch.factors.dtype) == ((4, 0), torch.int64)
    assert not isinstance(made, RenderedDataset)
    with pytest.raises(ValueError, match="without factors"):
        rows_of(made, batch.factors)


def test_a_worker_is_sent_no_images(put):
    made = CelebA(put())
    sent = pickle.dumps(made)
    assert len(sent) < 20_000 < made.num_bytes
    assert torch.equal(pickle.loads(sent).batch(ROWS).image, made.batch(ROWS).image)


def test_the_module_knows_its_shape_before_there_are_files(put):
    module = CelebADataModule(data_dir="/nowhere")
    assert (module.image_shape, len(module.factors)) == ((3, 64, 64), 0)
    module = CelebADataModule(data_dir=put(), crop=140, batch_size=16)
    module.setup()
    batch = next(iter(module.train_dataloader()))
    assert batch.image.shape == (16, 3, 64, 64)
    assert (len(module.rows["train"]), len(module.rows["test"])) == (56, 7)
    assert "crop140" in module.dataset.source


@pytest.mark.parametrize("crop", [0, -1, 179])
def test_a_crop_has_to_fit(crop):
    with pytest.raises(ConfigError, match=f"crop={crop}: give an integer from 1 to 178"):
        CelebADataModule(crop=crop)
    with pytest.raises(ConfigError, match=f"crop={crop}: give an integer from 1 to 178"):
        CelebA("/nowhere", crop)


def test_where_the_files_are_is_told(tmp_path):
    with pytest.raises(DataError, match=r"mmlab\.ie\.cuhk\.edu\.hk") as told:
        CelebA(tmp_path)
    assert str(tmp_path / "celeba") in str(told.value)
    assert "img_align_celeba.zip, list_attr_celeba.txt" in str(told.value)


@pytest.mark.parametrize(
    "name", ["img_align_celeba.zip", "list_attr_celeba.txt", "list_eval_partition.txt"]
)
def test_another_file_is_refused(put, name):
    path = put() / "celeba" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"is not the published {name}: its md5") as told:
        CelebA(path.parents[1])
    assert "fetch it again" in str(told.value)
    path.write_bytes(content[:-1])
    with pytest.raises(DataError, match="published"):
        CelebA(path.parents[1])


def cut(place):
    path = place / "img_align_celeba" / "000042.jpg"
    path.write_bytes(path.read_bytes()[:2000])


def delete(place):
    (place / "img_align_celeba" / "000042.jpg").unlink()


def shrunk(place):
    Image.new("RGB", (64, 64)).save(place / "img_align_celeba" / "000042.jpg")


def text(place):
    (place / "img_align_celeba" / "000042.jpg").write_text("<html>")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (cut, "damaged"),
        (delete, "is missing"),
        (shrunk, "64 pixels wide and 64 high, expected 178 and 218"),
        (text, "no image"),
    ],
)
def test_a_bad_picture_is_named(put, damage, message):
    folder = put(zipped=False, damage=damage)
    with pytest.raises(DataError, match=message) as told:
        CelebA(folder)
    assert "000042.jpg" in str(told.value)
    assert not list(folder.rglob("*.npy"))


@pytest.mark.parametrize("what", ["missing", "damaged"])
def test_a_bad_member_of_the_archive_is_named(put, what):
    def damage(place):
        path = place / "img_align_celeba.zip"
        if what == "missing":
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("img_align_celeba/000001.jpg", celeba.jpg(0))
        else:
            content = bytearray(path.read_bytes())
            content[content.index(celeba.jpg(41)) + 900] ^= 255
            path.write_bytes(content)

    name = "000002" if what == "missing" else "000042"
    with pytest.raises(DataError, match=f"{name}.jpg cannot be read"):
        CelebA(put(damage=damage))


def attribute_lines(change):
    def damage(place):
        path = place / "list_attr_celeba.txt"
        path.write_text("\n".join(change(path.read_text().splitlines())))

    return damage


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: lines[:40] + lines[41:], "has 69 rows"),
        (lambda lines: lines[:-1], "has 69 rows"),
        (lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]], "in their order"),
        (lambda lines: [*lines[:9], lines[9][:-3], *lines[10:]], "damaged"),
        (lambda lines: [lines[0], lines[1].replace("Male ", ""), *lines[2:]], "39 attributes"),
    ],
)
def test_attributes_of_other_pictures_are_refused(put, change, message):
    with pytest.raises(DataError, match=message) as told:
        CelebA(put(damage=attribute_lines(change)))
    assert "list_attr_celeba.txt" in str(told.value)


def test_a_conversion_that_was_stopped_goes_on(put, monkeypatch):
    monkeypatch.setattr(image_files, "_AT_ONCE", 8)
    folder = put()
    straight = CelebA(folder, 140)
    expected = read_record(straight.path)["sha256"]
    for file in straight.path.parent.glob("celeba-*"):
        file.unlink()
    read, done = image_files.Decoder.read, []

    def stops(self, picture, name=""):
        done.append(name)
        if name.startswith("000050"):
            raise KeyboardInterrupt
        return read(self, picture, name)

    with monkeypatch.context() as patched:
        patched.setattr(image_files.Decoder, "read", stops)
        with pytest.raises(KeyboardInterrupt):
            CelebA(folder, 140)
    done.clear()
    with monkeypatch.context() as patched:
        patched.setattr(
            image_files.Decoder,
            "read",
            lambda self, p, name: done.append(name) or read(self, p, name),
        )
        resumed = CelebA(folder, 140)
    assert read_record(resumed.path)["sha256"] == expected
    assert len(done) == 70 - 48  # eight at once: six pieces were written


def test_grey_and_transparent_pictures_become_colour(tmp_path):
    content = io.BytesIO()
    Image.new("LA", (178, 218), (99, 0)).save(content, "PNG")
    pixels = image_files.Decoder(size=64).read(content.getvalue(), "grey")
    assert pixels.shape == (64, 64, 3)
    assert (pixels == 99).all()


def test_pictures_of_more_than_16_bits_are_refused():
    content = io.BytesIO()
    Image.fromarray(np.full((4, 4), 0.5, np.float32)).save(content, "TIFF")
    with pytest.raises(DataError, match="8 bits"):
        image_files.Decoder(size=2).read(content.getvalue(), "deep")
