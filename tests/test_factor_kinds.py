"""The one rule for kinds of factors that nobody has named."""

import numpy as np
import pytest

from vaescope.factor_kinds import guessed_kind, holds_angles, is_whole


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (np.array([0, 3, 1]), "ordinal"),
        (np.array([0, 3], np.uint8), "ordinal"),
        (np.array([1.0, 2.0, -3.0]), "ordinal"),
        (np.array([1.0, 2.0], np.float16), "ordinal"),
        (np.array([1.0, 2.5]), "continuous"),
        (np.array([1.0, np.nan]), "continuous"),
        (np.array([1.0, np.inf]), "continuous"),
        (np.array([True, False]), "categorical"),
        (np.array(["1", "2"]), "categorical"),
        (np.array([b"a", b"b"]), "categorical"),
    ],
)
def test_kind_of_a_column(column, kind):
    assert guessed_kind(column) == kind
    assert is_whole(column) == (kind == "ordinal" or column.dtype == bool)


def test_whole_numbers_are_places_on_a_circle_whatever_their_type():
    places = np.array([0, 1, 2])
    for column in (places, places.astype(float), places.astype(np.float32)):
        assert not holds_angles(column, "circular")
    assert holds_angles(places * 2.1, "circular")
    assert not holds_angles(places * 2.1, "continuous")
