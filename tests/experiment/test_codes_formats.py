"""Codes of other programs: parquet, data sets of Hugging Face, tensors; and what is none."""

import json

import numpy as np
import pytest
import torch

from vaescope.errors import DataError
from vaescope.experiment.codes_file import arrays_of, read_codes
from vaescope.experiment.codes_formats import write_arrays

ROWS = 60
RNG = np.random.default_rng(0)
CODES = RNG.standard_normal((ROWS, 2))
FACTORS = RNG.integers(0, 5, (ROWS, 3))
WORDS = np.array(list("vwxyz"))


@pytest.fixture(scope="module")
def arrow():
    return pytest.importorskip("pyarrow")


def columns(**changed):
    """Columns of a table of codes and factors; None leaves one out."""
    made = {f"codes_{d}": CODES[:, d] for d in range(2)}
    made |= {f"factors_{name}": FACTORS[:, k] for k, name in enumerate(("shape", "x", "y"))}
    return {name: value for name, value in (made | changed).items() if value is not None}


@pytest.fixture
def parquet(arrow, tmp_path):
    """Factory ``parquet(**changed)``: a file of these columns."""
    from pyarrow import parquet

    def write(**changed):
        parquet.write_table(arrow.table(columns(**changed)), tmp_path / "a.parquet")
        return tmp_path / "a.parquet"

    return write


def on_disk(arrow, folder, table, **state):
    """A folder as ``datasets.Dataset.save_to_disk`` writes it, in two files."""
    names = ["data-00000-of-00002.arrow", "data-00001-of-00002.arrow"]
    folder.mkdir(exist_ok=True)
    for name, part in zip(names, (table[:25], table[25:]), strict=True):
        path = str(folder / name)
        with arrow.OSFile(path, "wb") as file, arrow.ipc.new_stream(file, table.schema) as stream:
            stream.write_table(part)
    about = {"_data_files": [{"filename": name} for name in names], "_indices_files": None}
    (folder / "state.json").write_text(json.dumps(about | state))
    return folder


def same(path, factors=FACTORS, kinds=("ordinal",) * 3):
    found, total = read_codes(path)
    assert total == ROWS
    assert torch.equal(found.mean, torch.from_numpy(CODES))
    np.testing.assert_array_equal(found.factors.numpy(), factors)
    assert tuple(found.factor_kinds) == kinds
    return found


class TestParquet:
    def test_columns_of_numbers(self, parquet):
        same(parquet(note=WORDS[FACTORS[:, 0]]))

    def test_columns_of_lists(self, arrow, parquet):
        numbered = [f"codes_{d}" for d in range(2)], [f"factors_{n}" for n in ("shape", "x", "y")]
        without = dict.fromkeys([*numbered[0], *numbered[1]])
        same(parquet(**without, codes=list(CODES), factors=list(FACTORS)))
        fixed = arrow.FixedSizeListArray.from_arrays(arrow.array(CODES.ravel()), 2)
        same(parquet(**without, codes=fixed, factors=list(FACTORS)))

    def test_factors_of_several_types(self, arrow, parquet):
        words = arrow.array(WORDS[FACTORS[:, 0]].tolist())
        kinds = ("categorical", "ordinal", "continuous")
        expected = FACTORS + np.array([0, 0, 0.5])
        for column in (words, words.dictionary_encode()):
            same(parquet(factors_shape=column, factors_y=FACTORS[:, 2] + 0.5), expected, kinds)

    @pytest.mark.parametrize(
        ("changed", "told"),
        [
            ({"codes_0": None, "codes_1": None}, r"but not codes; name the columns codes_0"),
            ({"factors_x": [None, *[1] * 59]}, "factors_x has 1 empty fields"),
            ({"codes_1": [float("nan"), *[1.0] * 59]}, "codes hold nan in row 0, column 1"),
            ({"codes_0": ["a"] * ROWS}, "codes hold text"),
            ({"factors_x": ["NA", *["b"] * 59]}, "factors_x holds 'NA' in row 0"),
            ({"codes_0": [[1.0]] * ROWS}, r"codes_0 is a column of list<.*>; call it codes"),
            ({"codes": [[1.0], *[[1.0, 2.0]] * 59]}, "codes has lists of 1 to 2 values"),
            ({"codes": [{"a": 1}] * ROWS}, r"codes is a column of struct"),
            ({"codes": [[None, 1.0]] * ROWS}, "codes has 60 empty fields"),
            ({"factors_x": [b"a"] * ROWS}, "but numbers or text are needed"),
        ],
    )
    def test_what_cannot_be_scored_is_told_in_one_line(self, parquet, changed, told):
        path = parquet(**changed)
        with pytest.raises(DataError, match=told) as refusal:
            read_codes(path)
        assert str(refusal.value).startswith(f"codes={path}: ")
        assert "\n" not in str(refusal.value)

    def test_a_damaged_file(self, arrow, tmp_path):
        path = tmp_path / "a.parquet"
        write_arrays(path, {"codes": CODES, "factors": FACTORS})
        content = path.read_bytes()
        for damaged in (b"", b"PAR1", content[:-20], content[:40] + bytes(80) + content[120:]):
            path.write_bytes(damaged)
            with pytest.raises(DataError, match=r"cannot be read as parquet|codes"):
                read_codes(path)

    def test_what_was_written_is_read_again(self, arrow, tmp_path):
        kinds = np.array(["categorical", "circular", "ordinal"])
        arrays = {"codes": CODES, "factors": FACTORS, "variance": CODES**2 + 0.1, "kinds": kinds}
        for name in ("a.npz", "a.parquet"):
            write_arrays(tmp_path / name, arrays, ["shape", "x", "y"])
            again = arrays_of(same(tmp_path / name, kinds=tuple(kinds)))
            assert again.keys() == arrays.keys()
            for key, array in arrays.items():
                np.testing.assert_array_equal(again[key], array)

    def test_without_arrow_it_says_what_to_install(self, tmp_path, monkeypatch):
        (tmp_path / "a.parquet").write_bytes(b"PAR1")
        monkeypatch.setattr("vaescope.data.files.parquet_files.find_spec", lambda name: None)
        with pytest.raises(DataError, match=r"needs pyarrow: pip install 'vaescope\[tables\]'"):
            read_codes(tmp_path / "a.parquet")


class TestHuggingFace:
    def test_a_data_set_on_disk(self, arrow, tmp_path):
        same(on_disk(arrow, tmp_path / "set", arrow.table(columns())))

    def test_files_of_other_folders_and_chosen_rows_are_refused(self, arrow, tmp_path):
        table = arrow.table(columns())
        elsewhere = on_disk(arrow, tmp_path / "elsewhere", table)
        name = "../elsewhere/data-00000-of-00002.arrow"
        folder = on_disk(arrow, tmp_path / "set", table, _data_files=[{"filename": name}])
        with pytest.raises(DataError, match="lies in another folder"):
            read_codes(folder)
        (folder / "link.arrow").symlink_to(elsewhere / "data-00000-of-00002.arrow")
        on_disk(arrow, folder, table, _data_files=[{"filename": "link.arrow"}])
        with pytest.raises(DataError, match="lies in another folder"):
            read_codes(folder)
        on_disk(arrow, folder, table, _indices_files=[{"filename": "indices.arrow"}])
        with pytest.raises(DataError, match="flatten_indices"):
            read_codes(folder)

    @pytest.mark.parametrize("state", ["", "[]", "{}", '{"_data_files": [1]}', "[" * 10_000])
    def test_damaged_states(self, arrow, tmp_path, state):
        (tmp_path / "state.json").write_text(state)
        with pytest.raises(DataError, match=r"damaged|cannot be read|but not codes"):
            read_codes(tmp_path)

    def test_several_data_sets(self, tmp_path):
        (tmp_path / "dataset_dict.json").write_text('{"splits": ["test"]}')
        (tmp_path / "test").mkdir()
        with pytest.raises(DataError, match=r"give one, such as .*/test"):
            read_codes(tmp_path)


class Hostile:
    """Runs a program if it is unpickled."""

    def __reduce__(self):
        return exec, ("raise SystemExit('it ran')",)


class TestTensors:
    def test_a_dict_of_tensors(self, tmp_path):
        kinds = ("circular", "ordinal", "categorical")
        content = {"codes": torch.from_numpy(CODES), "factors": torch.from_numpy(FACTORS)}
        torch.save({**content, "kinds": list(kinds), "epoch": 3}, tmp_path / "a.pt")
        same(tmp_path / "a.pt", kinds=kinds)

    def test_half_precision_and_gradients(self, tmp_path):
        codes = torch.from_numpy(CODES).bfloat16().requires_grad_()
        torch.save({"codes": codes, "factors": torch.from_numpy(FACTORS)}, tmp_path / "a.pt")
        found, _ = read_codes(tmp_path / "a.pt")
        assert torch.equal(found.mean, codes.detach().double())

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            (torch.zeros(60, 2), r"holds a Tensor; save both together"),
            ({"z": torch.zeros(60, 2)}, r"has \['z'\], but not codes"),
            ({"state_dict": {}}, "weights of a model of another program"),
            ({"model_state_dict": {}}, "weights of a model of another program"),
            ({"codes": [1.0], "factors": torch.zeros(60, 2)}, "codes is a list"),
            ({"codes": torch.eye(60).to_sparse(), "factors": torch.zeros(60, 1)}, "to_dense"),
            ({"codes": torch.zeros(60, 2) * 1j, "factors": torch.zeros(60, 1)}, "complex numbers"),
            ({"codes": Hostile(), "factors": torch.zeros(60, 1)}, "Python objects, .* not read"),
        ],
    )
    def test_other_contents_are_refused(self, tmp_path, content, told):
        torch.save(content, tmp_path / "a.pt")
        with pytest.raises(DataError, match=told) as refusal:
            read_codes(tmp_path / "a.pt")
        assert "\n" not in str(refusal.value)

    def test_a_damaged_file(self, tmp_path):
        for content in (b"", b"PK\x03\x04", b"\x80\x02K\x01."):
            (tmp_path / "a.pt").write_bytes(content)
            with pytest.raises(DataError, match=r"cannot be read as tensors|holds"):
                read_codes(tmp_path / "a.pt")


class TestModelsOfOthers:
    def test_disentanglement_lib(self, tmp_path):
        (tmp_path / "model" / "tfhub").mkdir(parents=True)
        results = tmp_path / "metrics" / "mig" / "results" / "json"
        results.mkdir(parents=True)
        scores = {"evaluation_results.discrete_mig": 0.217, "name": "x"}
        (results / "evaluation_results.json").write_text(json.dumps(scores))
        with pytest.raises(DataError, match=r"\(discrete_mig 0.217\), whose TF-Hub module cannot"):
            read_codes(tmp_path)
        with pytest.raises(DataError, match=r"\(discrete_mig 0.217\), no codes; encode with it"):
            read_codes(results / "evaluation_results.json")
        (tmp_path / "model.gin").touch()
        with pytest.raises(DataError, match="configuration of disentanglement_lib"):
            read_codes(tmp_path / "model.gin")

    def test_pythae(self, tmp_path):
        for name in ("model.pt", "model_config.json"):
            (tmp_path / name).touch()
        with pytest.raises(DataError, match=r"model of pythae.*model\.embed"):
            read_codes(tmp_path)

    def test_other_files_and_folders(self, tmp_path):
        with pytest.raises(DataError, match=r"folder without state\.json"):
            read_codes(tmp_path)
        (tmp_path / "a.csv").touch()
        with pytest.raises(DataError, match=r"choose a file that ends in .npy, .npz"):
            read_codes(tmp_path / "a.csv")
