"""Records of scores: one each, complete, and of things that there are."""

import inspect

import pytest
import torch

from vaescope.metrics import family_of_table, information_table
from vaescope.panel import computations
from vaescope.scores import (
    CHIEF_SCORES,
    CONTEXT,
    DEFAULT_SCORES,
    FAMILIES,
    INFORMATION_SCORES,
    LOGGED,
    PANEL_SCORES,
    STATISTICS,
    heading,
    record_of,
)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_names_a_function_that_takes_its_options(name):
    function = getattr(computations, FAMILIES[name].function or name)
    inspect.signature(function).bind("sample", **FAMILIES[name].options)


def test_every_public_function_of_the_panel_belongs_to_a_family():
    named = {family.function or family.name for family in FAMILIES.values()}
    here = vars(computations).items()
    functions = {n for n, f in here if getattr(f, "__module__", "") == computations.__name__}
    assert {name for name in functions if not name.startswith("_")} == named


def test_scores_of_information_are_those_of_their_table():
    table = information_table(torch.randn(50, 2), torch.randint(3, (50, 2)))
    assert family_of_table(table).keys() == set(INFORMATION_SCORES)


@pytest.mark.parametrize("name", PANEL_SCORES)
def test_a_score_of_the_panel_is_told_in_full(name):
    score = PANEL_SCORES[name]
    assert all((score.meaning, score.moved_by, score.range, score.family.convention))
    for end in CONTEXT:
        assert record_of(f"test/{name}_{end}").good is None


def test_a_number_has_one_record_wherever_it_is_logged():
    for scores in STATISTICS.values():
        for score in scores:
            assert PANEL_SCORES.get(score.name, score) is score is LOGGED[score.name]


def test_lists_of_scores_name_records():
    assert {*CHIEF_SCORES} <= {*LOGGED, *PANEL_SCORES}
    assert {*DEFAULT_SCORES} <= {*FAMILIES, *INFORMATION_SCORES}


def test_headings_are_the_papers_symbols():
    assert heading("test/mig") == "MIG"
    assert heading("test/dto_active") == "DtO, active latents"
    assert heading("test/dto_active_chance") == "DtO active chance"
    assert record_of("val/nothing_of_ours") is None
