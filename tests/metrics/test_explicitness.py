"""Explicitness against disentanglement_lib (commit 86a644d), and what that cannot score."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from vaescope.metrics.prediction.one_vs_rest_auc import explicitness, roc_auc

FOLDER = Path(__file__).parents[1] / "golden" / "dlib"
ARRAYS = np.load(FOLDER / "arrays.npz")
FIXED = json.loads((FOLDER / "golden.json").read_text())["fixed"]
TRAIN, TEST = (torch.from_numpy(ARRAYS[f"factors_{s}"].astype(np.int64)) for s in ("train", "test"))
DEFINED = [case for case in FIXED if "raises" not in FIXED[case]["modularity_explicitness"]]


def golden_codes(case):
    return (
        torch.from_numpy(ARRAYS[f"codes_{split}__{case}"].astype(np.float64))
        for split in ("train", "test")
    )


def made_up(seed=0, rows=900):
    generator = torch.Generator().manual_seed(seed)
    factors = torch.randint(4, (rows, 2), generator=generator)
    noise = torch.randn(rows, 3, generator=generator, dtype=torch.float64)
    return torch.cat([factors.double(), factors[:, :1] - factors[:, 1:]], 1) + noise, factors


@pytest.mark.parametrize("case", DEFINED)
def test_scores_are_golden(case):
    train, test = golden_codes(case)
    found = explicitness(train, TRAIN, test=(test, TEST))
    golden = FIXED[case]["modularity_explicitness"]
    assert found.score == pytest.approx(golden["explicitness_score_test"], abs=2e-4)
    assert found.train_score == pytest.approx(golden["explicitness_score_train"], abs=2e-4)
    np.testing.assert_allclose(
        found.factors, FIXED[case]["explicitness_per_factor_test"], atol=5e-4
    )


def test_constant_latents_are_ignored_where_the_library_raises():
    train, test = golden_codes("constant_dims")
    live = (train != train[0]).any(0)
    assert not bool(live.all())
    found = explicitness(train, TRAIN[:, :3], test=(test, TEST[:, :3]))
    alone = explicitness(train[:, live], TRAIN[:, :3], test=(test[:, live], TEST[:, :3]))
    assert found.score == pytest.approx(alone.score, abs=1e-6)


def test_areas_are_those_of_scikit_learn_with_ties():
    generator = torch.Generator().manual_seed(0)
    scores = torch.randint(6, (300, 5), generator=generator).double()
    labels = torch.randint(5, (300,), generator=generator)
    expected = roc_auc_score(np.eye(5)[labels], scores, average=None)
    np.testing.assert_allclose(roc_auc(scores, labels), expected, atol=1e-12)


def test_area_by_counting_pairs():
    scores = torch.tensor([[0.1], [0.4], [0.4], [0.8]])
    # of 4 pairs of a member with another: wins over 0.1, ties with 0.4, twice loses to none
    assert float(roc_auc(scores, torch.tensor([-1, 0, -1, 0]))) == pytest.approx(3.5 / 4)


def test_area_without_members_or_others_is_undefined():
    scores = torch.rand(5, 2, generator=torch.Generator().manual_seed(0))
    assert bool(roc_auc(scores, torch.zeros(5, dtype=torch.int64)).isnan().all())


def test_order_sign_and_scale_of_latents_are_irrelevant():
    codes, factors = made_up(1)
    plain = explicitness(codes, factors).score
    moved = explicitness(-1000 * codes[:, [2, 0, 1]] + 5, factors[:, [1, 0]]).score
    assert moved == pytest.approx(plain, abs=1e-4)


def test_perfect_code_and_noise():
    codes, factors = made_up(2, rows=6000)
    one_hot = torch.nn.functional.one_hot(factors).flatten(1)
    assert explicitness(one_hot, factors).score == pytest.approx(1)
    noise = torch.randn(6000, 4, generator=torch.Generator().manual_seed(3))
    assert explicitness(noise, factors).score == pytest.approx(0.5, abs=0.02)
    assert explicitness(noise, factors, scale="unit").score == pytest.approx(0, abs=0.04)
    assert 0.6 < explicitness(codes, factors).score < 0.99


def test_unit_scale_is_the_stretched_area():
    codes, factors = made_up(4)
    area, unit = (explicitness(codes, factors, scale=scale) for scale in ("auc", "unit"))
    assert unit.score == pytest.approx(2 * area.score - 1)
    torch.testing.assert_close(unit.train_factors, 2 * area.train_factors - 1)


def test_classes_missing_on_one_side():
    codes, factors = made_up(5)
    without = factors[:, 0] != 3
    full = explicitness(codes, factors[:, :1], test=(codes, factors[:, :1]))
    fewer = explicitness(codes, factors[:, :1], test=(codes[without], factors[without][:, :1]))
    assert 0.5 < fewer.score < 1
    assert fewer.score != full.score
    unseen = explicitness(codes[without], factors[without][:, :1], test=(codes, factors[:, :1]))
    seen = roc_only(codes, factors[:, 0], without)
    assert unseen.score == pytest.approx((3 * seen + 0.5) / 4, abs=1e-9)


def roc_only(codes, labels, without):
    """Mean area of the three fitted classes, the rows of the fourth counting as others."""
    from vaescope.metrics.estimators.logistic import fit_logistic

    probes = fit_logistic(codes[without], labels[without][:, None], strength=1.0)
    return float(roc_auc(probes.log_probabilities(codes)[0], labels).mean())


def test_nothing_to_tell_apart_is_chance():
    codes, factors = made_up(6)
    constant = torch.ones_like(factors)
    assert explicitness(codes, constant).score == 0.5
    assert explicitness(codes, constant, scale="unit").score == 0
    assert explicitness(torch.zeros_like(codes), factors).score == 0.5
    mixed = torch.cat([factors, constant[:, :1]], 1)
    assert explicitness(codes, mixed).score == pytest.approx(explicitness(codes, factors).score)


def test_wrong_input_is_refused():
    codes, factors = made_up(7)
    with pytest.raises(ValueError, match="'auc' or 'unit'"):
        explicitness(codes, factors, scale="gini")
    with pytest.raises(ValueError, match="bin continuous"):
        explicitness(codes, factors + 0.5)
    with pytest.raises(ValueError, match="NaN"):
        roc_auc(torch.full((3, 2), torch.nan), torch.zeros(3, dtype=torch.int64))
    with pytest.raises(ValueError, match="are needed"):
        roc_auc(torch.zeros(3, 2), torch.zeros(4, dtype=torch.int64))
