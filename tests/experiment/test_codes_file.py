"""Codes of anyone's model in an npz file."""

import zipfile

import h5py
import numpy as np
import pytest
import torch

from vaescope.config.loading import resolved
from vaescope.distributions.posteriors import DiagonalGaussian, Point
from vaescope.errors import DataError
from vaescope.experiment.assembly import build_data, seeded_model
from vaescope.experiment.codes_file import read_codes, write_codes

ROWS = 60
RNG = np.random.default_rng(0)
CODES = RNG.standard_normal((ROWS, 2))
FACTORS = RNG.integers(0, 5, (ROWS, 3))


def saved(folder, **arrays):
    np.savez(folder / "a.npz", **({"codes": CODES, "factors": FACTORS} | arrays))
    return folder / "a.npz"


def test_codes_and_factors_are_read_as_they_are(tmp_path):
    path = saved(tmp_path, codes=CODES.astype("f4"), factors=FACTORS.astype("u1"))
    found, total = read_codes(path)
    assert torch.equal(found.mean, torch.from_numpy(CODES.astype("f4")).double())
    assert torch.equal(found.factors, torch.from_numpy(FACTORS))
    assert list(found.factor_kinds) == ["ordinal"] * 3
    assert found.posterior is Point
    assert total == ROWS


def test_an_hdf5_file_is_as_good(tmp_path):
    names = np.array(list("vwxyz"), dtype="S")[FACTORS]
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["codes"], file["factors"] = CODES, names
    found, total = read_codes(tmp_path / "a.h5")
    assert torch.equal(found.mean, torch.from_numpy(CODES))
    assert torch.equal(found.factors, torch.from_numpy(FACTORS))
    assert total == ROWS


def test_kinds_and_variances_are_read(tmp_path):
    kinds = ["circular", "continuous", "categorical"]
    for given in (kinds, np.array(kinds, dtype="S")):
        variance = np.exp(CODES)
        path = saved(tmp_path, factors=FACTORS / 2, kinds=given, variance=variance)
        found, _ = read_codes(path)
        assert list(found.factor_kinds) == kinds
        assert found.posterior is DiagonalGaussian
        assert torch.equal(found.variance, torch.from_numpy(variance))


@pytest.mark.parametrize(
    ("factors", "kinds", "values"),
    [
        (FACTORS > 2, ["categorical"] * 3, FACTORS > 2),
        (FACTORS.astype("f4"), ["ordinal"] * 3, FACTORS),
        (FACTORS / 2, ["continuous"] * 3, FACTORS / 2),
        (np.array(list("vwxyz"))[FACTORS], ["categorical"] * 3, FACTORS),
        (np.array(list("vwxyz"), dtype="S")[FACTORS], ["categorical"] * 3, FACTORS),
        (np.stack([FACTORS[:, 0], CODES[:, 0]], 1), ["ordinal", "continuous"], None),
    ],
    ids=["truth values", "whole floats", "fractions", "text", "bytes", "mixed"],
)
def test_kinds_are_guessed_of_each_column(tmp_path, factors, kinds, values):
    found, _ = read_codes(saved(tmp_path, factors=factors))
    assert list(found.factor_kinds) == kinds
    expected = factors if values is None else values
    np.testing.assert_array_equal(found.factors.numpy(), expected.astype(float))


def test_other_arrays_are_not_read(tmp_path):
    path = saved(tmp_path, names=np.array([{"a": 1}], dtype=object))
    assert len(read_codes(path)[0].mean) == ROWS


def test_of_a_long_file_rows_are_drawn_and_stay_together(tmp_path):
    """A file sorted by a factor: its first rows hold one value."""
    factors = np.repeat(np.arange(4), 100)[:, None]
    codes = np.concatenate([factors + 0.25, np.arange(400)[:, None]], 1)
    found, total = read_codes(saved(tmp_path, codes=codes, factors=factors), num_samples=120)
    assert (len(found.mean), total) == (120, 400)
    assert len(found.mean[:, 1].unique()) == 120
    assert torch.equal(found.mean[:, 0], found.factors[:, 0] + 0.25)
    assert found.factors.unique().tolist() == [0, 1, 2, 3]
    assert torch.bincount(found.factors[:, 0]).min() > 15


def turned(index, value):
    array = CODES.copy()
    array[index] = value
    return array


WRONG = {
    "factors of other rows": ({"factors": FACTORS[:59]}, r"codes \(60, 2\) and factors \(59, 3\)"),
    "one latent": ({"codes": CODES[:, 0]}, r"codes \(60,\) .* give codes\[:, None\], \[60, 1\]"),
    "one factor": ({"factors": FACTORS[:, 0]}, r"give factors\[:, None\]"),
    "no latents": ({"codes": CODES[:, :0]}, r"codes \(60, 0\) .* at least 1 each"),
    "no rows": ({"codes": CODES[:0], "factors": FACTORS[:0]}, r"codes \(0, 2\)"),
    "a number": ({"codes": np.float64(3)}, r"codes \(\) and"),
    "images": ({"codes": np.zeros((60, 4, 4))}, r"codes \(60, 4, 4\)"),
    "unknown kind": ({"kinds": ["line"] * 3}, "give one of ordinal"),
    "one kind": ({"kinds": "ordinal"}, r"kinds \['ordinal'\] for 3 factors"),
    "other variances": ({"variance": CODES[:, :1]}, r"variance \(60, 1\)"),
    "log variance": (
        {"variance": turned((7, 1), -2.0)},
        "above 0 is needed: variances, not their logarithm",
    ),
    "no variance": ({"variance": 0 * CODES}, "variance is 0 in row 0, column 0, but above 0"),
    "NaN": ({"codes": turned((3, 1), np.nan)}, "codes hold nan in row 3, column 1, but finite"),
    "NaNs": ({"codes": turned([3, 9], np.nan)}, r"row 3, column 0 \(2 such rows\)"),
    "infinity": ({"codes": turned((5, 0), -np.inf)}, "codes hold -inf in row 5"),
    "NaN factor": ({"factors": np.where(FACTORS == 9, 0, [[np.nan, 0, 0]])}, "factors hold nan in"),
    "infinite variance": ({"variance": turned((5, 0), np.inf)}, "variance hold inf in row 5"),
    "complex": ({"codes": CODES * 1j}, "codes hold complex numbers"),
    "complex factors": ({"factors": FACTORS * 1j}, "factors hold complex numbers"),
    "dates": ({"factors": FACTORS.astype("M8[D]")}, "factors hold dates"),
    "records": ({"factors": np.zeros((60, 1), dtype=[("x", "f4")])}, "factors hold records"),
    "text codes": ({"codes": CODES.astype(str)}, "codes hold text, but numbers"),
    "objects": ({"factors": FACTORS.astype(object)}, "factors holds Python objects.*astype"),
    "object codes": ({"codes": CODES.astype(object)}, "codes holds Python objects"),
    "text in order": (
        {"factors": np.array(list("abcde"))[FACTORS], "kinds": ["ordinal"] * 3},
        "factors hold text, which has no order",
    ),
    "ten rows": ({"codes": CODES[:10], "factors": FACTORS[:10]}, "10 rows, but at least 50"),
}


@pytest.mark.parametrize("case", WRONG)
def test_arrays_that_cannot_be_scored_are_named_in_one_line(tmp_path, case):
    arrays, message = WRONG[case]
    path = saved(tmp_path, **arrays)
    with pytest.raises(DataError, match=message) as refusal:
        read_codes(path)
    assert str(refusal.value).startswith(f"codes={path}: ")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("codes", "factors", "message"),
    [
        ((5, 2000), (5, 2000), "5 rows of 2000 latents and 2000 factors: transpose"),
        ((10, 300), (3, 300), "transpose both"),
        ((10, 300), (300, 3), "transpose codes"),
        ((300, 10), (3, 300), "transpose factors"),
        ((5, 400), (5, 1), "5 rows of 400 latents and 1 factors: transpose"),
        ((60, 70), (60, 61), "60 rows of 70 latents and 61 factors: transpose"),
    ],
)
def test_latents_in_rows_are_refused_at_once(tmp_path, codes, factors, message):
    path = saved(tmp_path, codes=np.ones(codes), factors=np.ones(factors, dtype=int))
    with pytest.raises(DataError, match=message):
        read_codes(path)


def test_many_latents_of_few_images_are_no_mistake(tmp_path):
    found, _ = read_codes(saved(tmp_path, codes=np.ones((ROWS, 500))))
    assert found.mean.shape == (ROWS, 500)


def test_missing_and_damaged_files_are_named(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_codes(tmp_path / "none.npz")
    with pytest.raises(DataError, match="folder without state"):
        read_codes(tmp_path)
    for content in (b"PK\x03\x04 not an archive", b"", b"codes,factors\n1,2\n"):
        (tmp_path / "bad.npz").write_bytes(content)
        with pytest.raises(DataError, match="cannot be read as npz"):
            read_codes(tmp_path / "bad.npz")
    np.savez(tmp_path / "a.npz", codes=CODES)
    with pytest.raises(DataError, match=r"has \['codes'\], but not factors"):
        read_codes(tmp_path / "a.npz")
    np.save(tmp_path / "a.npy", CODES)
    with pytest.raises(DataError, match=r"holds one array \(60, 2\); .*numpy.savez"):
        read_codes(tmp_path / "a.npy")


def test_flipped_and_missing_bytes_are_named(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", codes=CODES, factors=FACTORS)
    whole = (tmp_path / "a.npz").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        start = archive.getinfo("codes.npy").header_offset + 60
    for damaged in (whole[: len(whole) // 2], whole[:start] + b"\x00" * 200 + whole[start + 200 :]):
        (tmp_path / "a.npz").write_bytes(damaged)
        with pytest.raises(DataError, match="cannot be read as npz"):
            read_codes(tmp_path / "a.npz")


@pytest.mark.parametrize("word", ["", "nan", "NA", "?", "—"])
@pytest.mark.parametrize("dtype", ["U", "S"])
def test_words_for_missing_values_are_no_class(tmp_path, word, dtype):
    if dtype == "S" and not word.isascii():
        word = "-"
    factors = FACTORS.astype("U5")
    factors[7, 1] = word
    with pytest.raises(
        DataError, match=r"in row 7, column 1, which says that a value is not known"
    ):
        read_codes(saved(tmp_path, factors=factors.astype(dtype)))


def test_whole_numbers_beyond_int64_are_refused(tmp_path):
    factors = FACTORS.astype("u8")
    factors[3, 1] = 2**63
    with pytest.raises(DataError, match="factors go up to 9223372036854775808"):
        read_codes(saved(tmp_path, factors=factors))
    factors[3, 1] = 2**63 - 1
    found, _ = read_codes(saved(tmp_path, factors=factors))
    assert found.factors[3, 1] == 2**63 - 1


def test_what_is_no_text_or_matrix_is_told(tmp_path):
    with pytest.raises(DataError, match="kinds"):
        read_codes(saved(tmp_path, kinds=np.array([b"ordinal", b"\xff", b"ordinal"])))
    with pytest.raises(DataError, match="factors hold records"):
        read_codes(saved(tmp_path, factors=np.zeros(ROWS, [("a", "f4"), ("b", "i4")])))
    (tmp_path / "a.npz").write_bytes(b"root:x:0:0:root")
    with pytest.raises(DataError, match="it is no archive of numpy") as told:
        read_codes(tmp_path / "a.npz")
    assert "allow_pickle" not in str(told.value)


def test_written_codes_are_read_again(tmp_path, config):
    plain = resolved(config("data=synthetic_linear", "data.num_points=1000", "network=linear"))
    data = build_data(plain)
    model = seeded_model(plain, data.image_shape)
    (path,) = write_codes(tmp_path / "codes.npz", [model], data)
    codes, total = read_codes(path)
    index = data.evaluation_rows("test", len(data.rows["test"]))
    assert total == len(index) == 100
    q = model.encode(data.dataset.batch(index).image.to(torch.float32))
    assert torch.allclose(codes.mean, q.mean.double())
    assert torch.allclose(codes.variance, q.variance.double())
    assert torch.equal(codes.factors, data.dataset.batch(index).factors.to(codes.factors))
    assert list(codes.factor_kinds) == list(data.factors.kinds)
    other = seeded_model(plain | {"seed": 7}, data.image_shape)
    names = [path.name for path in write_codes(tmp_path / "codes.npz", [model, other], data)]
    assert names == ["codes_seed_0.npz", "codes_seed_7.npz"]
