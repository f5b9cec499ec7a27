import gzip
import hashlib
import struct

import numpy as np
import pytest

from vaescope.data.files.idx_files import IdxFile, find_files
from vaescope.errors import DataError

ARRAY = np.random.default_rng(0).integers(0, 256, (5, 4, 3), dtype=np.uint8)
# written out: zeros, type 8 (unsigned bytes), 3 axes; then each side, big-endian
BYTES = struct.pack(">BBBB III", 0, 0, 8, 3, 5, 4, 3) + ARRAY.tobytes()
FILE = IdxFile("Toy", "toy-images-idx3-ubyte", (5, 4, 3), hashlib.md5(BYTES).hexdigest())
ZIPPED = gzip.compress(BYTES, mtime=0)


def read(tmp_path, content, file=FILE, name="x.gz"):
    path = tmp_path / name
    path.write_bytes(content)
    return file.read(path)


def refused(tmp_path, content, message, **given):
    with pytest.raises(DataError, match=message) as caught:
        read(tmp_path, content, **given)
    assert str(tmp_path / given.get("name", "x.gz")) in str(caught.value)
    assert "fetch" in str(caught.value)


@pytest.mark.parametrize("name", ["x", "x.gz"])
@pytest.mark.parametrize("content", [BYTES, ZIPPED, gzip.compress(BYTES, 0, mtime=0)])
def test_the_array_comes_back_whatever_the_name_and_the_compression(tmp_path, content, name):
    found = read(tmp_path, content, name=name)
    assert found.dtype == np.uint8
    assert np.array_equal(found, ARRAY)


@pytest.mark.parametrize("shape", [(7,), (2, 3), (1, 28, 28), (2, 1, 3, 300)])
def test_any_number_of_axes(tmp_path, shape):
    array = np.arange(np.prod(shape)).astype(np.uint8).reshape(shape)
    content = struct.pack(f">I{len(shape)}I", 0x0800 + len(shape), *shape) + array.tobytes()
    file = IdxFile("Toy", "toy", shape, hashlib.md5(content).hexdigest())
    assert np.array_equal(read(tmp_path, content, file), array)


@pytest.mark.parametrize("keep", [0, 1, 3, 4, 9, 15, 16, 17, len(BYTES) - 1])
def test_a_file_cut_short_is_refused(tmp_path, keep):
    message = "begins with the bytes" if keep < 4 else f"76 bytes .* but holds {keep}: .*cut short"
    refused(tmp_path, BYTES[:keep], message)


def test_an_empty_file_is_refused(tmp_path):
    refused(tmp_path, b"", r"begins with the bytes \(none\), expected 00000803")


@pytest.mark.parametrize("keep", [2, 10, 30, len(ZIPPED) - 9, len(ZIPPED) - 8, len(ZIPPED) - 1])
def test_a_gzip_file_cut_short_is_refused(tmp_path, keep):
    refused(tmp_path, ZIPPED[:keep], "cut short, damaged or no file of Toy .*EOFError")


@pytest.mark.parametrize("place", [12, len(ZIPPED) // 2, len(ZIPPED) - 6])
def test_a_damaged_gzip_file_is_refused(tmp_path, place):
    damaged = bytearray(ZIPPED)
    damaged[place] ^= 0xFF
    with pytest.raises(DataError, match="fetch"):
        read(tmp_path, bytes(damaged))


@pytest.mark.parametrize("content", [BYTES + b"\0", gzip.compress(BYTES + b"1234", mtime=0)])
def test_a_file_that_is_too_long_is_refused(tmp_path, content):
    refused(tmp_path, content, "should hold 76 bytes .* holds more")


@pytest.mark.parametrize(
    ("content", "bytes_"),
    [
        (b"<html>404</html>", "3c68746d"),
        (struct.pack(">II", 0x801, 5) + bytes(5), "00000801"),  # labels under the images' name
        (struct.pack(">IIII", 0xD03, 5, 4, 3) + bytes(240), "00000d03"),  # floats
    ],
)
def test_a_wrong_magic_number_is_refused(tmp_path, content, bytes_):
    message = f"begins with the bytes {bytes_}, expected 00000803: it is no idx file"
    refused(tmp_path, content, message)
    refused(tmp_path, gzip.compress(content), message)


def test_a_wrong_shape_is_refused(tmp_path):
    content = struct.pack(">IIII", 0x803, 4, 5, 3) + ARRAY.tobytes()
    refused(tmp_path, content, r"shape \[4, 5, 3\], expected \[5, 4, 3\]")


def test_a_wrong_checksum_is_refused(tmp_path):
    other = BYTES[:-1] + bytes([BYTES[-1] ^ 1])
    found = hashlib.md5(other).hexdigest()
    message = f"not Toy's toy-images-idx3-ubyte: the md5 .* is {found}, expected {FILE.md5}"
    refused(tmp_path, other, message)


def test_a_file_that_cannot_be_opened_is_refused(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match="IsADirectoryError"):
        FILE.read(tmp_path / "folder")


FILES = [IdxFile("Toy", name, (1,), "") for name in ("one", "two")]


def put(folder, *names):
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch()


def test_the_first_folder_with_all_files_is_taken(tmp_path):
    first, second, third = (tmp_path / name for name in "abc")
    put(first, "one")
    put(second, "one.gz", "two")
    put(third, "one", "two")
    found = find_files(FILES, [first, second, third], "")
    assert found == [second / "one.gz", second / "two"]


def test_the_decompressed_file_is_taken_first(tmp_path):
    put(tmp_path, "one", "one.gz", "two.gz")
    assert find_files(FILES, [tmp_path], "") == [tmp_path / "one", tmp_path / "two.gz"]


def test_missing_files_are_told_with_all_places(tmp_path):
    put(tmp_path / "b", "two.gz")
    with pytest.raises(DataError) as caught:
        find_files(FILES, [tmp_path / "a", tmp_path / "b"], "fetch them")
    assert str(caught.value) == (
        f"no Toy files: looked for one, two, each with or without .gz, in {tmp_path}/a and "
        f"{tmp_path}/b (lacks one); fetch them"
    )
