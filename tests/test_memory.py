"""Memory is counted before it is taken."""

import pytest

from vaescope.errors import ConfigError
from vaescope.memory import free_bytes, require_memory


def container(folder, limit, current, files):
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.current").write_text(f"{current}\n")
    (folder / "memory.stat").write_text(f"anon 5\nfile {files}\nkernel 3\n")
    return folder


def test_a_container_has_less_than_the_machine(tmp_path):
    assert free_bytes(container(tmp_path, 1000, 600, 100)) == 500
    assert free_bytes(container(tmp_path, 1000, 2000, 100)) == 0


def test_without_a_limit_the_machine_counts(tmp_path):
    machine = free_bytes(tmp_path)
    assert machine > 2**20
    assert free_bytes(container(tmp_path, "max", 600, 100)) > 2**20


def test_what_cannot_fit_is_refused_in_a_sentence():
    require_memory(1, "nothing")
    with pytest.raises(ConfigError, match=r"^all of it would take 1,073,741,824\.0 GiB of memory"):
        require_memory(2**60, "all of it")
