"""The cascade's numbers and verdicts on runs that follow theory, or do not."""

from types import SimpleNamespace

import numpy as np
import pytest

from vaescope.data import SyntheticOrthogonalDataModule
from vaescope.reproduction.cascade import PAPER
from vaescope.reproduction.cascade.figures import cascade_figure
from vaescope.reproduction.cascade.sweeps import data_eigenvalues, sweeps_of, threshold_of
from vaescope.reproduction.claims import judged

LAMBDAS = np.array([2.0, 1.0, 0.5])
PLACES = np.array([[1, 0, 2], [2, 1, 0]])  # which axis each latent has, of two seeds
LINEAR = slice(0, 5)


def run(way, *, late=1.0, swapped=False):
    """What a run leaves that follows theory at 2 lambda_j, ``late`` times that; 4 latents."""
    betas = np.linspace(0.2, 6, 200)
    betas = betas[::-1] if way == "down" else betas
    shares = (1 - betas[:, None, None] / (2 * late * LAMBDAS[PLACES])).clip(0)
    shares = np.concatenate([shares, np.zeros((200, 2, 1))], axis=2)  # [T, S, D]
    predicted = betas[:, None, None] / (1 - shares)
    order = [1, 0, 2, 3] if swapped else [0, 1, 2, 3]
    numbers = {"signal_share": shares, "collapse_beta": predicted[..., order]}

    def evaluations(key, only=None):
        if key == "val/weight_kl":
            values = np.stack([betas, betas], 1)
        else:
            values = numbers[key[4:-3]][..., int(key[-2:])]
        return {100 * step: value for step, value in enumerate(values)}

    return SimpleNamespace(rows=[{}], config={"latent_dim": 4}, evaluations=evaluations)


def judge(up, down, model="linear"):
    results = {f"{model}_up": up, f"{model}_down": down}
    measured = {name: {"eigenvalues": [*LAMBDAS, 0.0]} for name in results}
    found = judged(PAPER.claims, results, measured)
    return [v.verdict for v in found], results, measured


def test_a_latent_dies_where_its_signal_falls_through_the_rule():
    betas = np.linspace(0, 5, 51)
    assert threshold_of(betas, (1 - betas / 3.3).clip(0)) == pytest.approx(3.3)
    assert threshold_of(betas, np.zeros(51)) == 0
    assert threshold_of(betas, np.ones(51)) == np.inf
    back = np.where(betas < 2, 0.05, (1 - betas / 3.3).clip(0))  # the last time counts
    assert threshold_of(betas, back) == pytest.approx(3.3)


def test_runs_that_follow_theory_hold_every_claim():
    verdicts, results, measured = judge(run("up"), run("down"))
    assert verdicts == ["holds"] * 5 + ["not tested"] * 3
    sweep = sweeps_of(results, measured)["linear"]["down"]
    assert np.all(np.diff(sweep.betas) > 0)
    expected = 2 * np.pad(LAMBDAS, (0, 1))[np.pad(PLACES, ((0, 0), (0, 1)), constant_values=3)]
    assert sweep.deaths == pytest.approx(expected)
    assert sweep.thresholds == pytest.approx([0, 1, 2, 4])
    columns, rows = PAPER.own_tables(results, measured)["thresholds"]
    assert rows[0][3] == "never alive"
    shown = [cell.partition(" ± ")[0] for cell in rows[-1]]
    assert shown == ["linear VAE", "4", "4", "4", "4", "1", "1", "2"]
    assert len(columns) == len(shown)
    assert len(cascade_figure(results, measured).axes) == 2


def test_a_model_that_dies_late_and_comes_back_early_has_hysteresis():
    verdicts, *_ = judge(run("up", late=1.3), run("down"))
    assert verdicts[LINEAR] == ["fails", "holds", "fails", "fails", "holds"]
    verdicts, *_ = judge(run("up"), run("down", late=0.8))
    assert verdicts[LINEAR] == ["holds", "fails", "fails", "holds", "holds"]


def test_another_order_than_predicted_fails():
    verdicts, *_ = judge(run("up", swapped=True), run("down"))
    assert verdicts[LINEAR] == ["holds"] * 4 + ["fails"]


@pytest.mark.parametrize(("late", "expected"), [(1.05, "holds"), (0.85, "fails"), (1.2, "fails")])
def test_the_first_to_return_of_a_nonlinear_vae(late, expected):
    verdicts, *_ = judge(run("up"), run("down", late=late), model="nonlinear")
    assert verdicts[5:] == [expected, "holds", "holds"]


def test_without_runs_nothing_is_claimed():
    assert {v.verdict for v in judged(PAPER.claims, {}, {})} == {"not tested"}
    assert PAPER.own_tables({}, {}) == {}
    assert cascade_figure({}, {}) is None


def test_eigenvalues_of_stretched_sources_are_known():
    options = {"num_sources": 3, "stretch": 4.0, "bend": 0.0, "standardise": False}
    module = SyntheticOrthogonalDataModule(num_points=10_000, **options)
    module.setup()
    found = data_eigenvalues(SimpleNamespace(data=module))["eigenvalues"]
    assert found == pytest.approx([16 / 12, 4 / 12, 1 / 12], rel=0.05)
