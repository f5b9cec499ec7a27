"""Scores that cannot be had are left out with a sentence, and cost no other score."""

import logging

import pytest
import torch

from builders.thinned import thinned
from vaescope.distributions.posteriors import Point
from vaescope.errors import NoScoreError
from vaescope.metrics.estimators.logistic import fit_logistic
from vaescope.metrics.estimators.probe_data import basis_of
from vaescope.panel import (
    DEFAULT_SCORES,
    FAMILIES,
    INFORMATION_SCORES,
    PanelMetric,
    computations,
    score_panel,
)
from vaescope.statistics import Codes, PanelScores

QUICK = {"repeats": 0, "costly_repeats": 0}


def made(rows, values=(3, 4), seed=0, latents=3):
    generator = torch.Generator().manual_seed(seed)
    factors = torch.stack([torch.randint(n, (rows,), generator=generator) for n in values], 1)
    noise = torch.randn(rows, latents, generator=generator, dtype=torch.float64)
    noise[:, : factors.shape[1]] += 3 * factors[:, :latents]
    return noise, factors


def codes_of(codes, factors):
    kinds = ["ordinal"] * factors.shape[1]
    about = {"step": 0, "split": "val", "posterior": Point, "factor_kinds": kinds}
    return Codes(mean=codes, sampled=codes, factors=factors, **about)


@pytest.fixture
def told():
    return []


def test_one_score_never_costs_another(monkeypatch, told):
    def refuse(sample):
        raise ValueError("no such luck")

    monkeypatch.setattr(computations, "mcc", refuse)
    found = score_panel(*made(100), scores=["mcc", "mig", "sap"], **QUICK, tell=told.append)
    assert found.keys() == {"mig", "sap"}
    assert told == ["score mcc is left out: no such luck"]


@pytest.fixture(params=[1, 2])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_what_a_sample_cannot_have_is_not_computed_of_its_shuffles(monkeypatch, told, threads):
    calls = []

    def refuse(sample):
        calls.append(len(sample.codes))
        raise NoScoreError("never")

    monkeypatch.setattr(computations, "mcc", refuse)
    found = score_panel(*made(100), scores=["mcc", "sap"], repeats=9, tell=told.append)
    assert found.keys() == {"sap"}
    assert told == ["score mcc is left out: never"]
    assert calls.count(100) <= threads


def test_a_bug_is_no_refusal(monkeypatch):
    def fail(sample):
        raise TypeError("a bug")

    monkeypatch.setattr(computations, "mcc", fail)
    with pytest.raises(TypeError, match="a bug"):
        score_panel(*made(100), scores=["mcc", "mig"], **QUICK)


def test_a_ceiling_or_a_chance_level_that_fails_costs_no_score(monkeypatch, told):
    calls = []

    def first_only(sample):
        calls.append(sample)
        if len(calls) > 1:
            raise NoScoreError("only once")
        return {"mcc": 0.5}

    monkeypatch.setattr(computations, "mcc", first_only)
    found = score_panel(*made(100), scores=["mcc"], repeats=2, costly_repeats=2, tell=told.append)[
        "mcc"
    ]
    assert (found.score, found.chance, found.ceiling, found.low) == (0.5, None, None, None)
    assert [message.split(" of mcc")[0] for message in told] == [
        "chance level",
        "ceiling",
        "interval",
    ]


@pytest.mark.parametrize("rows", thinned([4, 10, 21, 22], {4, 10}))
def test_few_rows_leave_scores_out_and_tell(rows, told):
    found = score_panel(*made(rows), scores=DEFAULT_SCORES, tell=told.append)
    assert "mig" in found
    assert ("info_modularity" in found) == (rows > 10)
    if rows == 10:
        assert any("info_mec is left out: 10 neighbours of 10 rows" in line for line in told)
    if rows == 21:  # there is a score, but no half of the rows has one
        assert found["info_modularity"].low is None
        assert any("interval of info_mec is left out" in line for line in told)


@pytest.mark.slow
def test_a_factor_of_many_values_leaves_out_what_takes_minutes(told):
    codes, factors = made(1000, (3, 300), latents=10)
    found = score_panel(
        codes, factors, scores=["info_mec", "explicitness"], **QUICK, tell=told.append
    )
    assert found.keys() == {"info_modularity", "info_compactness", "explicitness"}
    (line,) = told
    assert line.startswith("score info_explicitness is left out: factor 1 has ")
    assert "with 10 latents at most 109 are possible: bin it" in line
    few = score_panel(codes, factors % 100, scores=["info_mec"], **QUICK, tell=told.append)
    assert few["info_explicitness"].score > 0
    assert len(told) == 1


def test_many_classes_have_the_regression_of_few():
    """Both solvers, at the number of classes where one takes over from the other."""
    codes, factors = made(600, (80,), latents=7)
    codes[:, 0] /= 10
    inputs = basis_of(codes).inputs(codes)
    assert factors.unique().numel() * inputs.shape[1] > 600
    many = fit_logistic(codes, factors, strength=1.0)
    values, labels = torch.unique(factors, return_inverse=True)
    from vaescope.metrics.estimators.logistic_newton import minimise_logistic

    penalty = basis_of(codes).singular.square().reciprocal() / len(codes)
    dense = minimise_logistic(
        inputs,
        labels.T,
        len(values),
        row_weights=torch.ones(1, len(codes), dtype=torch.float64),
        penalty=torch.cat([penalty, penalty.new_zeros(1)]),
        tolerance=1e-10,
        max_iterations=100,
    )
    few = (inputs @ dense.weights[0].T).log_softmax(1)
    assert (many.log_probabilities(codes)[0] - few).abs().max() < 1e-3
    assert float(many.gap.max()) <= 1e-8


def test_too_many_classes_are_refused_before_memory_is_taken():
    codes, _ = made(3000, (2,), latents=2)
    own = torch.arange(3000)[:, None]
    with pytest.raises(NoScoreError, match=r"3000 classes.*kind continuous"):
        fit_logistic(codes, own, strength=1.0)
    with pytest.raises(NoScoreError, match="3000 classes"):
        fit_logistic(codes, own)


def test_copies_of_a_latent_and_too_few_rows_for_all_break_no_score(told):
    codes, factors = made(60)
    copies = torch.cat([codes, codes[:, :1]], 1)
    names = ["total_correlation", "wasserstein", "mcc", "explained_variance", "dci_linear"]
    found = score_panel(copies, factors, scores=names, tell=told.append)
    assert found["total_correlation"].score == float("inf")
    assert found["total_correlation"].low is None
    assert found["wasserstein_correlation"].low is not None
    assert not told
    many = torch.randn(60, 90, generator=torch.Generator().manual_seed(0)).double()
    assert (
        score_panel(many, factors, scores=names, repeats=2, costly_repeats=2).keys() == found.keys()
    )
    shown = PanelScores(names, repeats=2)
    numbers = shown(codes_of(copies, factors))
    assert "val/total_correlation" not in numbers
    assert "val/mcc" in numbers
    assert [m for m in shown.tell.messages if "total_correlation is left out: it is infinite" in m]


def test_codes_without_factors_have_their_own_scores(told):
    codes, _ = made(100)
    names = ["mig", "mcc", "total_correlation", "wasserstein"]
    found = score_panel(codes, torch.zeros(100, 0), scores=names, tell=told.append)
    assert found.keys() == {
        *("total_correlation", "wasserstein_correlation", "wasserstein_correlation_normalised")
    }
    assert told == [
        f"score {name} is left out: it needs factors, and these data have none"
        for name in ("mig", "mcc")
    ]


@pytest.mark.parametrize("shapes", [((5, 300), (5, 300)), ((10, 300), (10, 2)), ((4, 2), (4, 5))])
def test_latents_in_rows_are_refused(shapes):
    codes, factors = torch.randn(shapes[0]), torch.ones(shapes[1]).long()
    with pytest.raises(ValueError, match="transpose"):
        score_panel(codes, factors)


def test_below_50_codes_a_line_says_so_once(caplog):
    statistic = PanelScores(["mig", "dci"])
    with caplog.at_level(logging.WARNING):
        assert statistic(codes_of(*made(40))) == {}
        assert statistic(codes_of(*made(40))) == {}
    assert [record.message for record in caplog.records] == statistic.tell.messages
    (line,) = statistic.tell.messages
    assert line.startswith("scores are left out: 40 codes, at least 50 are needed; give the val ")
    assert "data.split" in line
    codes, factors = made(60)
    codes[3, 1] = torch.nan
    assert statistic(codes_of(codes, factors)) == {}
    assert "NaN" in statistic.tell.messages[1]


def test_each_panel_tells_for_itself(caplog):
    """Two models in one process: the second one's missing scores are told, too."""
    continuous = made(60)[0][:, :1]
    for number in (1, 2):
        score_panel(made(60)[0], continuous, scores=["sap"], **QUICK)
        assert caplog.text.count("score sap is left out: it needs factors with classes") == number
    metric = PanelMetric(["sap"])
    metric.update(made(60)[0], continuous)
    assert metric.compute() == metric.compute() == {}
    assert caplog.text.count("score sap is left out") == 3


@pytest.mark.parametrize("scale", [1e30, 1e-30, 1e200, 1e-200])
def test_no_scale_of_the_codes_breaks_a_score(scale, told):
    codes, factors = made(60)
    names = ["mig", "dci", "sap", "explicitness", "info_mec", "wasserstein", "separability", "mcc"]
    variance = torch.full_like(codes, 0.1)
    found = score_panel(
        codes * scale, factors, variance=variance, scores=names, **QUICK, tell=told.append
    )
    assert found.keys() >= {"mig", "dci_completeness", "sap", "explicitness", "info_modularity"}
    assert not any(each.score != each.score for each in found.values())
    assert all(" is left out: " in line for line in told)
    plain = score_panel(codes, factors, scores=["mig", "mcc"], **QUICK)
    for name in ("mig", "mcc"):
        if scale in (1e30, 1e-30):
            assert found[name].score == pytest.approx(plain[name].score, abs=1e-6)


def test_all_families_are_known():
    assert set(DEFAULT_SCORES) <= {*FAMILIES, *INFORMATION_SCORES}
