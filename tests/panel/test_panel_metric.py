"""Scores as torchmetrics objects: batches, copies, collections, what cannot be measured."""

import pickle

import pytest
import torch
from torchmetrics import MetricCollection

from vaescope.metrics.information.gap import mutual_information_gap
from vaescope.panel import PanelMetric, score_panel

GENERATOR = torch.Generator().manual_seed(0)
FACTORS = torch.stack([torch.randint(n, (400,), generator=GENERATOR) for n in (3, 5)], 1)
CODES = FACTORS.float() @ torch.eye(2, 3) + 0.2 * torch.randn(400, 3, generator=GENERATOR)
VARIANCE = torch.full_like(CODES, 0.04)


def fed(metric, *parts, batch=64):
    for chunk in zip(*(part.split(batch) for part in parts), strict=True):
        metric.update(*chunk)
    return metric


def test_batches_give_the_score_of_all():
    found = fed(PanelMetric("mig"), CODES, FACTORS).compute()
    assert found["mig"].item() == mutual_information_gap(CODES, FACTORS)
    assert found["mig"].dtype == torch.float64


def test_several_scores_are_those_of_the_panel():
    names = ["modularity", "dci", "sap"]
    kinds = ["categorical", "ordinal"]
    found = fed(PanelMetric(names, kinds=kinds, seed=3), CODES, FACTORS).compute()
    expected = score_panel(
        CODES, FACTORS, kinds=kinds, scores=names, repeats=0, costly_repeats=0, seed=3
    )
    assert {name: value.item() for name, value in found.items()} == {
        name: measured.score for name, measured in expected.items()
    }


def test_context_brings_chance_ceiling_and_interval():
    found = fed(PanelMetric("mcc", context=True), CODES, FACTORS).compute()
    assert found.keys() >= {"mcc", "mcc_chance", "mcc_ceiling", "mcc_low", "mcc_high"}
    assert found["mcc_low"] < found["mcc"] < found["mcc_high"]
    assert found["mcc_chance"] < found["mcc"]


def test_variances_serve_the_scores_of_the_posterior():
    found = fed(PanelMetric("mig_chen"), CODES, FACTORS, VARIANCE).compute()
    expected = score_panel(
        CODES, FACTORS, variance=VARIANCE, scores=["mig_chen"], repeats=0, costly_repeats=0
    )
    assert found["mig_chen"].item() == expected["mig_chen"].score
    assert fed(PanelMetric("mig_chen"), CODES, FACTORS).compute() == {}


def test_a_collection_names_and_resets():
    metrics = MetricCollection(
        [
            PanelMetric("mig"),
        ]
    )
    metrics.update(CODES, FACTORS)
    assert metrics.compute().keys() == {"mig"}
    metrics.reset()
    assert metrics["PanelMetric"].codes == []
    assert metrics["PanelMetric"].variances == []


def test_a_pickled_metric_goes_on():
    metric = fed(PanelMetric("mig"), CODES[:200], FACTORS[:200])
    again = fed(pickle.loads(pickle.dumps(metric)), CODES[200:], FACTORS[200:])
    assert again.compute() == fed(PanelMetric("mig"), CODES, FACTORS).compute()


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(ValueError, match="score 'mgi' is unknown; did you mean 'mig'"):
        PanelMetric("mgi")
    with pytest.raises(ValueError, match=r"variance \(400, 2\) and codes \(400, 3\)"):
        PanelMetric("mig").update(CODES, FACTORS, VARIANCE[:, :2])
    metric = PanelMetric("mig")
    metric.update(CODES, FACTORS, VARIANCE)
    metric.update(CODES, FACTORS)
    with pytest.raises(ValueError, match="variances of 400 of 800 rows"):
        metric.compute()
    with pytest.raises(ValueError, match="no score was named"):
        PanelMetric([])
    with pytest.raises(ValueError, match=r"kinds \['x'\] are unknown; choose ordinal"):
        PanelMetric("mig", kinds=["ordinal", "x"])


def test_a_single_name_is_a_score():
    assert score_panel(CODES, FACTORS, scores="mig", repeats=0).keys() == {"mig"}
    with pytest.raises(ValueError, match="no score was named"):
        score_panel(CODES, FACTORS, scores=[])
