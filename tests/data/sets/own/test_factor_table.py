"""Factors of a user's own images: from arrays, csv files, guessed or said."""

import re

import h5py
import numpy as np
import pytest
import torch

from builders.miniature import arrays
from builders.minibatches import images_of, rows_of
from vaescope.data.dataset import RenderedDataset
from vaescope.data.sets.own.arrays import ArraysDataModule
from vaescope.data.sets.own.factor_columns import factor_table
from vaescope.errors import ConfigError, DataError

N = 20
RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (N, 6, 5), dtype=np.uint8)
VALUES = np.stack([RNG.permutation(N), np.arange(N) % 4 * 3 - 5], axis=1)
ALL = torch.arange(N)


def write_npy(path, images):
    np.save(path.with_suffix(".npy"), images)
    return path.with_suffix(".npy")


def opened(path, **options):
    module = ArraysDataModule(path=path, batch_size=4, **options)
    known = module.factors, module.image_shape  # before setup
    module.setup()
    assert known == (module.dataset.factors, module.dataset.image_shape)
    return module.dataset


@pytest.fixture
def file(tmp_path):
    return tmp_path / "mine"


def numbered(column):
    return np.searchsorted(np.unique(column), column)


@pytest.mark.parametrize("kind", ["key", "npy", "csv", "csv elsewhere", "h5"])
def test_every_form_of_factors_gives_the_same_values(file, tmp_path, kind):
    names, options = ["a", "b"], {}
    if kind == "key":
        path = file.with_suffix(".npz")
        np.savez(path, images=GREY, mine=VALUES)
        options = {"factor_values": "mine", "factor_names": names}
    elif kind == "h5":
        path = file.with_suffix(".hdf5")
        with h5py.File(path, "w") as h5:
            h5["images"], h5["true/values"] = GREY, VALUES
        options = {"factor_values": "true/values", "factor_names": names}
    elif kind == "npy":
        path = write_npy(file, GREY)
        np.save(tmp_path / "values.npy", VALUES)
        options = {"factor_values": str(tmp_path / "values.npy"), "factor_names": names}
    else:
        path = write_npy(file, GREY)
        place = tmp_path / ("." if kind == "csv" else "elsewhere")
        place.mkdir(exist_ok=True)
        lines = ["b,left out,a", *(f"{b},x,{a}" for a, b in VALUES)]
        (place / "values.csv").write_text("\n".join(lines))
        where = "values.csv" if kind == "csv" else str(place / "values.csv")
        options = {"factor_values": where, "factor_names": names}
    made = opened(path, **options)
    assert made.factors.names == ("a", "b")
    assert made.factors.sizes == (N, 4)
    assert made.factors.kinds == ("ordinal", "ordinal")
    expected = np.stack([numbered(VALUES[:, 0]), numbered(VALUES[:, 1])], axis=1)
    assert np.array_equal(made.values(ALL).numpy(), expected)
    row = torch.tensor([13])
    assert rows_of(made, made.values(row)).tolist() == [13]
    assert torch.equal(images_of(made, made.values(row)), made.batch(row).image)


def test_without_factors_there_are_none(file):
    made = opened(write_npy(file, GREY))
    assert len(made.factors) == 0
    values = made.batch(ALL).factors
    assert (values.shape, values.dtype) == ((N, 0), torch.int64)
    assert not isinstance(made, RenderedDataset)


def test_text_is_categorical_and_floats_are_continuous(file, tmp_path):
    path = write_npy(file, GREY)
    animal = [("dog", "cat", "ant")[row % 3] for row in range(N)]
    lines = [f"{animal[row]}, {row - 10}.5, {row % 2}" for row in range(N)]
    (tmp_path / "f.csv").write_text("\n".join(["\ufeffanimal, speed, tame", *lines]), "utf-8")
    made = opened(path, factor_values="f.csv")
    assert made.factors.names == ("animal", "speed", "tame")
    assert made.factors.kinds == ("categorical", "continuous", "ordinal")
    assert made.factors.sizes == (3, 0, 2)
    values = made.values(ALL)
    assert values.dtype == torch.float32
    assert values[:, 0].tolist() == [(2, 1, 0)[row % 3] for row in range(N)]  # in their order
    speed = np.array([float(f"{row - 10}.5") for row in range(N)])
    scaled = (speed - speed.min()) / (speed.max() - speed.min())
    assert np.allclose(values[:, 1].numpy(), scaled, atol=1e-7)
    assert (values[:, 1].min(), values[:, 1].max()) == (0, 1)


@pytest.mark.parametrize("text", ["U", "S", "h5"])
def test_text_in_arrays_is_categorical(file, text):
    names = np.array([("red", "blue")[row % 2] for row in range(N)])
    if text == "h5":
        path = file.with_suffix(".h5")
        with h5py.File(path, "w") as h5:
            h5["images"] = GREY
            h5["names"] = names.astype(h5py.string_dtype())
    else:
        path = file.with_suffix(".npz")
        np.savez(path, images=GREY, names=names.astype(text))
    made = opened(path, factor_values="names")
    assert (made.factors.names, made.factors.kinds) == (("factor_0",), ("categorical",))
    assert made.values(ALL)[:, 0].tolist() == [(1, 0)[row % 2] for row in range(N)]


def test_kinds_may_be_said(file):
    angle = np.linspace(0, 6, N) % 2.5  # not whole numbers
    levels = np.round(angle)
    np.savez(file.with_suffix(".npz"), images=GREY, v=np.stack([levels, VALUES[:, 0]], 1) / 4)
    kinds = ["circular", "continuous"]
    made = opened(file.with_suffix(".npz"), factor_values="v", factor_kinds=kinds)
    assert made.factors.kinds == ("circular", "continuous")
    assert made.factors.sizes == (len(np.unique(levels)), 0)
    values = made.values(ALL).numpy()
    assert np.array_equal(values[:, 0], numbered(levels))
    assert np.allclose(values[:, 1], VALUES[:, 0] / (N - 1), atol=1e-7)


def test_a_constant_column_is_a_factor_of_one_value(file):
    path = file.with_suffix(".npz")
    np.savez(path, images=GREY, c=np.full((N, 2), 7), f=np.full((N, 1), 7.5))
    assert opened(path, factor_values="c").factors.sizes == (1, 1)
    assert (opened(path, factor_values="f").values(ALL) == 0).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"factor_kinds": ["ordinal"]}, "give each one of ordinal, circular"),
        ({"factor_kinds": ["ordinal", "round"]}, "give each one of ordinal, circular"),
        ({"factor_names": ["a"]}, "for the 2 columns of labels"),
        ({"factor_names": ["a", "a"]}, "give each its own name"),
        ({"factor_values": "latents"}, r"there is no .*|choose an npy, csv, .*labels"),
        ({"factor_values": None, "factor_names": ["a"]}, r"without data\.factor_values"),
        ({"factor_values": None, "factor_kinds": ["ordinal"]}, r"without data\.factor_values"),
        ({"white": 0}, "above the value of black, 0"),
        ({"white": 1, "black": 2}, "above the value of black, 2"),
        ({"white": np.nan}, "a finite number"),
        ({"black": -np.inf}, "a finite number"),
        ({"white": True}, "a finite number"),
        ({"black": "dark"}, "a finite number"),
        ({"black": -1e308, "white": 1e308}, "a finite number"),
        ({"size": 0}, "from 1 to 8,192 or null"),
        ({"size": -3}, "from 1 to 8,192 or null"),
        ({"size": 2.5}, "from 1 to 8,192 or null"),
        ({"size": np.nan}, "from 1 to 8,192 or null"),
        ({"size": np.inf}, "from 1 to 8,192 or null"),
        ({"size": 10**9}, "from 1 to 8,192 or null"),
        ({"size": "large"}, "from 1 to 8,192 or null"),
        ({"size": True}, "from 1 to 8,192 or null"),
        ({"layout": 3}, "name the axes in their order"),
        ({"layout": "NHH"}, "name the axes in their order"),
        ({"layout": "NX"}, r"but images in .* is uint8"),
        ({"layout": "NHWC"}, r"but images in .* is uint8 \[20, 6, 5\]"),
    ],
)
def test_settings_that_do_not_fit_are_refused(file, options, message):
    np.savez(file.with_suffix(".npz"), images=GREY, labels=VALUES)
    with pytest.raises(ConfigError, match=message):
        opened(file.with_suffix(".npz"), **{"factor_values": "labels"} | options)


@pytest.mark.parametrize(
    ("text", "kinds", "error", "message"),
    [
        ("a,b\n1,2\n", None, DataError, "1 rows of factor values for 20 images"),
        ("a\n" + "1.5\n" * 19 + "inf\n", None, DataError, "'a' is inf in row 19"),
        ("a\n" + "x\n" * 20, ["continuous"], ConfigError, "is text and cannot be continuous"),
    ],
)
def test_csv_files_that_do_not_fit_the_images_are_refused(
    file, tmp_path, text, kinds, error, message
):
    path = write_npy(file, GREY)
    (tmp_path / "f.csv").write_text(text)
    with pytest.raises(error, match=message):
        opened(path, factor_values="f.csv", factor_kinds=kinds)


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.float16, np.float32, np.float64, ">f4"])
@pytest.mark.parametrize("form", ["npz", "h5", "csv"])
def test_whole_numbers_are_ordinal_however_they_are_stored(file, tmp_path, dtype, form):
    values = np.stack([np.arange(N) % 3 - 1, np.arange(N) % 5], 1).astype(np.int64)
    stored = values.astype(np.uint8 if np.dtype(dtype).kind == "u" else np.int64).astype(dtype)
    path = file.with_suffix(f".{'npz' if form == 'csv' else form}")
    if form == "h5":
        with h5py.File(path, "w") as h5:
            h5["images"], h5["v"] = GREY, stored
    else:
        np.savez(path, images=GREY, v=stored)
    options = {"factor_values": "v"}
    if form == "csv":
        (tmp_path / "f.csv").write_text("\n".join(["a,b", *(f"{a},{b}" for a, b in stored)]))
        options = {"factor_values": "f.csv"}
    made = opened(path, **options)
    assert made.factors.kinds == ("ordinal", "ordinal")
    assert made.factors.sizes == (3, 5)
    assert made.values(ALL).dtype == torch.int64
    numbers = np.stack([numbered(column) for column in stored.T], 1)
    assert np.array_equal(made.values(ALL).numpy(), numbers)


def test_one_fraction_makes_its_own_column_continuous_and_no_other(file):
    values = np.stack([np.arange(N) % 3, np.arange(N) % 5], 1).astype(float)
    values[4, 1] += 0.5
    np.savez(file.with_suffix(".npz"), images=GREY, v=values)
    made = opened(file.with_suffix(".npz"), factor_values="v")
    assert made.factors.kinds == ("ordinal", "continuous")
    assert made.factors.sizes == (3, 0)


def test_truth_values_are_categorical(file):
    np.savez(file.with_suffix(".npz"), images=GREY, v=np.arange(N) % 2 == 1)
    assert opened(file.with_suffix(".npz"), factor_values="v").factors.kinds == ("categorical",)


@pytest.mark.parametrize("word", ["NA", "nan", "?", "", "None", b"NULL", "missing"])
def test_words_for_missing_values_in_text_arrays_are_refused(file, word):
    names = np.array(["red" if row % 2 else "blue" for row in range(N)])
    names = names.astype("S9" if isinstance(word, bytes) else "U9")
    names[13] = word
    np.savez(file.with_suffix(".npz"), images=GREY, names=names)
    with pytest.raises(DataError, match=r"'factor_0' is '.*' in row 13"):
        opened(file.with_suffix(".npz"), factor_values="names")


def test_nan_among_factor_values_is_told_with_its_row(file):
    values = np.arange(2.0 * N).reshape(N, 2)
    values[7, 1] = np.nan
    np.savez(file.with_suffix(".npz"), images=GREY, v=values)
    with pytest.raises(DataError, match="'factor_1' is nan in row 7"):
        opened(file.with_suffix(".npz"), factor_values="v")


def test_a_number_of_the_row_is_warned_of(file, caplog):
    values = np.stack([np.arange(N), np.arange(N) % 5], 1)
    np.savez(file.with_suffix(".npz"), images=GREY, v=values, angle=values / 3)
    opened(file.with_suffix(".npz"), factor_values="v", factor_names=["id", "x"])
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 1
    assert "factor 'id' has a value of its own in every one of the 20 rows" in told[0]
    caplog.clear()
    opened(file.with_suffix(".npz"), factor_values="angle")  # measured numbers differ anyway
    assert not caplog.records


def test_too_many_combinations_are_refused(file):
    many = np.random.default_rng(0).integers(0, 2**40, (N, 15))
    np.savez(file.with_suffix(".npz"), images=GREY, measured=many)
    with pytest.raises(ConfigError, match="too many combinations"):
        opened(file.with_suffix(".npz"), factor_values="measured")
    kinds = ["continuous"] * 15
    opened(file.with_suffix(".npz"), factor_values="measured", factor_kinds=kinds)


def test_vectors_are_found_by_their_factors(file):
    vectors = np.random.default_rng(1).normal(size=(N, 7))
    np.savez(file.with_suffix(".npz"), x=vectors, labels=VALUES)
    made = opened(file.with_suffix(".npz"), factor_values="labels")
    row = 11
    assert np.allclose(images_of(made, made.values(torch.tensor([row])))[0], vectors[row])


def test_the_miniature_is_what_it_says(tmp_path):
    arrays.write(tmp_path)
    kinds = ["ordinal", "ordinal", "circular"]
    made = opened(arrays.path(tmp_path), factor_values="latents", factor_kinds=kinds)
    assert made.factors.sizes == (8, 4, 3)
    combination = made.factors.index(made.values(torch.arange(arrays.NUM)))
    assert sorted(combination.tolist()) == list(range(arrays.NUM))
    image = images_of(made, torch.tensor([[7, 2, 1]]))[0]
    assert (image[0, 10:16, 24:30] == torch.tensor(170 / 255)).all()
    assert image.count_nonzero() == 3 * 36


@pytest.mark.parametrize("name", ["", " ", "a\nb", "a\x1b[31m", "\u202ea"])
def test_names_that_cannot_be_shown_are_refused(name):
    with pytest.raises(ConfigError, match=f"a factor is called {re.escape(repr(name))}"):
        factor_table({"a": np.arange(3), name: np.arange(3)}, None, 3, "mine.csv")


def test_the_largest_numbers_are_scaled_without_overflow():
    column = np.array([-1.7e308, 0.0, 1.7e308])
    scaled = factor_table({"a": column}, ["continuous"], 3, "mine.npz").values[:, 0]
    assert scaled.tolist() == [0.0, 0.5, 1.0]
