"""Scores of information against disentanglement_lib's own code (numbers in tests/golden/dlib)."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from vaescope.metrics.information.gap import information_gaps
from vaescope.metrics.information.information_matrix import (
    discretise,
    entropy,
    mutual_information,
    pairwise_information,
)
from vaescope.metrics.information.scores import mig, modularity
from vaescope.metrics.information.tables import InformationTable, information_table

FOLDER = Path(__file__).parents[1] / "golden" / "dlib"
GOLDEN = json.loads((FOLDER / "golden.json").read_text())
ARRAYS = np.load(FOLDER / "arrays.npz")
FACTORS = torch.from_numpy(ARRAYS["factors_train"]).long()
CASES = sorted(GOLDEN["fixed"])


@cache
def codes(case):
    return torch.from_numpy(ARRAYS[f"codes_train__{case}"].astype(np.float64))


@cache
def table(case):
    return information_table(codes(case), FACTORS)


def outputs(function):
    found = [entry for entry in GOLDEN["matrix"] if entry["function"] == function]
    assert found, function
    return [(entry["input"], entry["output"]) for entry in found]


def table_of(information):
    information = torch.tensor(information, dtype=torch.float64)
    latents, factors = information.shape
    ones = torch.ones
    return InformationTable(information, ones(latents), ones(factors), torch.eye(factors), 20)


@pytest.mark.parametrize("case", CASES)
def test_informations_and_entropies(case):
    expected = GOLDEN["fixed"][case]
    np.testing.assert_allclose(table(case).information, expected["mutual_info_matrix"], atol=1e-9)
    np.testing.assert_allclose(table(case).factor_entropies, expected["factor_entropy"], atol=1e-9)


@pytest.mark.parametrize("case", CASES)
def test_gaps(case):
    expected, found = GOLDEN["fixed"][case], mig(table(case))
    assert float(found.score) == pytest.approx(expected["discrete_mig"], abs=1e-9)
    np.testing.assert_allclose(found.parts, expected["mig_per_factor"], atol=1e-9)
    for bins in (10, 50):
        score = information_gaps(codes(case), FACTORS, bins=bins).score
        assert score == pytest.approx(expected[f"discrete_mig_bins{bins}"], abs=1e-9)
    single = information_gaps(codes(case).float(), FACTORS).score
    assert single == pytest.approx(expected["discrete_mig_float32_input"], abs=1e-9)


@pytest.mark.parametrize("case", CASES)
def test_modularity_under_their_convention(case):
    expected, found = GOLDEN["fixed"][case], modularity(table(case), dead="dlib")
    assert float(found.score) == pytest.approx(expected["modularity_score"], abs=1e-6)
    np.testing.assert_allclose(found.parts, expected["modularity_per_code"], atol=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_information_of_pairs_of_latents(case):
    expected = GOLDEN["fixed"][case]["unsupervised"]["mutual_info_score"]
    assert pairwise_information(codes(case)) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("given", "expected"), outputs("modularity_explicitness.modularity"), ids=lambda x: None
)
def test_modularity_of_matrices(given, expected):
    found = modularity(table_of(given["mutual_information"]), dead="dlib")
    assert float(found.score) == pytest.approx(expected, abs=1e-9)


def test_bins_informations_and_entropies_of_matrices():
    for given, expected in outputs("utils._histogram_discretize"):
        values = torch.tensor(given["target"], dtype=torch.float64).T
        np.testing.assert_array_equal(discretise(values, given["num_bins"]).T + 1, expected)
    for given, expected in outputs("utils.discrete_mutual_info"):
        found = mutual_information(torch.tensor(given["mus"]).T, torch.tensor(given["ys"]).T)
        np.testing.assert_allclose(found, expected, atol=1e-9)
    for given, expected in outputs("utils.discrete_entropy"):
        np.testing.assert_allclose(entropy(torch.tensor(given["ys"]).T), expected, atol=1e-9)
