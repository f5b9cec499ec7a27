"""The page of a run in headless Chromium: silent, alone, movable, no wider than screen or paper."""

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

from vaescope.experiment import decoder_in_page
from vaescope.experiment.assembly import load_model
from vaescope.experiment.evaluation import evaluate
from vaescope.experiment.training import train
from vaescope.report.run.page import write_report
from vaescope.run_folder.decoder_file import read_decoders, write_decoders

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
WIDTHS = (400, 1280)
HARNESS = """<!doctype html><title>harness</title><link rel="icon" href="data:,"><body><script>
(async () => {
  const told = {}, wait = (ms) => new Promise((done) => setTimeout(done, ms));
  for (const name of ["run", "before"]) for (const width of WIDTHS) {
    const frame = document.createElement("iframe");
    frame.style = `width:${width}px;height:800px;border:0`;
    frame.src = `${name}/report.html`;
    document.body.append(frame);
    await new Promise((done) => frame.addEventListener("load", done));
    const content = frame.contentDocument.getElementById("live-data").textContent;
    const [live] = JSON.parse(content).members;
    for (const text of Object.values(live.starts?.[0] ?? {})) {  // behind those of the page
      const picture = new Image();
      picture.src = `data:image/png;base64,${text}`;
      await picture.decode();
    }
    await wait(2000);
    const page = frame.contentDocument, canvas = page.querySelector("#live canvas");
    const sliders = [...page.querySelectorAll("#live input")], before = canvas.toDataURL();
    const text = (selector) => page.querySelector(selector).textContent;
    const move = async (slider, value) => {
      slider.value = value;
      slider.dispatchEvent(new Event("input"));
      await wait(2000);
    };
    await move(sliders[0], 2.5);
    const after = canvas.toDataURL(), moved = text("#live figure:last-child figcaption");
    const where = text("#live .directions p");
    if (sliders.length > 1) await move(sliders[1], -1.5);
    const both = text("#live figure:last-child figcaption");
    page.querySelector("#live .seen > button").click();
    await wait(2000);
    const back = canvas.toDataURL();
    page.querySelector("#live .direction button")?.click();
    await wait(2000);
    const stepped = canvas.toDataURL() !== back;
    const chooser = page.querySelector("#live-seed"), chosen = [];
    for (const number of chooser ? [1, 0] : []) {
      page.querySelectorAll("#live .thumbnails button")[2].click();
      chooser.selectedIndex = number;
      chooser.dispatchEvent(new Event("change"));
      await wait(2000);
      const place = page.querySelectorAll('#live .thumbnails [aria-pressed="true"]');
      chosen.push({ image: page.querySelector("#live canvas").toDataURL(),
        sliders: page.querySelectorAll("#live input").length, pressed: place.length });
    }
    const chart = page.querySelector("svg[data-chart]");
    chart?.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft" }));
    told[`${name} ${width}`] = {
      wide: page.documentElement.scrollWidth, sliders: sliders.length,
      captions: [moved, both], where,
      moved: before !== after, returned: before === back, stepped,
      values: chart && text(".chart .values"), chosen,
      requests: frame.contentWindow.performance.getEntriesByType("resource").map((e) => e.name),
    };
    if (name === "before") continue;
    const script = frame.contentWindow, weights = script.weightsOf(live);
    const decoded = (code) => Array.from(script.decode(live.layers, weights, code).values);
    told.images = live.codes.map(decoded);
    told.codes = live.codes;
  }
  const paper = document.createElement("iframe");
  paper.style = "width:703px;height:800px;border:0";  // between the margins of A4
  paper.src = "paper.html";
  document.body.append(paper);
  await new Promise((done) => paper.addEventListener("load", done));
  await wait(2000);
  const page = paper.contentDocument, heights = (selector) =>
    [...page.querySelectorAll(selector)].map((each) => each.offsetHeight);
  told.paper = { wide: page.documentElement.scrollWidth, live: heights("#live, .only-screen"),
    folded: heights("details:not(.only-screen) > :not(summary)"), meanings: heights(".meaning") };
  const result = document.createElement("pre");
  result.id = "told";
  result.textContent = JSON.stringify(told);
  document.body.replaceChildren(result);
})();
</script>"""
WINDOWS = [f"{name} {width}" for name in ("run", "before") for width in WIDTHS]

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
def told(root, tiny, config, monkeypatch):
    """What each page says of itself at each width, and all that the browser wrote to its log.

    The page ``run`` runs its decoder; that of ``before`` has images that were decoded beforehand.
    """
    kept = root / "told.json"
    if not kept.exists():
        words = ("network=conv64", "model=autoencoder", "optimizer.lr=3e-3")
        train(tiny(root / "run", *words, "trainer.max_steps=40"))
        leave_another_member(root / "run")
        monkeypatch.setattr(decoder_in_page, "_network", lambda model: None)
        checkpoint = f"checkpoint='{root / 'run' / 'checkpoints' / 'last.ckpt'}'"
        evaluate(config(checkpoint, f"output_dir='{root / 'before'}'", name="evaluate"))
        page = (root / "run" / "report.html").read_text()
        (root / "paper.html").write_text(page.replace("@media print", "@media all"))
        (root / "harness.html").write_text(HARNESS.replace("WIDTHS", json.dumps(WIDTHS)))
        kept.write_text(json.dumps(browsed(root)))
    return json.loads(kept.read_text())


def leave_another_member(run):
    """As an ensemble would: the same decoder once more, whose images have each other's codes."""
    (first,) = read_decoders(run)
    other = first | {"codes": first["codes"][::-1], "latents": first["latents"] | {"seed": 1}}
    write_decoders(run, [first, other])
    write_report(run)


def browsed(root):
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(root)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    words = (
        *("--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"),
        # the harness waits for 50 s of that time, which takes less where nothing is to be done
        *("--virtual-time-budget=300000", f"--user-data-dir={root / 'profile'}", "--dump-dom"),
        f"http://127.0.0.1:{server.server_port}/harness.html",
    )
    done = subprocess.run([BROWSER, *words], capture_output=True, text=True, timeout=400)
    server.shutdown()
    server.server_close()
    (found,) = re.findall('<pre id="told">(.*?)</pre>', done.stdout, flags=re.S)
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return {**json.loads(html.unescape(found)), "console": console, "asked": Silent.asked}


def test_the_pages_ask_for_nothing_and_say_nothing(told, root):
    assert (root / "run" / "report.html").stat().st_size < 3_000_000
    assert told["console"] == []
    pages = {"/run/report.html", "/before/report.html"}
    assert {*told["asked"]} == {"/harness.html", "/paper.html", *pages}
    for window in WINDOWS:
        assert [r for r in told[window]["requests"] if not r.startswith("data:")] == []


@pytest.mark.parametrize("window", WINDOWS)
def test_sliders_move_the_image_and_a_button_brings_it_back(told, window):
    found = told[window]
    assert found["sliders"] >= 2
    assert found["moved"]
    assert found["returned"]


@pytest.mark.parametrize("window", WINDOWS[:2])
def test_directions_are_those_where_the_sliders_stand(told, window):
    assert told[window]["where"] == "At this code, the strongest first:"
    assert told[window]["stepped"]
    assert re.match(r"after [\d,]+ updates\S", told[window]["values"])


@pytest.mark.parametrize("window", WINDOWS[:2])
def test_another_member_is_chosen_at_the_same_image(told, window):
    other, first = told[window]["chosen"]
    assert other["image"] != first["image"]
    assert (other["sliders"], other["pressed"]) == (first["sliders"], 1)


@pytest.mark.parametrize("window", WINDOWS[2:])
def test_images_decoded_beforehand_say_where_they_are_a_sum(told, window):
    one, both = told[window]["captions"]
    assert re.match(r"decoded beforehand: z\d+ = \d", one)
    assert both == "the sum of 2 changes that were decoded beforehand, one by one"
    assert told[window]["where"] == "At the image's code, the strongest first:"


@pytest.mark.parametrize("window", WINDOWS)
def test_nothing_is_wider_than_the_screen(told, window):
    assert told[window]["wide"] <= int(window.split()[1])


def test_on_paper_nothing_is_cut_or_folded_and_no_slider_is_left(told):
    found = told["paper"]
    assert found["wide"] <= 703
    assert found["live"]
    assert not any(found["live"])
    assert found["folded"]
    assert all(found["folded"])
    assert all(found["meanings"])


def test_the_browser_decodes_as_torch(told, root):
    """Within 1e-3 on the scale from 0 to 1, of a dozen images."""
    model, _ = load_model(root / "run" / "checkpoints" / "last.ckpt")
    codes, images = torch.tensor(told["codes"]), torch.tensor(told["images"])
    assert len(images) == 12
    with torch.no_grad():
        expected = model.decode_mean(codes).flatten(1)
    assert float((images - expected).abs().max()) < 1e-3
