"""Over-pruning: the rule on counts, and what tables and pages say of rows."""

import pytest

from vaescope.scores import flag_of, is_over_pruned, over_pruned_share, over_pruning_note

PRUNED, WHOLE, UNDEFINED = ({"test/over_pruned": flag} for flag in (1.0, 0.0, None))


@pytest.mark.parametrize(
    ("active", "varying", "expected"),
    [(4, 5, True), (5, 5, False), (6, 5, False), (0, 1, True), (0, 0, None)],
)
def test_fewer_latents_than_factors(active, varying, expected):
    assert is_over_pruned(active, varying) is expected


@pytest.mark.parametrize(
    ("rows", "share"),
    [
        ([PRUNED], "yes"),
        ([WHOLE], "no"),
        ([WHOLE, WHOLE], "no"),
        ([PRUNED, WHOLE, PRUNED], "2 of 3"),
        ([UNDEFINED], "not defined"),
        ([UNDEFINED, UNDEFINED], "not defined"),
        ([PRUNED, UNDEFINED], "1 of 1"),  # of those that have a flag
        ([{"test/mig": 0.5}], ""),  # measured before there was one
        ([], ""),
    ],
)
def test_the_share_of_rows(rows, share):
    assert over_pruned_share(rows) == share


def test_the_sentence_names_seeds_and_is_silent_if_all_is_well():
    assert over_pruning_note([WHOLE]) == over_pruning_note([{"test/mig": 0.5}]) == ""
    assert over_pruning_note([PRUNED]).startswith("Over-pruned: fewer active latents")
    rows = [row | {"seed": seed} for seed, row in enumerate((WHOLE, PRUNED, PRUNED))]
    assert over_pruning_note(rows).startswith("Over-pruned, 2 of 3 seeds (1, 2): fewer")
    assert "not defined" in over_pruning_note([UNDEFINED])


def test_any_part_of_the_data_has_the_flag():
    assert flag_of({"held_out/over_pruned": 1.0, "step": 3}) is True
    assert flag_of({"over_pruned_untrained": 1.0}) is None
