"""A page is the same from the runs and from the file that is kept of them."""

import json

import numpy as np
import pytest
import yaml

from vaescope.config.loading import config_dir
from vaescope.errors import ConfigError, DataError
from vaescope.reproduction.collected import Evidence, FromPage, merged
from vaescope.reproduction.cvpr2019 import PAPER
from vaescope.reproduction.page import NO_RUNS, tables_of, write_page
from vaescope.reproduction.plan import Run
from vaescope.reproduction.results import Result, read_result, significant, thinned
from vaescope.reproduction.results_file import read_evidence
from vaescope.run_folder.metrics import write_metrics
from vaescope.run_folder.scores import write_scores

SEEDS = 4
STEPS = range(0, 20_000, 100)
DTO = "test/dto"


@pytest.fixture(scope="module")
def plan():
    with open(f"{config_dir()}/paper/cvpr2019.yaml") as file:
        return {"about": None} | yaml.safe_load(file)


def write_run(folder, dto, config=None):
    """A finished run whose third seed is over-pruned and whose last one diverged."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    rows = [
        {
            "seed": seed,
            "step": STEPS[-1],
            "model": "BetaVAE",
            DTO: dto + 0.01234567 * rng.standard_normal(),
            "test/dto_chance": 0.5455822480598341,
            "test/neighbour_score": float("nan") if seed == 1 else 1 - dto,
            "test/over_pruned": float(seed == 2),
            "test/active_by_variance": 2.0,
            "test/variance_relation": 1.0 + 1e-5 * seed,
            "test/not_asked_for": 1.0,
        }
        for seed in range(SEEDS)
    ]
    write_scores(folder, rows, {"diverged": [{"seed": SEEDS, "step": 7}]})
    series = {
        (step, seed): {"align/dto": 1 / (1 + step + seed), "val/neighbour_score": step + seed / 3}
        for step in STEPS
        for seed in range(SEEDS)
    }
    write_metrics(folder, series)
    content = {"published": {DTO: [0.5, 0.1]}, "model": {"beta": 1.0, "kind": "x"}} | (config or {})
    (folder / "config.yaml").write_text(yaml.safe_dump(content))


@pytest.fixture
def evidence(tmp_path):
    """Of a few rows of table 1 and of figure 5; one run is missing."""
    names = [f"table1_synthetic_linear_{n}" for n in ("beta_vae", "autoencoder")]
    names += ["table1_dsprites_beta_vae"]
    runs = {Run(name, name, ("a=b",), ("short",)): 0.1 * place for place, name in enumerate(names)}
    for beta in (1e-4, 0.1, 1.0):
        runs[Run(f"figure5_synthetic_linear_beta_{beta:g}", "")] = beta
    for run, dto in runs.items():
        swept = {"model": {"beta": dto}} if run.name.startswith("figure5") else None
        write_run(tmp_path / "made" / run.name, dto, swept)
    runs[Run("table1_synthetic_linear_full", "", skipped="no time")] = 0
    results = {run.name: read_result(run, tmp_path / "made" / run.name) for run in runs}
    measured = {"table1_synthetic_linear_beta_vae": {"axis_cosine": [0.9991, 1e-9]}}
    command = "vaescope reproduce cvpr2019 scale=cpu"
    return Evidence("cpu", results, measured, command, "2026-11-28", {"processor": "P x 2"})


def page(folder, plan, *evidence):
    write_page(folder, "cvpr2019", plan, PAPER, evidence, {})
    return (folder / "results.md").read_text(), (folder / "results.json").read_text()


def lines_drawn(evidence):
    """What stands in the figures that need no weights."""
    drawings = [drawing for drawing in PAPER.drawings.values() if not drawing.opens]
    figures = [drawing.draw(evidence.finished, {}) for drawing in drawings]
    return [[line.get_xydata() for axis in f.axes for line in axis.lines] for f in figures]


def test_the_page_of_the_file_is_that_of_the_runs(tmp_path, plan, evidence):
    drawn = lines_drawn(evidence)
    made = page(tmp_path / "a", plan, evidence)
    (again,) = read_evidence(tmp_path / "a" / "results.json", "cvpr2019")
    for first, second in zip(drawn, lines_drawn(again), strict=True):
        for a, b in zip(first, second, strict=True):
            np.testing.assert_array_equal(a, b)
    assert page(tmp_path / "b", plan, again) == made
    assert "over-pruned: 1 of 4" in made[0]
    assert "diverged: seeds 4" in made[0]
    assert "no time" in made[0]
    assert "not_asked_for" not in made[1]


def test_two_scales_stand_beside_each_other(plan, evidence):
    name = "table1_dsprites_beta_vae"
    small = Evidence("small", {name: evidence.results[name]}, {})
    tables = tables_of(plan, PAPER, [evidence, small])
    rows = [(line["setting"].partition(":")[0], line["run"]) for line in tables.printed["table1"]]
    assert [scale for scale, run in rows if run == name] == ["scale cpu", "scale small"]
    assert {scale for scale, run in rows if "linear" in run} == {"scale cpu"}
    scales = [v["numbers"].partition(":")[0] for v in tables.judged if v["number"] in (2, 12)]
    assert scales == ["scale cpu", "scale cpu", "scale small"]
    untested = [v["number"] for v in tables.judged if v["verdict"] == "not tested"]
    assert len(untested) == len(set(untested))
    assert not {2, 12} & set(untested)


def test_files_of_one_scale_are_one(evidence):
    name, other = "table1_synthetic_linear_beta_vae", "table1_synthetic_linear_full"
    run = Result(Run(other, ""), evidence.results[name].folder, [{DTO: 1.0}])
    more = Evidence("cpu", {other: run, name: run}, {}, "another", "2026-12-01")
    (both,) = merged([evidence, more])
    assert list(both.results) == list(evidence.results)
    assert both.results[other] is run
    assert both.results[name] is evidence.results[name]
    assert (both.command, both.date) == (f"{evidence.command} and another", "2026-12-01")


def test_what_a_page_has_of_runs_that_are_gone_is_told_so(tmp_path, plan, evidence):
    line = {
        "run": "table1_mnist_vae",
        "score": "dto",
        "published": "1.59 ± 0.08",
        "ours": "1.5 ± 0.1",
        "interval": "",
        "n": 5,
        "compared": "",
        "chance": "1.91",
        "setting": "5 seeds",
    }
    judged = {"number": 5, "claim": "as it was", "verdict": "holds", "numbers": "1 < 2"}
    gone = FromPage({"table1": [line, line | {"run": "table1_dsprites_beta_vae"}]}, [judged])
    old = Evidence("cpu", evidence.results, {}, from_page=gone)
    write_page(tmp_path, "cvpr2019", plan, PAPER, [old], {})
    (again,) = read_evidence(tmp_path / "results.json", "cvpr2019")
    tables = tables_of(plan, PAPER, [again])
    told = [
        row["setting"] for row in tables.printed["table1"] if row["run"].startswith("table1_mnist")
    ]
    assert told == [f"5 seeds; {NO_RUNS}"]
    assert sum(row["run"] == "table1_dsprites_beta_vae" for row in tables.printed["table1"]) == 1
    (verdict,) = [v for v in tables.judged if v["number"] == 5]
    assert (verdict["verdict"], verdict["numbers"]) == ("holds", f"1 < 2 ({NO_RUNS})")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda made: [],
        lambda made: made | {"reproductions": [{}]},
        lambda made: made | {"reproductions": None},
        lambda made: (
            made["reproductions"][0]["runs"]["table1_dsprites_beta_vae"]["scores"].update(
                {DTO: ["text"] * SEEDS}
            )
            or made
        ),
        lambda made: (
            made["reproductions"][0]["runs"]["table1_dsprites_beta_vae"]["scores"].update(
                {DTO: [1.0]}
            )
            or made
        ),
        lambda made: (
            made["reproductions"][0]["runs"]["table1_dsprites_beta_vae"].update(
                {"evaluations": {"align/dto": {"steps": [1], "values": []}}}
            )
            or made
        ),
    ],
)
def test_other_files_are_refused_in_a_sentence(tmp_path, plan, evidence, spoil):
    page(tmp_path, plan, evidence)
    path = tmp_path / "results.json"
    path.write_text(json.dumps(spoil(json.loads(path.read_text()))))
    with pytest.raises(DataError, match=r"results=.*results\.json: .*; give the results\.json of"):
        read_evidence(path, "cvpr2019")


def test_neither_no_file_nor_one_of_another_paper_is_read(tmp_path, plan, evidence):
    with pytest.raises(DataError, match="No such file"):
        read_evidence(tmp_path / "none.json", "cvpr2019")
    page(tmp_path, plan, evidence)
    with pytest.raises(
        ConfigError, match="it is of cvpr2019; vaescope reproduce cvpr2019 reads it"
    ):
        read_evidence(tmp_path / "results.json", "icml2021")


def test_on_the_command_line(tmp_path, plan, evidence, command):
    lines_drawn(evidence)
    made, _ = page(tmp_path / "kept", plan, evidence)
    given = f"results={tmp_path / 'kept' / 'results.json'}"
    command("reproduce", "cvpr2019", given, f"output_dir={tmp_path / 'again'}")
    again = (tmp_path / "again" / "results.md").read_text()
    assert again.startswith(made.rstrip())
    assert "![figure5](figure5.png)" in again
    told = command("reproduce", "cvpr2019", given, f"output_dir={tmp_path / 'made'}", code=1).err
    assert "it holds runs; name another folder" in told
    told = command("reproduce", "cvpr2019", "results=3", code=1).err
    assert "results=3: give the path of a results.json" in told


def test_thinning_keeps_both_ends_and_rounding_four_digits():
    steps = thinned(range(0, 100_000, 10))
    assert len(steps) == 60
    assert (*steps[:2], steps[-1]) == (0, 10, 99_990)
    assert significant(1.23456e-16) == 1.235e-16
