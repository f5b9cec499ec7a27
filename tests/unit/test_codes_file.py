"""Codes of anyone's model in an npz file."""

import numpy as np
import pytest
import torch

from vaescope.codes_file import read_codes
from vaescope.errors import DataError
from vaescope.posteriors import DiagonalGaussian, Point

CODES = np.arange(12.0).reshape(6, 2)
FACTORS = np.arange(18).reshape(6, 3)


def test_codes_and_factors_are_read_as_they_are(tmp_path):
    np.savez(tmp_path / "a.npz", codes=CODES.astype("f4"), factors=FACTORS.astype("u1"))
    found = read_codes(tmp_path / "a.npz")
    assert torch.equal(found.mean, torch.from_numpy(CODES))
    assert torch.equal(found.factors, torch.from_numpy(FACTORS))
    assert list(found.factor_kinds) == ["ordinal"] * 3
    assert found.posterior is Point


def test_kinds_and_variances_are_read(tmp_path):
    kinds = ["circular", "continuous", "categorical"]
    np.savez(tmp_path / "a.npz", codes=CODES, factors=FACTORS / 2, kinds=kinds, variance=CODES + 1)
    found = read_codes(tmp_path / "a.npz")
    assert list(found.factor_kinds) == kinds
    assert found.posterior is DiagonalGaussian
    assert torch.equal(found.variance, torch.from_numpy(CODES + 1))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"codes": CODES}, r"has \['codes'\], but not factors"),
        ({"codes": CODES, "factors": FACTORS[:5]}, r"codes \(6, 2\) and factors \(5, 3\)"),
        ({"codes": CODES[0], "factors": FACTORS}, r"codes \(2,\)"),
        ({"codes": CODES, "factors": FACTORS, "kinds": ["line"] * 3}, "give one of ordinal"),
        ({"codes": CODES, "factors": FACTORS, "variance": CODES[:, :1]}, r"variance \(6, 1\)"),
    ],
)
def test_arrays_that_do_not_fit_are_named(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=message):
        read_codes(tmp_path / "a.npz")


def test_missing_and_damaged_files_are_named(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_codes(tmp_path / "none.npz")
    (tmp_path / "bad.npz").write_bytes(b"PK\x03\x04 not an archive")
    with pytest.raises(DataError, match="cannot be read as npz"):
        read_codes(tmp_path / "bad.npz")
