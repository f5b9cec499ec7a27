"""``vaescope data list|verify|render`` on the command line."""

import zipfile
from pathlib import Path

import pytest

from vaescope.config.loading import config_dir


def test_list_has_every_data_set(shell):
    printed = shell("data", "list").stdout
    for path in Path(config_dir(), "data").glob("*.yaml"):
        assert f" {path.stem} " in printed.replace("│", " ")


@pytest.mark.parametrize("name", ["tiny", "synthetic_linear", "synthetic_nonlinear"])
def test_render_writes_a_sheet(shell, tmp_path, name):
    printed = shell("data", "render", f"data={name}", "num_images=5", "output_dir=.").stdout
    assert "5 random observations" in printed
    assert (tmp_path / "images.png").read_bytes().startswith(b"\x89PNG")


def test_verify_says_what_it_looked_for(shell, tmp_path):
    told = shell("data", "verify", f"data_dir={tmp_path}", code=1).stderr
    assert "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz" in told
    assert str(tmp_path) in told


@pytest.mark.parametrize("content", [b"", b"PK\x05\x06 cut"])
def test_verify_names_a_damaged_file(shell, tmp_path, content):
    path = tmp_path / "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"
    path.write_bytes(content)
    assert not zipfile.is_zipfile(path)
    told = shell("data", "verify", f"data_dir={tmp_path}", code=1).stderr
    assert str(path) in told
    assert "Traceback" not in told
