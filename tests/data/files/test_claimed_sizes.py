"""Files that claim more than they hold take no memory and no disk."""

import io
import zipfile

import numpy as np
import pytest

from vaescope.data.files.array_files import headers, read_array
from vaescope.errors import DataError


def claim(shape, descr="|u1"):
    """A header of numpy's, and 4,096 bytes."""
    file = io.BytesIO()
    about = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, about)
    return file.getvalue() + bytes(4096)


CLAIMS = [
    ((10**12, 64, 64), "behind its header"),
    ((10**30, 64, 64), "behind its header"),
    ((4097,), "4,096 of 4,097 bytes behind its header"),
    ((-5, 64, 64), r"its shape is \[-5, 64, 64\]"),
]


@pytest.mark.parametrize("read", [headers, lambda path: read_array(path, "a")])
@pytest.mark.parametrize(("shape", "told"), CLAIMS)
def test_of_a_file_that_claims_too_much_nothing_is_read(tmp_path, shape, told, read):
    (tmp_path / "a.npy").write_bytes(claim(shape))
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", claim(shape))
    for name in ("a.npy", "a.npz"):
        with pytest.raises(DataError, match=told):
            read(tmp_path / name)


def test_a_file_that_holds_what_it_claims_is_read(tmp_path):
    (tmp_path / "a.npy").write_bytes(claim((64, 64)))
    assert read_array(tmp_path / "a.npy", "a").shape == (64, 64)
    np.savez(tmp_path / "b.npz", a=np.ones((2, 3)), b=np.zeros(0))
    assert read_array(tmp_path / "b.npz", "a").sum() == 6
    assert headers(tmp_path / "b.npz")["b"].shape == (0,)
