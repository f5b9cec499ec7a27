"""SAP against disentanglement_lib (commit 86a644d), liblinear and closed forms."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.svm import LinearSVC

from vaescope.metrics.estimators.squared_hinge import fit_one_latent_machines, sort_latents
from vaescope.metrics.prediction.sap import (
    sap_ceiling,
    sap_continuous,
    sap_discrete,
    sap_from_matrix,
)

FOLDER = Path(__file__).parents[1] / "golden" / "dlib"
ARRAYS = np.load(FOLDER / "arrays.npz")
FIXED = json.loads((FOLDER / "golden.json").read_text())["fixed"]
TRAIN, TEST = (torch.from_numpy(ARRAYS[f"factors_{s}"].astype(np.int64)) for s in ("train", "test"))


def golden_codes(case):
    return (
        torch.from_numpy(ARRAYS[f"codes_{split}__{case}"].astype(np.float64))
        for split in ("train", "test")
    )


def made_up(seed=0, rows=400):
    generator = torch.Generator().manual_seed(seed)
    factors = torch.randint(5, (rows, 2), generator=generator)
    noise = torch.randn(rows, 3, generator=generator, dtype=torch.float64)
    codes = torch.cat([factors.double(), factors[:, :1] ** 2], 1) + noise
    return codes, factors


@pytest.mark.parametrize("case", FIXED)
def test_discrete_score_is_golden(case):
    train, test = golden_codes(case)
    found = sap_discrete(train, TRAIN, test=(test, TEST))
    assert found.score == pytest.approx(FIXED[case]["SAP_discrete"], abs=5e-4)
    np.testing.assert_allclose(found.predictability, FIXED[case]["SAP_discrete_matrix"], atol=1e-3)


@pytest.mark.parametrize("case", FIXED)
def test_continuous_score_is_golden(case):
    found = sap_continuous(next(golden_codes(case)), TRAIN)
    assert found.score == pytest.approx(FIXED[case]["SAP_continuous"], abs=1e-9)
    np.testing.assert_allclose(
        found.predictability, FIXED[case]["SAP_continuous_matrix"], atol=1e-9
    )


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize(("scale", "shift"), [(1, 0), (100, 0), (0.01, 0), (1, 30)])
def test_machines_are_those_of_liblinear(classes, scale, shift):
    codes, factors = made_up()
    codes, labels = codes * scale + shift, factors[:, 0] % classes
    (found,) = fit_one_latent_machines(sort_latents(codes), labels[:, None])
    for latent in range(codes.shape[1]):
        column = codes[:, latent : latent + 1].numpy()
        machine = LinearSVC(
            C=0.01, class_weight="balanced", tol=1e-12, max_iter=100_000, dual=False
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # liblinear may miss so small a tolerance
            machine.fit(column, labels.numpy())
        w, b = machine.coef_[:, 0], machine.intercept_
        objective = hinge_objective(column[:, 0], labels.numpy(), w, b, classes)
        ours = slice(-len(w), None)  # scikit-learn has one line for two classes
        assert np.all(found.objective[latent, ours].numpy() <= objective * (1 + 1e-9))
        np.testing.assert_allclose(
            found.objective[latent, ours],
            hinge_objective(
                column[:, 0],
                labels.numpy(),
                found.slope[latent, ours].numpy(),
                found.offset[latent, ours].numpy(),
                classes,
            ),
            rtol=1e-9,
        )
        if shift == 0:
            np.testing.assert_allclose(found.slope[latent, ours], w, rtol=1e-4, atol=1e-7)
            np.testing.assert_allclose(found.offset[latent, ours], b, rtol=1e-4, atol=1e-7)


def hinge_objective(x, labels, w, b, classes):
    values = []
    for place, (slope, offset) in enumerate(zip(w, b, strict=True)):
        own = labels == (1 if classes == 2 else place)
        loss = np.maximum(0, 1 - np.where(own, 1, -1) * (slope * x + offset)) ** 2
        balance = len(x) / (classes * np.bincount(labels)[labels])
        weight = balance if classes == 2 else np.where(own, balance, 1)
        values.append(0.5 * (slope**2 + offset**2) + 0.01 * (weight * loss).sum())
    return np.array(values)


def test_a_perfect_code_stays_far_below_one():
    assert sap_ceiling(TRAIN, test=TEST) == pytest.approx(FIXED["perfect"]["SAP_discrete"])
    assert sap_ceiling(torch.cartesian_prod(torch.arange(2), torch.arange(2)).repeat(500, 1)) > 0.4
    assert sap_ceiling(torch.ones(9, 2, dtype=torch.int64)) == 0


def test_squared_correlation_of_a_mixture():
    generator = torch.Generator().manual_seed(0)
    factors = torch.randn(200_000, 2, generator=generator, dtype=torch.float64)
    codes = torch.stack([factors[:, 0], factors @ torch.tensor([0.6, 0.8]).double()], 1)
    found = sap_continuous(codes, factors)
    torch.testing.assert_close(
        found.predictability,
        torch.tensor([[1.0, 0.0], [0.36, 0.64]], dtype=torch.float64),
        atol=5e-3,
        rtol=0,
    )
    assert found.score == pytest.approx(0.64, abs=5e-3)


@pytest.mark.parametrize("score", [sap_discrete, sap_continuous])
class TestBothKinds:
    def test_order_and_sign_of_latents_are_irrelevant(self, score):
        codes, factors = made_up(1)
        plain = score(codes, factors)
        moved = score(-codes[:, [2, 0, 1]], factors[:, [1, 0]])
        torch.testing.assert_close(moved.gaps, plain.gaps[[1, 0]], atol=1e-9, rtol=0)

    def test_a_factor_held_twice_has_no_gap(self, score):
        codes, factors = made_up(2)
        assert score(codes[:, [0, 0, 1, 1]], factors).score == 0

    def test_dead_latents_score_zero(self, score):
        _, factors = made_up(3)
        assert score(torch.full((400, 3), 0.1), factors).score == 0

    def test_factors_with_one_value_are_left_out(self, score):
        codes, factors = made_up(4)
        more = torch.cat([factors, torch.full_like(factors[:, :1], 7)], 1)
        assert score(codes, more).score == pytest.approx(score(codes, factors).score)
        assert float(score(codes, more).gaps[2]) == 0
        assert score(codes, more[:, 2:]).score == 0

    def test_nan_is_refused(self, score):
        codes, factors = made_up(5)
        with pytest.raises(ValueError, match="NaN or infinite"):
            score(codes * torch.inf, factors)

    def test_chance_is_small(self, score):
        generator = torch.Generator().manual_seed(6)
        factors = torch.randint(4, (6000, 3), generator=generator)
        noise = torch.randn(6000, 5, generator=generator, dtype=torch.float64)
        assert score(noise, factors).score < 0.02


def test_one_latent_is_compared_with_the_most_frequent_class():
    factors = torch.tensor([[0], [1]]).repeat(100, 1)
    found = sap_discrete(factors.double(), factors, test=(factors.double(), factors))
    assert found.score == pytest.approx(0.5)
    assert sap_continuous(factors.double(), factors).score == pytest.approx(1)


def test_missing_classes_are_missed():
    codes, factors = made_up(7)
    unseen = torch.full_like(factors[:50], 99)
    found = sap_discrete(codes, factors, test=(codes[:50], unseen))
    assert float(found.predictability.max()) == 0


def test_continuous_factors_and_empty_matrices_are_refused():
    codes, factors = made_up(8)
    with pytest.raises(ValueError, match="sap_continuous"):
        sap_discrete(codes, factors + 0.5)
    with pytest.raises(ValueError, match="strength = 0"):
        sap_discrete(codes, factors, strength=0)
    with pytest.raises(ValueError, match="is needed"):
        sap_from_matrix(torch.zeros(0, 3))
    with pytest.raises(ValueError, match="NaN"):
        sap_from_matrix(torch.full((2, 3), torch.nan))
