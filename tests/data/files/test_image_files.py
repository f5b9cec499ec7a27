"""Pictures as cameras and drawing programs save them, and folders as people keep them."""

import io
import os
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from vaescope.data.files.image_files import Decoder, colour_of, image_size
from vaescope.data.files.image_folders import list_images
from vaescope.data.sets.own.image_folder import ImageFolderDataModule
from vaescope.errors import DataError

RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 256, (6, 9, 3), dtype=np.uint8)
GREYS = RNG.integers(0, 256, (6, 9), dtype=np.uint8)
COVER = RNG.integers(0, 256, (6, 9), dtype=np.uint8)
COVER[0, :3] = 0, 128, 255


def decoded(picture, form="PNG", *, as_saved=False, **options):
    """Pixels of a picture, or of a file's bytes, after they went through the file format."""
    if not as_saved:
        file = io.BytesIO()
        picture.save(file, form)
        picture = file.getvalue()
    return Decoder(size=None, **options).read(picture, "picture")


def over(colours, cover, canvas):
    cover = cover[..., None] / 255
    return colours * cover + np.array(canvas) * (1 - cover)


# transparency


@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("canvas", [0, 255, 77, "black", "white", "red", "#102030"])
def test_transparent_colours_lie_on_the_canvas(form, canvas):
    picture = Image.fromarray(np.dstack([COLOURS, COVER]))
    colour = colour_of(canvas)
    file = io.BytesIO()
    picture.save(file, form, **({"lossless": True, "exact": True} if form == "WEBP" else {}))
    found = decoded(file.getvalue(), as_saved=True, canvas=colour)
    assert np.abs(found - over(COLOURS, COVER, colour)).max() <= 1


def test_transparent_greys_lie_on_the_canvas():
    picture = Image.fromarray(np.dstack([GREYS, COVER]))
    assert picture.mode == "LA"
    found = decoded(picture, channels=1, canvas=colour_of(200))
    assert np.abs(found - over(GREYS[..., None], COVER, [200])).max() <= 1


@pytest.mark.parametrize("form", ["PNG", "GIF"])
@pytest.mark.parametrize("canvas", [0, 255])
def test_a_transparent_entry_of_a_palette_is_the_canvas(form, canvas):
    indices = RNG.integers(0, 3, (6, 9), dtype=np.uint8)
    palette = np.array([[250, 1, 2], [3, 240, 5], [6, 7, 230]], dtype=np.uint8)
    picture = Image.fromarray(indices)
    picture.putpalette(palette.tobytes())
    file = io.BytesIO()
    picture.save(file, form, transparency=1)
    found = decoded(file.getvalue(), as_saved=True, canvas=colour_of(canvas))
    palette[1] = canvas
    assert np.array_equal(found, palette[indices])


def test_a_palette_of_half_transparent_entries_is_mixed():
    indices = np.arange(54, dtype=np.uint8).reshape(6, 9) % 3
    palette = np.array([[200, 100, 0], [0, 200, 100], [100, 0, 200]], dtype=np.uint8)
    picture = Image.fromarray(indices)
    picture.putpalette(palette.tobytes())
    file = io.BytesIO()
    picture.save(file, "PNG", transparency=bytes([0, 128, 255]))
    found = decoded(file.getvalue(), as_saved=True, canvas=colour_of("white"))
    cover = np.array([0, 128, 255])[indices]
    assert np.abs(found - over(palette[indices], cover, [255] * 3)).max() <= 1


@pytest.mark.parametrize(
    ("array", "key"), [(COLOURS, tuple(COLOURS[2, 3].tolist())), (GREYS, int(GREYS[2, 3]))]
)
def test_a_colour_said_to_be_transparent_is_the_canvas(array, key):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG", transparency=key)
    found = decoded(file.getvalue(), as_saved=True, canvas=colour_of(9))
    wide = np.broadcast_to(array if array.ndim == 3 else array[..., None], (6, 9, 3))
    expected = np.where((wide == key).all(-1, keepdims=True), 9, wide)
    assert expected[2, 3].tolist() == [9, 9, 9]
    assert np.array_equal(found, expected)


def test_opaque_pictures_do_not_know_the_canvas():
    decoder = Decoder(size=None, canvas=colour_of("white"))
    for picture in (Image.fromarray(COLOURS), Image.fromarray(COLOURS).convert("RGBA")):
        file = io.BytesIO()
        picture.save(file, "PNG")
        assert np.array_equal(decoder.read(file.getvalue(), "picture"), COLOURS)
    assert not decoder.notes.counts


def test_hidden_colours_do_not_bleed_when_pictures_are_resized():
    pixels = np.full((64, 64, 4), 255, np.uint8)  # white under the transparency, too
    pixels[..., 3] = 0
    pixels[16:48, 16:48] = 255
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    found = Decoder(size=16, canvas=colour_of(0)).read(file.getvalue(), "picture")
    assert found[:2].max() == 0
    assert found[6:10, 6:10].min() == 255


# modes


@pytest.mark.parametrize("form", ["PNG", "TIFF", "PPM"])
@pytest.mark.parametrize("channels", [1, 3])
def test_greys_of_16_bits_are_rounded(form, channels):
    levels = RNG.integers(0, 65536, (6, 9), dtype=np.uint16)
    levels[0, :3] = 0, 65535, 32768
    found = decoded(Image.fromarray(levels), form, channels=channels)
    assert np.array_equal(found[..., 0], np.rint(levels / 257))
    assert (found == found[..., :1]).all()


@pytest.mark.parametrize(("kind", "channels"), [(2, 3), (6, 4), (4, 2)])
def test_colours_of_16_bits_keep_their_higher_8_and_that_is_told(tmp_path, caplog, kind, channels):
    """A png written by hand, for Pillow saves none; ``kind`` is its number of the colour type."""
    levels = RNG.integers(0, 65536, (6, 9, channels), dtype=np.uint16)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in levels)
    parts = {
        b"IHDR": struct.pack(">IIBBBBB", 9, 6, 16, kind, 0, 0, 0),
        b"IDAT": zlib.compress(rows),
        b"IEND": b"",
    }
    content = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(part)) + name + part + struct.pack(">I", zlib.crc32(name + part))
        for name, part in parts.items()
    )
    decoder = Decoder(size=None)
    found = decoder.read(content, "picture")
    kept = (levels >> 8)[..., :3] if channels > 2 else (levels >> 8)[..., :1].repeat(3, -1)
    assert np.array_equal(found, kept)
    assert decoder.notes.counts == {"cut": 1}
    (tmp_path / "a.png").write_bytes(content)
    ImageFolderDataModule(path=tmp_path, batch_size=1, size=None, canvas=0).setup()
    assert "1 of 1 images of 16-bit colours, of which the higher 8 bits are kept" in caplog.text


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_of_1_bit_are_black_and_white(channels):
    found = decoded(Image.fromarray(GREYS > 99), channels=channels)
    assert np.array_equal(found[..., 0], 255 * (GREYS > 99))


def test_colours_of_printers_become_those_of_screens():
    inks = np.zeros((2, 2, 4), np.uint8)  # white, cyan, yellow, black
    inks[0, 1, 0] = inks[1, 0, 2] = inks[1, 1, 3] = 255
    expected = [[[255, 255, 255], [0, 255, 255]], [[255, 255, 0], [0, 0, 0]]]
    assert decoded(Image.fromarray(inks, "CMYK"), "TIFF").tolist() == expected
    large = Image.fromarray(inks.repeat(8, 0).repeat(8, 1), "CMYK")
    found = decoded(large, "JPEG")[4::8, 4::8]
    assert np.abs(found.astype(int) - expected).max() < 8


def test_of_an_animation_the_first_picture_is_read():
    frames = [Image.fromarray(np.full((6, 9), level, np.uint8)) for level in (40, 200)]
    for form in ("GIF", "TIFF", "WEBP"):
        file = io.BytesIO()
        more = {"lossless": True} if form == "WEBP" else {}
        frames[0].save(file, form, save_all=True, append_images=frames[1:], **more)
        decoder = Decoder(size=None)
        assert (decoder.read(file.getvalue(), form) == 40).all(), form
        assert decoder.notes.counts == {"several": 1}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_pictures_stand_as_their_camera_says(tmp_path, orientation, form):
    scene = np.zeros((16, 32, 3), np.uint8)
    scene[:8, :16], scene[8:, 16:] = (255, 0, 0), (0, 0, 255)
    undone = {2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}.get(orientation)
    turns = {
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
        8: lambda a: np.rot90(a),
    }
    stored = np.ascontiguousarray(turns[undone](scene) if undone else scene)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "picture"
    Image.fromarray(stored).save(path, form, exif=exif, quality=100)
    assert image_size(path) == (16, 32)
    found = Decoder(size=None, upright=True, expected=(16, 32)).read(path, "picture")
    assert np.abs(found[2::4, 2::4].astype(int) - scene[2::4, 2::4]).max() < 30
    if form == "TIFF":  # which Pillow always turns
        return
    as_stored = Decoder(size=None, expected=stored.shape[:2]).read(path, "picture")
    assert np.abs(as_stored.astype(int) - stored).mean() < 10


def test_a_damaged_picture_never_escapes_its_message():
    rng = np.random.default_rng(1)
    for form in ("PNG", "JPEG", "GIF", "BMP", "WEBP"):
        file = io.BytesIO()
        Image.fromarray(COLOURS).save(file, form)
        content = file.getvalue()
        for _ in range(30):
            cut = content[: rng.integers(1, min(len(content), 40))]
            with pytest.raises(DataError, match="picture seven is damaged or no image"):
                Decoder(size=8).read(cut, "picture seven")


# folders


def save(path, level=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (level,) * 3).save(path)


SUFFIXES = ("png", "jpg")


def test_hidden_folders_are_passed_over(tmp_path):
    for name in ("a.png", ".ipynb_checkpoints/a.png", "b/.cache/c/d.png", "b/e.png", ".f.png"):
        save(tmp_path / name)
    assert list_images(tmp_path, SUFFIXES) == ["a.png", "b/e.png"]
    hidden = tmp_path / ".hidden"
    save(hidden / "g.png")
    assert list_images(hidden, SUFFIXES) == ["g.png"]  # the folder itself was asked for


def test_linked_folders_are_read_once_and_end(tmp_path):
    root, other = tmp_path / "root", tmp_path / "other"
    save(root / "z" / "0.png")
    save(other / "in" / "1.png")
    os.symlink(root / "z", root / "a")  # before the folder that it shows
    os.symlink(other, root / "link")
    os.symlink(other, root / "link2")
    os.symlink(root, root / "z" / "loop")
    os.symlink(tmp_path, other / "up")
    assert list_images(root, SUFFIXES) == ["link/in/1.png", "z/0.png"]
    (tmp_path / "q").mkdir()
    os.symlink(root, tmp_path / "q" / "only")
    assert len(list_images(tmp_path / "q", SUFFIXES)) == 2
    os.symlink(tmp_path / "nothing", root / "broken.png")
    module = ImageFolderDataModule(path=root, batch_size=1)
    with pytest.raises(DataError, match=r"broken\.png is missing"):
        module.setup()


def test_files_of_other_kinds_are_counted_and_can_be_read(tmp_path, caplog):
    for name in ("0.png", "1.JPG", "2.webp", "3.tif", "4.bmp"):
        save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("mine")
    assert list_images(tmp_path, SUFFIXES, tmp_path / "notes.txt") == ["0.png", "1.JPG"]
    assert "3 files of other kinds left out (.bmp 1, .tif 1, .webp 1)" in caplog.text
    assert "data.suffixes=[png,jpg,bmp,tif,webp] reads images among them" in caplog.text
    caplog.clear()
    options = {"path": tmp_path, "batch_size": 1, "size": None}
    module = ImageFolderDataModule(suffixes=["png", ".jpg", "WEBP", "tif", "bmp"], **options)
    module.setup()
    assert len(module.dataset) == 5
    assert "1 file of other kinds left out (.txt 1)" in caplog.text
    with pytest.raises(DataError, match=r"holds no images \(gif\); .* data\.suffixes=\[gif,bmp"):
        ImageFolderDataModule(suffixes=["gif"], **options).setup()


def test_folders_called_like_pictures_are_folders(tmp_path):
    save(tmp_path / "a.png" / "b.png")
    assert list_images(tmp_path, SUFFIXES) == ["a.png/b.png"]


def test_what_was_done_to_pictures_is_told_once(tmp_path, caplog):
    for number in range(4):
        pixels = np.full((8, 8, 4), 255, np.uint8)
        pixels[:number, :, 3] = 0
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    levels = []
    for canvas in ("black", "white", 128):
        module = ImageFolderDataModule(
            path=tmp_path, batch_size=1, size=None, channels=1, canvas=canvas
        )
        module.setup()
        levels.append(module.dataset.batch(torch.arange(4)).image[:, 0, 0, 0] * 255)
        assert f"3 of 4 images transparent, now on the canvas {canvas}" in caplog.text
        caplog.clear()
    assert torch.stack(levels).tolist() == [[255, 0, 0, 0], [255] * 4, [255, 128, 128, 128]]
