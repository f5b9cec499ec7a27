"""What all tests share: one thread, no wandb account, and configurations composed as by a user."""

import contextlib
import ctypes
import logging
import os
import signal
import sys
from pathlib import Path

os.environ.setdefault("WANDB_MODE", "offline")
os.environ.setdefault("WANDB_SILENT", "true")

import hypothesis
import numpy as np
import pytest
import torch

from vaescope.cli import main

torch.set_num_threads(1)
hypothesis.settings.register_profile("fixed", derandomize=True)  # the same examples every time
hypothesis.settings.load_profile("fixed")
HANDLERS = {  # as in a terminal, though nohup and background jobs ignore some of them
    number: signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")
    if (number := getattr(signal, name, None)) is not None
}
LONG = 300  # lines of a file of the sources that is better cut


@pytest.fixture(autouse=True)
def seeded():
    """Random inputs of a test are the same on every machine and in every order of the tests."""
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 # of libraries that draw from the global generator


@pytest.fixture(autouse=True)
def handlers_of_signals():
    """Each test has the defaults; Lightning leaves its own behind where a training fails."""
    for number, handler in HANDLERS.items():
        signal.signal(number, handler)


@pytest.fixture(autouse=True)
def closed_logs():
    """A command that ran in this process leaves the file of its log open."""
    yield
    root = logging.getLogger()
    for handler in [one for one in root.handlers if isinstance(one, logging.FileHandler)]:
        root.removeHandler(handler)
        handler.close()


@pytest.fixture(autouse=True, scope="module")
def trimmed():
    """What the tests of a module have freed goes back to the system; glibc would keep it."""
    yield
    with contextlib.suppress(OSError, AttributeError):  # another system's library
        ctypes.CDLL(None).malloc_trim(0)


@pytest.fixture
def config(tmp_path):
    """Factory ``config(*overrides, name="train")`` of composed configurations for tmp_path.

    The machine's own ``conf/local/default.yaml`` is left out.
    """
    from builders.composition import composed

    def compose(*overrides, name="train"):
        return composed(name, [f"output_dir='{tmp_path}'", *overrides])

    return compose


def pytest_addoption(parser):
    parser.addoption("--update-golden", action="store_true", help="write the loss curves anew")
    parser.addoption(
        "--update-tables", action="store_true", help="write the documents' tables anew"
    )


def pytest_terminal_summary(terminalreporter):
    """Long files of the sources are told, not refused: one line a run."""
    import vaescope

    room = Path(vaescope.__file__).parent
    lengths = {path: len(path.read_bytes().splitlines()) for path in room.rglob("*.py")}
    long = [f"{path.relative_to(room)} ({n})" for path, n in lengths.items() if n > LONG]
    if long:
        terminalreporter.write_line(f"files over {LONG} lines: {', '.join(sorted(long))}")


@pytest.fixture
def update_golden(request):
    return request.config.getoption("--update-golden")


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Run a command line in this process, in ``tmp_path``; returns what it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [])

    def run(*words, code=0):
        try:
            main(list(words))
            ended = 0
        except SystemExit as end:
            ended = end.code or 0
        told = capsys.readouterr()
        assert ended == code, told.out + told.err
        assert "Traceback" not in told.err
        return told

    return run
