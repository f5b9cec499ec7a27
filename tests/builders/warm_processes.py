"""Processes that are forked from one which has imported torch: the import takes seconds of each."""

import atexit
import multiprocessing
import os
import shutil
import subprocess
import tempfile
import threading
import types
from pathlib import Path

import torch

from vaescope.cli import main
from vaescope.sweeps.job_processes import PRELOADED, _without_main

STARTING = threading.Lock()
# a thread, a wide terminal, and jobs of Ray that do not wait for what else the machine does
SMALL = {"OMP_NUM_THREADS": "1", "COLUMNS": "200", "RAY_worker_niceness": "0"}


class WarmProcess:
    """A function in a process of its own, used as ``subprocess.Popen`` is.

    Args:
        function: that can be imported there, and its arguments.
        cwd: its folder.
        env: its environment.
        apart: whether what it prints on the two streams is told apart.
    """

    def __init__(self, function, *arguments, cwd, env, apart=False):
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([PRELOADED, "vaescope.sweeps.reporting"])
        self._printed = Path(tempfile.mkdtemp(prefix="printed-"))
        files = [str(self._printed / name) for name in ("out", "err" if apart else "out")]
        given = (function, arguments, str(cwd), dict(env), files)
        self._process = context.Process(target=_run, args=given)
        with STARTING, _without_main():
            self._process.start()
        self.pid = self._process.pid

    @property
    def returncode(self):
        return self._process.exitcode

    def poll(self):
        return self._process.exitcode

    def kill(self):
        self._process.kill()

    def send_signal(self, number):
        os.kill(self.pid, number)

    def printed(self, stream="out"):
        """What it has printed until now."""
        path = self._printed / stream
        return path.read_text() if path.exists() else ""

    def communicate(self, timeout=None):
        """Wait for its end; what it has printed on each stream."""
        self._process.join(timeout)
        told = self.printed(), self.printed("err")
        if self.poll() is None:
            self.kill()
            raise subprocess.TimeoutExpired(str(self.pid), timeout, *told)
        shutil.rmtree(self._printed)
        return told


def _run(function, arguments, cwd, env, files):
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    for path, number in zip(files, (1, 2), strict=True):
        with open(path, "ab") as file:
            os.dup2(file.fileno(), number)
    multiprocessing.set_start_method(None, force=True)  # as in a process that is started
    torch.set_num_threads(1)
    try:
        function(*arguments)
    finally:  # as where a process ends; of one that was forked Python leaves it out
        threading._shutdown()
        atexit._run_exitfuncs()


def run_vaescope(folder, *words, code=0, timeout=300, **environment):
    """Run ``vaescope WORDS`` in a folder to its end; what it printed."""
    process = WarmProcess(
        main, list(words), cwd=folder, env=os.environ | SMALL | environment, apart=True
    )
    out, err = process.communicate(timeout)
    assert process.returncode == code, out + err
    return types.SimpleNamespace(stdout=out, stderr=err)
