"""The comparison in headless Chromium: silent, sorted, filtered, no wider than the screen."""

import html
import json
import re
import shutil
import subprocess

import pytest
from scipy.stats import spearmanr

from builders.finished_runs import leave, plain
from vaescope.report.comparison.page import compare

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
PROBE = """<script>
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
const result = document.createElement("pre");
result.id = "told";
result.textContent = JSON.stringify(told);
document.body.append(result);
</script></body>"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="Chromium is not installed (Debian: chromium)"),
]


def test_the_table_sorts_and_filters_and_scores_are_drawn(tmp_path):
    for number, (lr, mig) in enumerate([(0.001, 0.3), (0.0005, 0.1), (0.02, 0.2)]):
        scores = {"mig": [mig, mig], "dto_active": [1 - mig, 0.5]}
        leave(tmp_path / f"runs/{number}", scores, optimizer__lr=lr)
    page = compare(plain(tmp_path / "runs", tmp_path / "out"))
    page.write_text(page.read_text().replace("</body>", PROBE))
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]
    flags += ["--virtual-time-budget=4000", "--window-size=500,900", "--dump-dom"]
    words = [BROWSER, *flags, f"--user-data-dir={tmp_path / 'profile'}", f"file://{page}"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=200, check=True)
    told = json.loads(html.unescape(re.search(r'<pre id="told">(.*?)</pre>', done.stdout)[1]))
    assert "CONSOLE" not in done.stderr
    assert told["up"] == ["0.1", "0.2", "0.3"] == told["down"][::-1]
    assert told["order"] == "ascending"
    assert told["settings"] == [f"optimizer.lr={lr}" for lr in ("0.0005", "0.001", "0.02")]
    assert (told["shown"], told["dots"]) == ("1 of 3 groups", 6)
    expected = spearmanr([1, 2, 3, 4, 5, 6], [1, 3, 2, 4, 6, 6]).statistic
    assert told["r"]["r"] == pytest.approx(expected)
    assert told["r"]["low"] < expected < told["r"]["high"]
    assert told["constant"] is None
    assert told["wide"] <= 0
