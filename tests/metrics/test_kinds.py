"""One rule for the kinds of factors, whatever type they are stored in and whichever score asks."""

import math

import pytest
import torch

from vaescope import metrics
from vaescope.metrics.information.gap import information_gaps
from vaescope.metrics.kinds import angle_columns, resolved_kinds
from vaescope.panel import FAMILIES, INFORMATION_SCORES, PanelMetric, score_panel

ROWS = 400
GENERATOR = torch.Generator().manual_seed(0)
WHOLE = torch.stack([torch.randint(n, (ROWS,), generator=GENERATOR) for n in (3, 6, 12)], 1)
NOISE = torch.randn(ROWS, 4, generator=GENERATOR, dtype=torch.float64)
CODES = torch.cat([WHOLE.double(), NOISE[:, :1]], 1) + 0.2 * NOISE
KINDS = ("ordinal", "categorical", "circular")
SLOW = {"dci_gbt", "dci_forest", "dci_logistic", "beta_vae", "support", "separability"}
FLOATS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)


def test_whole_numbers_are_ordinal_and_truth_values_categorical_in_any_type():
    for kind in (*FLOATS, torch.uint8, torch.int16):
        assert resolved_kinds(WHOLE.to(kind)) == ("ordinal",) * 3
    assert resolved_kinds(WHOLE > 1) == ("categorical",) * 3
    mixed = torch.cat([WHOLE[:, :1].double(), NOISE[:, :1]], 1)
    assert resolved_kinds(mixed) == ("ordinal", "continuous")
    assert resolved_kinds(mixed.bfloat16()) == ("ordinal", "continuous")
    assert resolved_kinds(WHOLE, KINDS) == KINDS


def test_an_angle_is_a_circular_factor_with_fractions():
    for kind in (*FLOATS, torch.int64):
        assert angle_columns(WHOLE.to(kind), KINDS).tolist() == [False] * 3
    turned = WHOLE * (2 * math.pi / 12)
    assert angle_columns(turned, KINDS).tolist() == [False, False, True]


@pytest.mark.parametrize("factors", [torch.zeros(3), torch.zeros(3, 0), torch.zeros(3, 1) * 1j])
def test_what_has_no_kinds_is_refused(factors):
    with pytest.raises(ValueError, match="real numbers"):
        resolved_kinds(factors)


@pytest.mark.parametrize("name", sorted((set(FAMILIES) - SLOW) | set(INFORMATION_SCORES)))
@pytest.mark.parametrize("kinds", [None, KINDS], ids=["guessed", "given"])
def test_scores_of_whole_numbers_do_not_depend_on_their_type(name, kinds):
    settings = {"scores": [name], "kinds": kinds, "repeats": 0, "costly_repeats": 0}
    variance = torch.full_like(CODES, 0.04)
    whole = score_panel(CODES, WHOLE, variance=variance, **settings)
    assert whole
    for kind in (torch.float32, torch.uint8):
        assert score_panel(CODES, WHOLE.to(kind), variance=variance, **settings) == whole


@pytest.mark.parametrize("name", sorted((set(FAMILIES) - SLOW) | set(INFORMATION_SCORES)))
def test_truth_values_are_classes_of_every_score(name):
    truth = WHOLE.gt(torch.tensor([1, 2, 5]))
    variance = torch.full_like(CODES, 0.04)
    settings = {"scores": [name], "repeats": 0, "costly_repeats": 0, "variance": variance}
    named = ["categorical"] * 3
    assert score_panel(CODES, truth, **settings) == score_panel(
        CODES, truth.long(), kinds=named, **settings
    )


def test_the_metric_object_guesses_from_all_rows():
    metric = PanelMetric(["sap", "mig"])
    metric.update(CODES[:5], WHOLE[:5].float())
    metric.update(CODES[5:], WHOLE[5:].float())
    expected = score_panel(CODES, WHOLE, scores=["sap", "mig"], repeats=0, costly_repeats=0)
    assert {n: v.item() for n, v in metric.compute().items()} == {
        name: found.score for name, found in expected.items()
    }


@pytest.mark.parametrize("convention", ["dlib", "dcf", "ksg"])
def test_gaps_of_whole_floats_are_those_of_integers(convention):
    for kinds in (None, KINDS):
        settings = {"convention": convention, "kinds": kinds}
        expected = information_gaps(CODES, WHOLE, **settings)
        found = information_gaps(CODES, WHOLE.float(), **settings)
        assert torch.equal(found.information, expected.information)
        assert torch.equal(found.entropies, expected.entropies)


@pytest.mark.parametrize("score", ["sap_discrete", "explicitness"])
def test_functions_take_whole_floats_as_classes(score):
    function = getattr(metrics, score)
    assert function(CODES, WHOLE.double()).score == function(CODES, WHOLE).score
    with pytest.raises(ValueError, match="classes are needed"):
        function(CODES, WHOLE + NOISE[:, :3])


def test_dci_of_whole_floats_is_that_of_integers():
    for probe in ("linear", "boosted"):
        parts = [
            metrics.dci(CODES[:300], f[:300], CODES[300:], f[300:], probe=probe)
            for f in (WHOLE, WHOLE.float())
        ]
        assert parts[0].informativeness == parts[1].informativeness
        assert torch.equal(parts[0].importances, parts[1].importances)
