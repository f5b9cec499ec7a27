"""Tables of the result pages are those that the files of results beside them make.

``pytest tests/reproduction/test_results_pages.py --update-tables`` writes them anew, between
``<!-- results: NAME -->`` and ``<!-- end of results -->``.
"""

import re

import pytest

from builders.results_pages import (
    BLOCKS,
    CONF,
    EVERY,
    PAPERS,
    RESULTS,
    evidence_of,
    headlines,
    package_of,
    plan_of,
)
from vaescope.reproduction.plan import planned_runs

PLACE = re.compile(r"(<!-- results: (\w+) -->\n)(.*?)(\n?<!-- end of results -->)", re.DOTALL)
PAGES = sorted(path for path in RESULTS.glob("*.md") if PLACE.search(path.read_text("utf-8")))
LARGEST = 150_000


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_pages_are_those_of_the_files(page, request):
    text = page.read_text(encoding="utf-8")
    made = PLACE.sub(lambda m: m[1] + "\n".join(BLOCKS[m[2]]()) + "\n" + m[4].lstrip(), text)
    if request.config.getoption("--update-tables"):
        page.write_text(made, encoding="utf-8")
    else:
        assert made == text, f"pytest {request.path.name} --update-tables"


@pytest.mark.parametrize("paper", EVERY)
def test_the_files_are_small_and_of_runs_that_are_planned(paper):
    for file in RESULTS.glob(f"{paper}-*.json"):
        assert file.stat().st_size < LARGEST, file
    for evidence in evidence_of(paper):
        planned = planned_runs(paper, plan_of(paper), evidence.scale, CONF)
        assert set(evidence.results) <= {run.name for run in planned}


def test_every_headline_names_a_claim_and_all_claims_are_named():
    named = [(entry["paper"], entry["judged"]) for entry in headlines()]
    there = [(p, n) for p in PAPERS for n in range(1, len(package_of(p).claims) + 1)]
    assert sorted(named) == sorted(there)
