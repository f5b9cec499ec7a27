"""Small files in the true formats: fetched from a local server, converted, trained on."""

import functools
import http.server
import importlib
import json
import shutil
import threading
from pathlib import Path

import pytest

from builders import miniature
from builders.thinned import thinned
from vaescope.commands.data_sets import verify
from vaescope.commands.fetching import fetch
from vaescope.experiment.training import train

pytestmark = pytest.mark.usefixtures("no_figures")  # nobody reads them

FOLDER = Path(miniature.__file__).parent
NAMES = [path.stem for path in sorted(FOLDER.glob("*.py")) if path.stem != "__init__"]
MODULES = {name: importlib.import_module(f"builders.miniature.{name}") for name in NAMES}
CASES = [
    (name, option)
    for name, module in MODULES.items()
    for option in ([f"{name}_{v}" for v in module.VARIANTS] if name == "mpi3d" else [name])
]
# an archive, a file of arrays, folders, own data
KEPT = {
    ("cars3d", "cars3d"),
    ("mpi3d", "mpi3d_toy"),
    ("falcor3d", "falcor3d"),
    ("arrays", "arrays"),
}


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def served(tmp_path):
    """A folder whose files a local server gives out, and the server's address."""
    folder = tmp_path / "server"
    folder.mkdir()
    handler = functools.partial(Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def words_of(name, option, folder):
    module = MODULES[name]
    variant = option.removeprefix(name).removeprefix("_")
    return module.overrides(folder, *([variant] if variant else []))


@pytest.mark.parametrize("case", thinned(CASES, KEPT), ids=[o for _, o in CASES])
def test_fetch_convert_train(monkeypatch, config, tiny, served, tmp_path, capsys, case):
    name, option = case
    module, (server, address) = MODULES[name], served
    written, data_dir = tmp_path / "written", tmp_path / "data"
    module.shrink(monkeypatch, written)
    is_own = not hasattr(module, "DATASET")
    if is_own or name in ("falcor3d", "isaac3d"):  # folders; nothing that could be fetched
        shutil.copytree(written, data_dir)
    else:
        for path in written.rglob("*"):
            if path.is_file():
                shutil.copy(path, server)
        words = words_of(name, option, data_dir)
        fetch(config("action=fetch", f"mirror={address}", *words, name="data"))
        assert "images, " in capsys.readouterr().out
        verify(config("action=verify", *words, name="data"))
        has_checksum = option not in ("mpi3d_complex", "mpi3d_challenge")
        printed = capsys.readouterr().out
        assert ("that of the published file" in printed) == has_checksum
        assert ("none was published" in printed) == (not has_checksum)
    run = tmp_path / "run"
    rows = train(
        tiny(
            run,
            *words_of(name, option, data_dir),
            "trainer.max_steps=20",
            "data.batch_size=8",
            "callbacks.evaluation.every_n_steps=10",
        )
    )
    assert rows[0]["step"] == 20
    assert json.loads((run / "scores.json").read_text())["about"]["data_source"]
    assert (run / "report.html").stat().st_size > 10_000
