"""Methods side by side: the rule for the weight, what is compared, what is claimed."""

import json
from dataclasses import replace

import numpy as np
import pytest

from vaescope.files import write_json
from vaescope.reproduction.claims import judged
from vaescope.reproduction.methods import PAPER, weights
from vaescope.reproduction.methods.correlations import correlated, explained, taken
from vaescope.reproduction.methods.measured import DTO, Pooled, finished, pooled
from vaescope.reproduction.methods.weights import Choice, Pilot, with_chosen_weights
from vaescope.reproduction.paper import Workplace
from vaescope.reproduction.plan import Run
from vaescope.reproduction.results import Result

PLAN = {
    "weights": {
        "full": {
            "beta_vae": {"model.beta": [1.0, 4.0, 16.0]},
            "hfs": {"model.gamma": [75.0, 300.0]},
        }
    },
    "pilots": {"full": ["seed=100", "trainer.max_steps=50"]},
}


def pilot(weight, keeps):
    return Pilot(weight, 5.0 if keeps else 3.0, keeps)


@pytest.mark.parametrize(
    ("kept", "tried", "chosen"),
    [
        ((True, True, True), [16], 16),
        ((True, True, False), [16, 4], 4),
        ((True, False, False), [16, 4], 1),
        ((False, False, False), [16, 4], 1),  # no pilot of the weakest, which is taken anyway
        ((False, True, False), [16, 4], 4),
        ((False, False, True), [16], 16),
    ],
)
def test_the_strongest_weight_that_keeps_a_latent_a_factor(kept, tried, chosen):
    grid = [1.0, 4.0, 16.0]
    choice = Choice("model.beta", grid)
    while (weight := choice.next_weight) is not None:
        made = [*choice.pilots, pilot(weight, kept[grid.index(weight)])]
        choice = Choice("model.beta", grid, made)
    assert [one.weight for one in choice.pilots] == tried
    assert choice.weight == chosen


@pytest.fixture
def workplace(tmp_path):
    return Workplace(PLAN, "full", tmp_path, jobs=2)


@pytest.fixture
def make(monkeypatch):
    """Pilots end at once: as over-pruned, diverged or failed as ``outcomes`` says, else well."""
    outcomes, made = {}, []

    def make_runs(runs, folder, *, jobs, threads, data_dir):
        errors = {}
        for run in runs:
            made.append(run)
            (folder / run.name).mkdir(parents=True, exist_ok=True)
            outcome = outcomes.get(run.name, 0.0)
            if isinstance(outcome, str):
                (folder / run.name / "error.txt").write_text(outcome)
                errors[run.name] = outcome
                continue
            row = {"test/over_pruned": outcome, "test/active_by_variance": 5 - 2 * outcome}
            row["test/mig"] = 0.4
            write_json(folder / run.name / "scores.json", {"about": {}, "rows": [row]})
        return errors

    monkeypatch.setattr(weights, "make_runs", make_runs)
    return outcomes, made


RUNS = [
    Run("dsprites_beta_vae", "methods_dsprites", ("model=beta_vae", "trainer.max_steps=100")),
    Run("shapes3d_like_hfs", "methods_shapes3d_like", ("model=hfs",)),
    Run("dsprites_vae", "methods_dsprites", ("model=vae",)),
]


def test_pilots_decide_and_what_they_found_is_written(workplace, make):
    outcomes, made = make
    outcomes["dsprites_beta_vae_16"] = 1.0
    beta, hfs, vae = with_chosen_weights(RUNS, workplace)
    assert beta.words == (*RUNS[0].words, "model.beta=4")
    assert hfs.words == (*RUNS[1].words, "model.gamma=300")
    assert vae == RUNS[2]
    names = ["dsprites_beta_vae_16", "shapes3d_like_hfs_300", "dsprites_beta_vae_4"]
    assert [run.name for run in made] == names
    assert made[0].words == ("model=beta_vae", "trainer.max_steps=50", "model.beta=16", "seed=100")
    record = json.loads((workplace.folder / "weights.json").read_text())
    pilots = [
        {"weight": 16, "active": 3, "keeps": False, "mig": 0.4},
        {"weight": 4, "active": 5, "keeps": True, "mig": 0.4},
    ]
    assert record["dsprites_beta_vae"]["pilots"] == pilots
    (alone,) = with_chosen_weights(RUNS[1:2], workplace)  # only=...: the others stay written
    assert alone == hfs
    assert json.loads((workplace.folder / "weights.json").read_text()) == record


def test_a_pilot_that_diverges_does_not_keep_and_one_that_fails_is_told(workplace, make):
    outcomes, _ = make
    outcomes["dsprites_beta_vae_16"] = "TrainingDivergedError: not a finite number: the loss = nan"
    outcomes["shapes3d_like_hfs_300"] = "no disk"
    beta, hfs, vae = with_chosen_weights(RUNS, workplace)
    assert beta.words[-1] == "model.beta=4"
    assert hfs.skipped == "the pilot shapes3d_like_hfs_300: no disk"
    assert (beta.skipped, vae.skipped) == ("", "")


def result(folder, name, migs, dtos, pruned=0.0):
    rows = [
        {
            "seed": seed,
            "test/mig": mig,
            "test/dto_active_ratio": dto,
            "test/dci_disentanglement": mig / 2,
            "test/udr": -mig,
            "test/reconstruction": 10.0,
            "test/over_pruned": pruned,
        }
        for seed, (mig, dto) in enumerate(zip(migs, dtos, strict=True))
    ]
    reduced = ("few updates", *(["few pixels"] if name.startswith("dsprites") else []))
    return Result(Run(name, "methods", reduced=reduced), folder / name, rows)


@pytest.fixture
def results(tmp_path):
    """Ten methods on both sets: MIG falls as DtO rises, but for the over-pruned ones."""
    made = {}
    names = ["beta_vae", "vae", "ada_gvae", "factor_vae", "hfs", "dava", "slow_vae", "info_vae"]
    for data, scale in (("dsprites", 1.0), ("shapes3d_like", 0.5)):
        for i, name in enumerate(names):
            migs = scale * (0.5 - 0.03 * i + np.array([0.0, 0.01, 0.02]))
            made[f"{data}_{name}"] = result(tmp_path, f"{data}_{name}", migs, 1 - migs / scale)
        made[f"{data}_autoencoder"] = result(
            tmp_path, f"{data}_autoencoder", [0.02, 0.03, 0.04], [1.0, 1.02, 0.97]
        )
        made[f"{data}_jl1_vae"] = result(
            tmp_path, f"{data}_jl1_vae", [0.9, 0.9, 0.9], [0.99, 0.98, 0.99], pruned=1.0
        )
    return made


def test_correlations_are_of_ranks_within_sets_and_without_over_pruned_runs(results):
    every = list(finished(results))
    whole, kept = correlated(every, DTO), correlated(every, DTO, over_pruned=False)
    assert kept.value == pytest.approx(-1, abs=0.02)
    assert (whole.n, kept.n) == (60, 54)
    assert whole.value > -0.7
    dci = correlated(every, DTO, "DCI")  # half the MIG
    assert dci == whole


def test_the_share_of_variance_between_methods_is_omega_squared():
    """Of 1, 2, 3 and 3, 4, 5: between 6, within 4 of 4 degrees of freedom."""
    values = {"MIG": np.array([1.0, 2.0, 3.0, 3.0, 4.0, 5.0])}
    runs = Pooled(values, np.repeat([3, 7], 3), np.zeros(6, bool), [])
    assert explained(runs) == pytest.approx((6 - 1) / (10 + 1))
    alone = Pooled({"MIG": np.ones(2)}, np.arange(2), np.zeros(2, bool), [])
    assert np.isnan(explained(alone))


def test_a_score_without_labels_takes_a_run(results):
    runs = pooled([one for one in finished(results) if one.of.data == "dsprites"])
    by_score = {score: runs.labels[run] for score, run in taken(runs)}
    assert by_score["UDR"] == "AE, seed 0"
    assert by_score[DTO] == "beta-VAE, seed 2"
    assert "Δ_KL" not in by_score  # nobody has it


def test_tables_have_a_line_a_method_the_best_first(results, tmp_path):
    record = {
        "dsprites_beta_vae": {
            "option": "model.beta",
            "grid": [1.0, 4.0, 16.0],
            "pilots": [
                {"weight": 16.0, "active": None, "keeps": False},
                {"weight": 4.0, "active": 6.0, "keeps": True, "mig": 0.2},
            ],
        }
    }
    write_json(tmp_path / "weights.json", record)
    name = "dsprites_beta_vae"
    results[name] = replace(results[name], beside=PAPER.beside(tmp_path, name))
    tables = PAPER.own_tables(results, {})
    columns, rows = tables["dSprites"]
    first, second = (dict(zip(columns, row, strict=True)) for row in rows[:2])
    assert (first["method"], first["over-pruned"]) == ("JL1-VAE", "3 of 3")
    assert (second["method"], second["weight"]) == ("beta-VAE", "beta 4")
    assert second["over-pruned"] == "no"
    assert (second["MIG"], second["Δ_KL"]) == ("0.510 ± 0.010", "")
    assert "Ada-GVAE*" in [row[0] for row in rows]
    heads, taken_rows = tables["taken without labels"]
    assert taken_rows[0] == [
        *("dSprites", "MIG itself", "JL1-VAE, seed 0"),
        *("0.90", "100%", "0.45", "100%"),
    ]
    assert {len(row) for row in taken_rows} == {len(heads)}
    told = "16: diverged; 4: 6 active, MIG 0.20"
    assert tables["weights"][1] == [
        ["beta-VAE", "dSprites", "model.beta", "1, 4, 16", told, "4"],
    ]
    assert tables["reductions"][1] == [["few updates", "all"], ["few pixels", "dSprites"]]
    assert PAPER.own_tables({}, {}) == {}


def test_verdicts_follow_from_the_runs(results):
    found = {v.number: v for v in judged(PAPER.claims, results, {})}
    assert [found[number].verdict for number in (2, 3, 4, 7)] == ["holds"] * 3 + ["fails"]
    assert found[5].verdict == "not tested"
    assert found[11].verdict == "fails"  # Ada-GVAE is third
    assert found[12].verdict == "holds"
    assert found[13].verdict == "not tested"
    chosen = {"choice": {"option": "model.gamma", "grid": [1.0], "pilots": []}}
    for name, verdict in (("dsprites_hfs", "holds"), ("dsprites_jl1_vae", "fails")):
        results[name] = replace(results[name], beside=chosen)
        assert judged(PAPER.claims, results, {})[12].verdict == verdict
    assert {v.verdict for v in judged(PAPER.claims, {}, {})} == {"not tested"}


def test_figures_have_a_panel_a_set(results):
    for drawing in PAPER.drawings.values():
        figure = drawing.draw(results, {})
        assert [axis.get_title().partition(":")[0] for axis in figure.axes] == [
            *("dSprites", "shapes3d_like"),
        ]
        assert drawing.draw({}, {}) is None
