"""Scores of the user's in the panel."""

import pytest
import torch

from vaescope.errors import ConfigError
from vaescope.panel import score_panel
from vaescope.scores import FAMILIES, PANEL_SCORES, Family, direction_of, panel_score, record_of
from vaescope.scores.lookup import RECORDS
from vaescope.statistics import PanelScores


def spread(sample, power=1):
    return sample.codes.std() ** power


def own(name="spread", function=spread, **options):
    family = Family(name, "ours", function, options, supervised=False)
    return panel_score(family, name, "how far codes are spread", "scale", "0 upward", good="low")


@pytest.fixture(autouse=True)
def forgotten():
    yield
    for records in (FAMILIES, PANEL_SCORES, RECORDS):
        records.pop("spread", None)


def test_an_own_score_is_measured_and_found_by_its_name():
    codes, factors = torch.randn(200, 3), torch.randint(0, 3, (200, 2))
    assert PanelScores(["mig"], own={"x": own()}).scores == ("mig", "spread")
    found = score_panel(codes, factors, scores="spread", repeats=3)["spread"]
    assert found.score == pytest.approx(float(codes.std()))
    assert found.low < found.score < found.high
    assert found.convention == "ours"
    assert found.chance is None
    assert direction_of("val/spread") == "minimize"
    assert record_of("test/spread_low").meaning == "lower end of the interval of spread"
    PanelScores(["mig"], own={"x": own(power=2)})  # another job of the same process
    found = score_panel(codes, factors, scores="spread", repeats=0)["spread"]
    assert found.score == pytest.approx(float(codes.var()))


@pytest.mark.parametrize(
    ("score", "told"),
    [
        (own("mig"), "score mig: vaescope has one of this name"),
        (own("dci"), "score dci: vaescope has one of this name"),
        (own("loss"), "score loss: vaescope has one of this name"),
        (own(function=""), "score spread: its family has to have its name and the function"),
        ([spread], r"own\.x: list is no score; name a function that returns"),
    ],
)
def test_what_is_no_score_or_one_of_ours_is_refused(score, told):
    before = dict(RECORDS)
    with pytest.raises(ConfigError, match=told):
        PanelScores(["mig"], own={"x": score})
    assert before == RECORDS
