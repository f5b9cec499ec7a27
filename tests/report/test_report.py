"""The page of one seed and of several, from the files of a run."""

import csv
import json
import re

import pytest

from vaescope.report.run.page import write_report
from vaescope.report.run.series import Series, read_series
from vaescope.report.run.training_curves import curves

ROW = {
    "seed": 0,
    "data": "TinySquares",
    "model": "BetaVAE",
    "network": "mlp",
    "likelihood": "Bernoulli",
    "posterior": "DiagonalGaussian",
    "step": 10,
    "split": "test",
    "num_samples": 19,
}
ENVIRONMENT = {
    "command": ["vaescope"],
    "packages": {"torch": "2"},
    "python": "3.11",
    "platform": "a",
    "processor": "b",
    "threads": 1,
    "git": None,
}
KEYS = (
    "align/singular_value_00",
    "align/column_norm_00",
    "align/c_ima",
    "align/hadamard_gap",
    "align/agreement_mcc",
    "val/udr",
)


def leave(folder, seeds):
    """What a run of these seeds leaves."""
    rows = [ROW | {"seed": s, "test/reconstruction": 2.0 + s, "test/udr": 0.5} for s in seeds]
    about = {"data_source": "computed", "diverged": [{"seed": 9, "step": 4}]}
    (folder / "scores.json").write_text(json.dumps({"rows": rows, "about": about}))
    (folder / "config.yaml").write_text("seed: 0\n")
    (folder / "environment.json").write_text(json.dumps([ENVIRONMENT]))
    with (folder / "metrics.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["step", "seed", *KEYS])
        for step in (0, 5):
            for seed in seeds:
                table.writerow([step, seed, *(step + seed + i for i in range(len(KEYS)))])


def test_series_of_several_seeds_have_means_and_ranges(tmp_path):
    leave(tmp_path, (0, 1, 4))
    series = read_series(tmp_path)["align/singular_value_00"]
    assert series.steps == [0, 5]
    assert series.values == [pytest.approx(5 / 3), pytest.approx(5 + 5 / 3)]
    assert (series.lows, series.highs) == ([0, 5], [4, 9])
    assert read_series(tmp_path / "nowhere") == {}


def test_page_of_several_seeds(tmp_path):
    leave(tmp_path, (0, 1))
    page = write_report(tmp_path).read_text()
    assert "seeds 0, 1" in page
    assert "mean ± standard deviation over 2 seeds" in page
    assert "Seed 9 diverged at step 4." in page
    assert "2.5 ± 0.71" in page
    assert "<h2>Each seed</h2>" in page
    assert '<td>0</td><td class="number">2</td>' in page
    assert '<td>1</td><td class="number">3</td>' in page


def test_page_of_one_seed(tmp_path):
    leave(tmp_path, (3,))
    page = write_report(tmp_path).read_text()
    assert "one seed" in page
    assert "vaescope evaluate" in page
    assert "Each seed" not in page
    assert "±" not in page


def test_curves_are_drawn_of_what_was_logged():
    line = Series([0, 5], [1.0, 2.0], [0.5, 1.5], [2.0, 3.0])
    titles = [title for title, _, _ in curves(dict.fromkeys(KEYS, line))]
    assert titles == [
        "Singular values and column norms",
        "Price of a diagonal posterior",
        "Agreement of seeds",
    ]
    assert curves({}) == []


def test_names_of_factors_are_text_for_the_script_of_the_page(tmp_path):
    leave(tmp_path, (0,))
    evil = "</script><script>alert(1)</script>"
    about = {"information": [0.9], "chance": [0.0], "noise": [0.0], "cosines": [1.0]}
    numbers = {"number": 0, "is_used": True, "std": 1.0, "sigma": 0.1, "length": 1.0}
    split = {"seed": 0, "split": "test", "num_samples": 9, "num_jacobians": 9}
    factors = {"factors": [evil], "varying": [True], "ceilings": [1.0]}
    latents = {**split, **factors, "latents": [numbers | about]}
    (tmp_path / "latents.json").write_text(json.dumps(latents))
    rows = {"shape": [1, 1, 1], "sliders": [0], "reach": [3.0], "codes": [[0.0]], "images": [evil]}
    decoder = rows | {"directions": [[[1.0]]], "stretches": [[1.0]], "layers": [], "weights": evil}
    decoder["scales"] = evil
    (tmp_path / "decoder.json").write_text(json.dumps(decoder))
    page = write_report(tmp_path).read_text()
    assert "alert(1)" in page
    assert evil not in page
    (data,) = re.findall('id="live-data">(.*?)</script>', page, flags=re.S)
    assert json.loads(data)["members"][0]["names"] == [f"z0: {evil}, 90 %"]
