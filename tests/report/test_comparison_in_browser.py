"""The comparison in headless Chromium: silent, sorted, filtered, no wider than screen or paper."""

import html
import json
import re
import shutil
import subprocess

import pytest
from scipy.stats import spearmanr

from builders.finished_runs import leave, plain
from vaescope.report.comparison.page import ABOUT, compare
from vaescope.scores import CHIEF_SCORES

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
TELL = """
const result = document.createElement("pre");
result.id = "told";
result.textContent = JSON.stringify(told);
document.body.append(result);
"""
SORTED = """
const told = {}, heads = [...document.querySelectorAll("table.groups th")];
const column = (at) => [...document.querySelectorAll("table.groups tbody tr")].map((row) =>
  row.cells[at].dataset.value ?? row.cells[at].textContent);
const sorted = (at) => { heads[at].querySelector("button").click(); return column(at); };
told.up = sorted(6);
told.order = heads[6].getAttribute("aria-sort");
told.down = sorted(6);
told.settings = sorted(2);
const field = document.querySelector("#filter");
field.value = "LR=0.0005";
field.dispatchEvent(new Event("input"));
told.shown = document.querySelector("#shown").textContent;
told.r = rankCorrelation([1, 2, 3, 4, 5, 6], [1, 3, 2, 4, 6, 6]);
told.constant = rankCorrelation([1, 1, 1, 1, 1], [1, 2, 3, 4, 5]);
told.dots = document.querySelectorAll("#dots circle").length;
told.wide = document.documentElement.scrollWidth - window.innerWidth;
"""

COLUMNS = """
const told = {}, table = document.querySelector("table.groups"), box = table.parentElement;
const chooser = document.querySelector("#columns"), boxes = [...chooser.querySelectorAll("input")];
const heads = () => [...table.tHead.rows[0].cells].filter((each) => each.offsetWidth)
  .map((each) => each.textContent.trim());
told.first = heads();
told.fits = box.scrollWidth <= box.clientWidth;
boxes[0].click();
told.with = heads();
chooser.querySelector("[value=all]").click();
told.all = heads();
told.summary = chooser.querySelector("summary").textContent;
told.wide = document.documentElement.scrollWidth - window.innerWidth;
told.focusable = boxes.every((each) => each.tabIndex === 0);
"""
PAPER = """
const told = { wide: document.documentElement.scrollWidth - window.innerWidth,
  filter: document.querySelector(".filter").offsetHeight,
  chooser: document.querySelector("#columns").offsetHeight };
"""
LANDSCAPE = 1032  # pixels between the margins of A4

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="Chromium is not installed (Debian: chromium)"),
]


def told_by(page, probe, width, on="screen"):
    """What a script finds at the end of the page, in a window of this width."""
    text = page.read_text().replace("</body>", f"<script>{probe}{TELL}</script></body>")
    if on == "paper":
        text = text.replace("@media print", "@media all")
    probed = page.with_name("probed.html")
    probed.write_text(text)
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]
    flags += ["--virtual-time-budget=4000", f"--window-size={width},900", "--dump-dom"]
    words = [BROWSER, *flags, f"--user-data-dir={page.parent / 'profile'}", f"file://{probed}"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=200, check=True)
    assert "CONSOLE" not in done.stderr
    return json.loads(html.unescape(re.search(r'<pre id="told">(.*?)</pre>', done.stdout)[1]))


def test_the_table_sorts_and_filters_and_scores_are_drawn(tmp_path):
    for number, (lr, mig) in enumerate([(0.001, 0.3), (0.0005, 0.1), (0.02, 0.2)]):
        scores = {"mig": [mig, mig], "dto_active": [1 - mig, 0.5]}
        leave(tmp_path / f"runs/{number}", scores, optimizer__lr=lr)
    told = told_by(compare(plain(tmp_path / "runs", tmp_path / "out")), SORTED, 500)
    assert told["up"] == ["0.1", "0.2", "0.3"] == told["down"][::-1]
    assert told["order"] == "ascending"
    assert told["settings"] == [f"optimizer.lr={lr}" for lr in ("0.0005", "0.001", "0.02")]
    assert (told["shown"], told["dots"]) == ("1 of 3 groups", 6)
    expected = spearmanr([1, 2, 3, 4, 5, 6], [1, 3, 2, 4, 6, 6]).statistic
    assert told["r"]["r"] == pytest.approx(expected)
    assert told["r"]["low"] < expected < told["r"]["high"]
    assert told["constant"] is None
    assert told["wide"] <= 0


def test_columns_that_fit_are_shown_and_others_chosen(tmp_path):
    names = [key.removeprefix("test/") for key in CHIEF_SCORES]
    for number in range(2):
        scores = {name: [0.1 * number, 0.2] for name in names}
        scores |= {f"{name}_chance": [0.0, 0.0] for name in names}
        leave(tmp_path / f"runs/{number}", scores, optimizer__lr=10.0**-number)
    page = compare(plain(tmp_path / "runs", tmp_path / "out"))
    told = told_by(page, COLUMNS, 1280)
    count = len(told["all"])
    assert told["fits"]
    assert told["all"][:6] == list(ABOUT)
    same = [name for name in ABOUT if name not in told["first"]]
    assert same == ["updates", "over-pruned"]  # in all rows
    assert 4 + 3 <= len(told["first"]) < count
    assert not [name for name in told["first"] if "chance" in name]
    assert {*told["with"]} - {*told["first"]} == {"updates"}
    assert told["summary"] == f"Columns: {count} of {count}"
    assert told["focusable"]
    assert told["wide"] <= 0  # all of them scroll in their own box
    on_paper = told_by(page, PAPER, LANDSCAPE, on="paper")
    assert on_paper["wide"] <= 0
    assert on_paper["filter"] == on_paper["chooser"] == 0
