"""Caches that have changed since they were written are refused when they are opened."""

import hashlib
import time
import zlib

import numpy as np
import pytest
import torch

from vaescope.data.files import checksums as module
from vaescope.data.files.cache import write_once
from vaescope.data.files.checksums import (
    BlockChecksums,
    RunningChecksums,
    read_record,
    record_path,
    require_undamaged,
)
from vaescope.data.files.npy_cache import convert
from vaescope.data.sets.own.datamodule import map_converted
from vaescope.data.sets.shapes3d_like.dataset import Shapes3DLike, maps_path
from vaescope.errors import DataError

BLOCK = 64
CONTENT = np.random.default_rng(0).integers(1, 256, 1000, np.uint8).tobytes()
IMAGES = np.random.default_rng(1).integers(1, 256, (40, 5, 5, 1), np.uint8)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(module, "BLOCK_BYTES", BLOCK)
    monkeypatch.setattr(module, "_opened", {})


@pytest.fixture
def cached(tmp_path):
    return write_once(tmp_path / "cache.bin", lambda path: path.write_bytes(CONTENT))


def change(path, position, content=b"\0"):
    with path.open("rb+") as file:
        file.seek(position)
        file.write(content)


@pytest.mark.parametrize("at_once", [1, 63, 64, 65, 1000])
def test_pieces_of_any_length_give_the_checksums_of_the_whole(tmp_path, at_once):
    running = RunningChecksums()
    for start in range(0, len(CONTENT), at_once):
        running.update(CONTENT[start : start + at_once])
    expected = tuple(zlib.crc32(CONTENT[i : i + BLOCK]) for i in range(0, len(CONTENT), BLOCK))
    assert running.so_far() == (1000, expected)
    (tmp_path / "file").write_bytes(CONTENT)
    blocks = BlockChecksums.of(tmp_path / "file")
    assert blocks == BlockChecksums(1000, expected)
    assert BlockChecksums.from_plain(blocks.plain()) == blocks


@pytest.mark.parametrize("position", [0, 63, 64, 500, 999])
def test_one_changed_byte_anywhere_is_found(cached, position):
    require_undamaged(cached)
    change(cached, position, bytes([CONTENT[position] ^ 1]))
    first = position // BLOCK * BLOCK
    module._opened.clear()  # as in a new process
    with pytest.raises(DataError, match=rf"cache.bin is damaged: in bytes {first} to .* delete it"):
        require_undamaged(cached)


def test_a_file_cut_short_or_grown_is_told_by_its_size(cached):
    cached.write_bytes(CONTENT[:-1])
    with pytest.raises(DataError, match="has 999 bytes, not 1,000"):
        require_undamaged(cached)
    cached.write_bytes(CONTENT + b"x")
    with pytest.raises(DataError, match="has 1,001 bytes, not 1,000"):
        require_undamaged(cached)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"blocks": 3}', '{"blocks": {}}'])
def test_a_damaged_record_is_told(cached, content):
    record_path(cached).write_text(content)
    with pytest.raises(DataError, match=r"cache.bin.json beside it is missing, damaged"):
        require_undamaged(cached)


def test_a_process_reads_a_file_once(cached, monkeypatch):
    require_undamaged(cached)
    monkeypatch.setattr(BlockChecksums, "first_damaged", lambda *_: pytest.fail("read again"))
    require_undamaged(cached)


def test_opening_takes_a_bounded_time_and_any_block_may_be_looked_at(cached, monkeypatch):
    """Without time, one block is looked at: over many openings each of the 16."""
    change(cached, 0)
    monkeypatch.setattr(module, "_SECONDS", -1.0)
    monkeypatch.setattr(time, "monotonic", iter(range(10**6)).__next__)
    require_undamaged(cached)  # no time, no block
    monkeypatch.setattr(module, "_SECONDS", 1.0)  # one block: the clock goes one on for each
    told = 0
    for _ in range(200):
        module._opened.clear()
        try:
            require_undamaged(cached)
        except DataError:
            told += 1
    assert 1 <= told < 60  # 200 / 16 = 12.5 are expected, 60 is 13 standard deviations away
    with pytest.raises(DataError, match="bytes 0 to 63"):
        require_undamaged(cached, whole=True)


def test_a_file_of_an_older_version_is_written_anew(tmp_path):
    path = tmp_path / "cache.bin"
    path.write_bytes(b"no record")
    write_once(path, lambda temporary: temporary.write_bytes(CONTENT))
    require_undamaged(path)
    assert path.read_bytes() == CONTENT


def images(stop=None):
    def pieces(start):
        for row in range(start, len(IMAGES)):
            if row == stop:
                raise KeyboardInterrupt
            yield IMAGES[row : row + 1]

    return pieces


@pytest.mark.parametrize("position", [130, 300, 600, 870])
def test_zeros_in_a_partial_conversion_are_converted_again(tmp_path, position):
    """As a loss of power leaves them; the rest of the file is kept."""
    path, straight = tmp_path / "a.npy", tmp_path / "b.npy"
    convert(straight, IMAGES.shape, images(), {})
    with pytest.raises(KeyboardInterrupt):
        convert(path, IMAGES.shape, images(stop=30), {})
    change(path.with_name("a.npy.part"), position, bytes(8))
    convert(path, IMAGES.shape, images(), {})
    assert path.read_bytes() == straight.read_bytes()
    assert read_record(path) == read_record(straight)
    require_undamaged(path, whole=True)


def test_a_converted_array_that_has_changed_is_refused(tmp_path):
    def opened():
        module._opened.clear()
        return map_converted(IMAGES.shape, images(), {"version": 1}, "own", tmp_path)

    path = opened().path
    change(path, 700)
    with pytest.raises(DataError, match="is damaged: in bytes 640 to 703"):
        opened()
    path.unlink()
    assert torch.equal(opened().take(torch.arange(40)), torch.from_numpy(IMAGES))


def test_a_conversion_of_an_older_version_is_checked_whole_once(tmp_path):
    def opened():
        return map_converted(IMAGES.shape, images(), {"version": 1}, "own", tmp_path)

    path = opened().path
    record = read_record(path)
    del record["blocks"]
    module.write_record(path, record)
    opened()
    assert BlockChecksums.from_plain(read_record(path)["blocks"]) == BlockChecksums.of(path)
    module.write_record(path, record)
    change(path, 700)
    with pytest.raises(DataError, match="has changed since it was converted"):
        opened()


def test_maps_of_a_renderer_are_checked(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BLOCK_BYTES", 2**22)
    Shapes3DLike(tmp_path)
    change(maps_path(tmp_path), 10_000_000, b"\x01\x02")
    module._opened.clear()
    with pytest.raises(DataError, match=r"shapes3d_like-v\d+.npy is damaged"):
        Shapes3DLike(tmp_path)


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_file_checksum(tmp_path, algorithm):
    (tmp_path / "file").write_bytes(CONTENT)
    expected = hashlib.new(algorithm, CONTENT).hexdigest()
    assert module.file_checksum(tmp_path / "file", algorithm) == expected
