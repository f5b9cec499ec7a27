"""DCI against disentanglement_lib: numbers in tests/golden/dlib."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from vaescope.metrics.prediction.dci_scores import dci, importance_scores
from vaescope.metrics.prediction.probes import Probe, boosted_probe

FOLDER = Path(__file__).parents[1] / "golden" / "dlib"
GOLDEN = json.loads((FOLDER / "golden.json").read_text(encoding="utf-8"))
ARRAYS = np.load(FOLDER / "arrays.npz")
FIELDS = {
    "dci.disentanglement": "disentanglement",
    "dci.disentanglement_per_code": "per_code",
    "dci.completeness": "completeness",
    "dci.completeness_per_factor": "per_factor",
}
MATRICES = [case for case in GOLDEN["matrix"] if case["function"] in FIELDS]
CASES = sorted(GOLDEN["dci_small"])


def golden_rows(case, factors=slice(None)):
    """Codes and factors of 1,000 training and 600 test rows."""
    return [
        torch.from_numpy(ARRAYS[name][:rows].astype(kind)[:, columns])
        for half, rows in (("train", 1000), ("test", 600))
        for name, kind, columns in (
            (f"codes_{half}__{case}", np.float64, slice(None)),
            (f"factors_{half}", np.int64, factors),
        )
    ]


@pytest.mark.parametrize("case", MATRICES, ids=lambda c: f"{c['input']['name']}-{c['function']}")
def test_scores_of_a_matrix_are_golden(case):
    matrix = torch.tensor(case["input"]["importance_matrix"], dtype=torch.float64)
    found = getattr(importance_scores(matrix, convention="dlib"), FIELDS[case["function"]])
    wanted = np.array(case["output"], dtype=float)
    # The library divides by log 1 = 0 for a single latent; here it holds all there is.
    np.testing.assert_allclose(found, np.where(np.isnan(wanted), 1.0, wanted), atol=1e-9)


@pytest.mark.parametrize("case", MATRICES, ids=lambda c: f"{c['input']['name']}-{c['function']}")
def test_conventions_differ_by_the_offset_alone(case):
    matrix = torch.tensor(case["input"]["importance_matrix"], dtype=torch.float64)
    field = FIELDS[case["function"]]
    pair = [getattr(importance_scores(matrix, convention=c), field) for c in ("exact", "dlib")]
    np.testing.assert_allclose(*pair, atol=2e-9 if "sparse" not in case["input"]["name"] else 1e-3)


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, marks=[] if case in ("perfect", "vae_like") else pytest.mark.slow)
        for case in CASES
    ],
)
def test_gbt_importances_and_completeness_are_golden(case):
    """The two factors with few classes; a factor's importances do not depend on the others."""
    golden = GOLDEN["dci_small"][case]
    found = dci(*golden_rows(case, slice(2)), probe="gbt", convention="dlib")
    spread = golden["importance_matrix_max_abs_spread"] + 5e-3
    wanted = np.array(golden["importance_matrix_seed0"])[:, :2]
    np.testing.assert_allclose(found.importances, wanted, atol=spread)
    if case != "redundant":  # copies share their importance by lot
        per_factor = golden["completeness_per_factor_seed0"][:2]
        np.testing.assert_allclose(found.scores.per_factor, per_factor, atol=5e-3)


@pytest.mark.slow
def test_gbt_scores_are_golden():
    golden = GOLDEN["dci_small"]["multifactor"]
    found = dci(*golden_rows("multifactor"), probe="gbt", convention="dlib")
    for name, tolerance in (
        ("disentanglement", 5e-3),
        ("completeness", 5e-3),
        ("informativeness_train", 1.5e-2),
    ):
        assert getattr(found, name) == pytest.approx(golden[name]["mean"], abs=tolerance)
    wanted = golden["informativeness_test"]["mean"]
    assert found.informativeness == pytest.approx(wanted, abs=1.5e-2)


@pytest.mark.parametrize("case", ["constant_dims", "multifactor", "vae_like"])
def test_boosted_without_binning_is_golden(case):
    """As many bins as rows and the rounds of the reference: the same trees."""
    golden = GOLDEN["dci_small"][case]
    fit = partial(boosted_probe, rounds=100, rate=0.1, bins=1000)
    same = Probe("boosted", fit, numeric=False, cheap=False)
    found = dci(*golden_rows(case, slice(2)), probe=same, convention="dlib")
    wanted = np.array(golden["importance_matrix_seed0"])[:, :2]
    spread = golden["importance_matrix_max_abs_spread"] + 5e-3
    np.testing.assert_allclose(found.importances, wanted, atol=spread)


@pytest.mark.parametrize("case", CASES)
def test_boosted_is_near_the_golden_scores(case):
    """64 bins and larger steps move D and C by up to 0.08.

    Which of equal splits a tree takes hangs on the order of a processor's sums. Informativeness is
    a share of 5 x 600 answers: four standard errors of the difference of two such shares are 0.05.
    """
    golden = GOLDEN["dci_small"][case]
    found = dci(*golden_rows(case))
    assert found.disentanglement == pytest.approx(golden["disentanglement"]["mean"], abs=0.09)
    assert found.completeness == pytest.approx(golden["completeness"]["mean"], abs=0.07)
    wanted = golden["informativeness_test"]["mean"]
    assert found.informativeness == pytest.approx(wanted, abs=4 * (2 * 0.25 / 3000) ** 0.5)
