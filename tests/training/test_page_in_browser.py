"""The page of a run in headless Chromium: silent, alone, movable, no wider than the screen."""

import html
import json
import re
import shutil
import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch

from vaescope.experiment.assembly import load_model
from vaescope.experiment.training import train

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
WIDTHS = (400, 1280)
HARNESS = """<!doctype html><title>harness</title><link rel="icon" href="data:,"><body><script>
(async () => {
  const told = {}, wait = (ms) => new Promise((done) => setTimeout(done, ms));
  for (const width of WIDTHS) {
    const frame = document.createElement("iframe");
    frame.style = `width:${width}px;height:800px;border:0`;
    frame.src = "run/report.html";
    document.body.append(frame);
    await new Promise((done) => frame.addEventListener("load", done));
    await wait(2000);
    const page = frame.contentDocument, canvas = page.querySelector("#live canvas");
    const sliders = [...page.querySelectorAll("#live input")], before = canvas.toDataURL();
    sliders[0].value = 2.5;
    sliders[0].dispatchEvent(new Event("input"));
    await wait(2000);
    const after = canvas.toDataURL();
    page.querySelector("#live .seen > button").click();
    await wait(2000);
    const back = canvas.toDataURL();
    page.querySelector("#live .direction button").click();
    await wait(2000);
    const chart = page.querySelector("svg[data-chart]");
    chart.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft" }));
    told[width] = {
      wide: page.documentElement.scrollWidth, sliders: sliders.length,
      moved: before !== after, returned: before === back, stepped: canvas.toDataURL() !== back,
      values: page.querySelector(".chart .values").textContent,
      requests: frame.contentWindow.performance.getEntriesByType("resource").map((e) => e.name),
    };
    const live = JSON.parse(page.getElementById("live-data").textContent);
    const page_ = frame.contentWindow;
    told.images = live.codes.map((code) =>
      Array.from(page_.decode(live.layers, page_.weightsOf(live.weights), code).values));
    told.codes = live.codes;
  }
  const result = document.createElement("pre");
  result.id = "told";
  result.textContent = JSON.stringify(told);
  document.body.replaceChildren(result);
})();
</script>"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="Chromium is not installed (Debian: chromium)"),
]


class Silent(SimpleHTTPRequestHandler):
    """Files of a folder; what was asked for is kept."""

    asked: list[str] = []  # noqa: RUF012 # of the class: a handler is made for each request

    def log_message(self, format, *args):
        self.asked.append(self.path)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("browser")


@pytest.fixture
def told(root, tiny):
    """What the page says of itself at each width, and all that the browser wrote to its log."""
    kept = root / "told.json"
    if not kept.exists():
        words = ("network=conv64", "model=autoencoder", "optimizer.lr=3e-3")
        train(tiny(root / "run", *words, "trainer.max_steps=40"))
        (root / "harness.html").write_text(HARNESS.replace("WIDTHS", json.dumps(WIDTHS)))
        kept.write_text(json.dumps(browsed(root)))
    return json.loads(kept.read_text())


def browsed(root):
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(root)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    words = (
        *("--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"),
        *("--virtual-time-budget=60000", f"--user-data-dir={root / 'profile'}", "--dump-dom"),
        f"http://127.0.0.1:{server.server_port}/harness.html",
    )
    done = subprocess.run([BROWSER, *words], capture_output=True, text=True, timeout=400)
    server.shutdown()
    server.server_close()
    (found,) = re.findall('<pre id="told">(.*?)</pre>', done.stdout, flags=re.S)
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return {**json.loads(html.unescape(found)), "console": console, "asked": Silent.asked}


def test_the_page_asks_for_nothing_and_says_nothing(told, root):
    assert (root / "run" / "report.html").stat().st_size < 3_000_000
    assert told["console"] == []
    assert sorted(told["asked"]) == ["/harness.html", "/run/report.html", "/run/report.html"]
    for width in WIDTHS:
        assert [r for r in told[str(width)]["requests"] if not r.startswith("data:")] == []


@pytest.mark.parametrize("width", WIDTHS)
def test_sliders_and_steps_move_the_image_and_a_button_brings_it_back(told, width):
    found = told[str(width)]
    assert found["sliders"] >= 1
    assert found["moved"]
    assert found["returned"]
    assert found["stepped"]
    assert re.match(r"after [\d,]+ updates\S", found["values"])


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_screen(told, width):
    assert told[str(width)]["wide"] <= width


def test_the_browser_decodes_as_torch(told, root):
    """Within 5e-3 on the scale from 0 to 1, of a dozen images."""
    model, _ = load_model(root / "run" / "checkpoints" / "last.ckpt")
    codes, images = torch.tensor(told["codes"]), torch.tensor(told["images"])
    assert len(images) == 12
    with torch.no_grad():
        expected = model.decode_mean(codes).flatten(1)
    assert float((images - expected).abs().max()) < 5e-3
