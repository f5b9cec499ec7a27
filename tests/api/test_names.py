"""``import vaescope`` offers names that are loaded when they are used."""

import subprocess
import sys

import pytest

import vaescope


@pytest.mark.parametrize("name", vaescope.__all__)
def test_each_name_is_there_when_it_is_asked_for(name):
    assert getattr(vaescope, name).__name__.rpartition(".")[2] == name
    assert name in dir(vaescope)


def test_another_name_is_told_with_the_nearest():
    with pytest.raises(
        AttributeError, match="vaescope has no 'load_dat'; did you mean 'load_data'"
    ):
        vaescope.load_dat  # noqa: B018


def test_the_import_and_the_list_of_names_load_nothing_heavy():
    program = "import sys, vaescope; dir(vaescope); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
