"""What the documents say of the code is there."""

import importlib
import inspect
import re
from pathlib import Path

import pytest

HOUSE = (Path(__file__).parents[1] / "docs" / "house.md").read_text(encoding="utf-8")
NAMES = sorted(set(re.findall(r"`(vaescope(?:\.\w+)+)`", HOUSE)))


def found(dotted):
    """The object of a dotted name."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        try:
            value = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for name in parts[length:]:
            value = getattr(value, name)
        return value
    raise ModuleNotFoundError(dotted)


@pytest.mark.parametrize("name", NAMES)
def test_every_name_of_the_house_exists(name):
    assert found(name) is not None


@pytest.mark.parametrize("title", ["How a batch is made", "How a score is logged"])
def test_a_way_has_at_most_six_calls(title):
    section = HOUSE.split(f"## {title}\n")[1].split("\n## ")[0]
    calls = re.findall(r"^(\d+)\. (.*)$", section, re.MULTILINE)
    assert [int(number) for number, _ in calls] == list(range(1, len(calls) + 1))
    assert 1 < len(calls) <= 6
    assert all(text.startswith("`vaescope.") for _, text in calls)


def test_no_function_stands_between_the_calls_of_an_evaluation():
    """Each call of the list is made by the code of one that is listed before it."""
    section = HOUSE.split("## How a score is logged\n")[1]
    names = re.findall(r"^\d+\. `([\w.]+)`", section, re.MULTILINE)
    for place, name in enumerate(names[1:], 1):
        called = name.rpartition(".")[2].replace("__call__", "statistic")
        before = "".join(inspect.getsource(found(one)) for one in names[:place])
        assert re.search(rf"\b{called}\(", before), name
