"""Tables of runs for other programs: a row a run and seed, values and kinds, what is refused."""

import csv
import math

import pytest

import vaescope
from builders.finished_runs import leave, plain
from vaescope.errors import ConfigError
from vaescope.escaping import for_latex
from vaescope.report.comparison import table_files
from vaescope.report.comparison.page import compare
from vaescope.report.comparison.seed_rows import rows_of_seeds
from vaescope.run_folder.runs import find_runs


@pytest.fixture
def runs(tmp_path):
    """Two values of beta, one with two seeds, and a run that failed."""
    folder = tmp_path / "runs"
    pruned = {"over_pruned": [0.0, 1.0]}
    leave(folder / "a", {"mig": [0.1, 0.3], "sap": [0.5, None], **pruned}, model__beta=1.0)
    leave(folder / "b", {"mig": [0.25]}, seed=7, model__beta=8.0)
    failed = leave(folder / "c", {"mig": [0.0]}, seed=5, model__beta=16.0)
    (failed / "scores.json").unlink()
    (failed / "error.txt").write_text("DataError: no images\n")
    return folder


def test_a_row_is_a_seed_with_settings_scores_and_problems(runs):
    columns, rows = rows_of_seeds(find_runs([str(runs)]), ["optimizer.lr"])
    assert columns[:5] == ["run", "seed", "step", "model", "data"]
    assert columns[-1] == "problem"
    assert [row["seed"] for row in rows] == [0, 1, 7, 5]
    assert [row["model.beta"] for row in rows] == [1.0, 1.0, 8.0, 16.0]
    assert [row["optimizer.lr"] for row in rows] == [0.001] * 4
    assert [row.get("test/mig") for row in rows] == [0.1, 0.3, 0.25, None]
    assert [row.get("test/sap") for row in rows] == [0.5, None, None, None]
    assert rows[0]["run"] == str(runs / "a")
    assert not any(row["problem"] for row in rows[:3])
    assert rows[3]["problem"]
    assert not {"data.seed", "threads", "network._target_"} & {*columns}


def test_a_setting_of_several_kinds_is_a_text(tmp_path):
    leave(tmp_path / "a", {"mig": [0.1]}, model__layers=[4, 5])
    leave(tmp_path / "b", {"mig": [0.1]}, model__layers=3)
    _, rows = rows_of_seeds(find_runs([str(tmp_path)]))
    assert [row["model.layers"] for row in rows] == ["[4, 5]", "3"]


def test_an_unknown_setting_is_refused_with_close_ones(runs):
    with pytest.raises(ConfigError, match="no run has the setting 'betta'; did you mean 'beta'"):
        rows_of_seeds(find_runs([str(runs)]), ["betta"])


def test_a_data_frame_has_the_values(runs):
    pytest.importorskip("pandas")
    frame = vaescope.load_runs(runs)
    assert frame.groupby("model.beta")["test/mig"].mean().to_dict() == pytest.approx(
        {1.0: 0.2, 8.0: 0.25, 16.0: math.nan}, nan_ok=True
    )
    assert len(frame) == 4
    assert frame["test/over_pruned"].tolist() == pytest.approx([0, 1, *2 * [math.nan]], nan_ok=True)


def test_csv_has_every_seed_and_latex_every_group(runs, tmp_path):
    files = {"csv": str(tmp_path / "deep/t.csv"), "latex": str(tmp_path / "t.tex")}
    compare(plain(runs, tmp_path / "out", **files))
    with open(files["csv"], newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["seed"], row["model.beta"], row["test/mig"]) for row in rows] == [
        ("0", "1.0", "0.1"),
        ("1", "1.0", "0.3"),
        ("7", "8.0", "0.25"),
        ("5", "16.0", ""),
    ]
    assert [row["test/over_pruned"] for row in rows] == ["0.0", "1.0", "", ""]
    table = (tmp_path / "t.tex").read_text()
    assert r"BetaVAE & DSprites & beta=1 & 100 & 2 & 1 of 2 & 0.20 $\pm$ 0.14 (2) \\" in table


def test_parquet_keeps_kinds(runs, tmp_path):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    path = tmp_path / "t.parquet"
    compare(plain(runs, tmp_path / "out", parquet=str(path)))
    frame = pandas.read_parquet(path)
    assert frame["test/mig"].tolist()[:3] == [0.1, 0.3, 0.25]
    assert frame["seed"].dtype.kind == "i"


def test_what_cannot_be_written_is_refused_before_any_work(runs, tmp_path, monkeypatch):
    monkeypatch.setattr(table_files, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'vaescope\[tables\]'"):
        compare(plain(runs, tmp_path / "out", parquet="t.parquet"))
    with pytest.raises(ConfigError, match="two of them name one file"):
        compare(plain(runs, tmp_path / "out", csv="t", latex="t"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("50% of $x_1$ & {y}", r"50\% of \$x\_1\$ \& \{y\}"),
        ("Δ_KL, σ, λ", r"$\Delta$\_KL, $\sigma$, $\lambda$"),
        ("a\\b~^#", r"a\textbackslash{}b\textasciitilde{}\textasciicircum{}\#"),
    ],
)
def test_latex_reads_a_text_as_it_was(text, expected):
    assert for_latex(text) == expected
