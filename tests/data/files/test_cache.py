import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from vaescope.data.files import cache
from vaescope.errors import DataError

WRITER = f"""
import os, sys, time, types
from pathlib import Path
# an empty package in place of vaescope.data, so that torch and Lightning are not imported
sys.modules["vaescope.data"] = types.ModuleType("vaescope.data")
sys.modules["vaescope.data"].__path__ = [{str(Path(cache.__file__).parents[1])!r}]
from vaescope.data.files.cache import write_once

def write(path):
    with path.open("wb") as file, open(sys.argv[1] + ".log", "a") as log:
        file.write(b"a" * 1000); file.flush()
        print(os.getpid(), file=log, flush=True)
        print("half", flush=True)
        time.sleep(float(sys.argv[2]))
        file.write(b"b" * 1000)

write_once(Path(sys.argv[1]), write)
"""
WHOLE = b"a" * 1000 + b"b" * 1000


def start_writer(path, seconds):
    command = [sys.executable, "-c", WRITER, str(path), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def leftovers(folder):
    return [path.name for path in folder.iterdir() if path.name.endswith(".new")]


def test_written_once_then_returned(tmp_path):
    path = tmp_path / "new" / "file"
    assert cache.write_once(path, lambda p: p.write_bytes(WHOLE)) == path
    assert cache.write_once(path, lambda p: p.write_bytes(b"other")) == path
    assert path.read_bytes() == WHOLE


def test_two_processes_at_once_write_one_file(tmp_path):
    path = tmp_path / "file"
    writers = [start_writer(path, 0.5) for _ in range(2)]
    for writer in writers:
        writer.communicate(timeout=120)
    assert [writer.returncode for writer in writers] == [0, 0]
    assert path.read_bytes() == WHOLE
    assert len(Path(f"{path}.log").read_text().split()) == 1
    assert leftovers(tmp_path) == []


def test_a_killed_writer_leaves_no_file_and_the_next_one_succeeds(tmp_path):
    path = tmp_path / "file"
    writer = start_writer(path, 600)
    assert writer.stdout.readline() == "half\n"
    writer.send_signal(signal.SIGKILL)
    writer.communicate(timeout=60)
    assert not path.exists()
    assert len(leftovers(tmp_path)) == 1
    cache.write_once(path, lambda p: p.write_bytes(WHOLE))
    assert path.read_bytes() == WHOLE
    assert leftovers(tmp_path) == []


def test_a_failing_writer_leaves_nothing(tmp_path):
    def write(path):
        path.write_bytes(b"half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cache.write_once(tmp_path / "file", write)
    assert not (tmp_path / "file").exists()
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("num_bytes", [None, 2000])
def test_a_full_disk_names_folder_and_way_out(tmp_path, num_bytes):
    def write(path):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(DataError, match="disk is full") as caught:
        cache.write_once(tmp_path / "file", write, num_bytes=num_bytes)
    message = str(caught.value)
    assert str(tmp_path) in message
    assert "data_dir=" in message
    assert "are free" in message
    assert ("2,000 bytes are needed" in message) == (num_bytes is not None)
    assert not (tmp_path / "file").exists()
    assert leftovers(tmp_path) == []


def test_too_little_space_is_noticed_before_writing(tmp_path):
    with pytest.raises(DataError, match="disk is full"):
        cache.write_once(tmp_path / "file", lambda p: pytest.fail("wrote"), num_bytes=2**60)


def test_a_folder_without_permission_names_the_way_out(tmp_path):
    def write(path):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    with pytest.raises(DataError, match=r"cannot write file into .*data_dir="):
        cache.write_once(tmp_path / "file", write)


def test_overwrite_replaces(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    cache.overwrite(path, lambda p: p.write_bytes(b"new"))
    assert path.read_bytes() == b"new"


def test_data_dir_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("VAESCOPE_DATA_DIR", "/some/where")
    assert cache.default_data_dir() == Path("/some/where")
    monkeypatch.delenv("VAESCOPE_DATA_DIR")
    assert cache.default_data_dir().name == "vaescope"
