"""The leader's side of a run on several devices: start the other processes and end them."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import pytorch_lightning as pl

from vaescope.data import FactorDataModule
from vaescope.errors import ProcessFailedError, VaescopeError
from vaescope.experiment.exchange import GradientExchange, part_from_others
from vaescope.run_folder.contents import how_to_go_on, write_error

PROGRAM = "from vaescope.experiment.following import follow; follow()"
PATIENCE = 20.0  # seconds in which a leader notices by itself that a follower is gone
_MOMENT = 5.0  # seconds that a follower may take to end after it has parted


def further_devices(
    order: Mapping[str, Any],
    checkpoint: Path | None,
    trainer: pl.Trainer,
    data: FactorDataModule,
) -> AbstractContextManager[Any]:
    """The processes of the further devices of a run, if it has several.

    Args:
        order: what each is told, see ``following.follow``.
        checkpoint: the state from which the run goes on.
        trainer: of this process.
        data: opened here first, so that its files are made once.
    """
    if order["ranks"] == 1:
        return nullcontext()
    data.trainer = trainer
    data.setup()
    strategy = trainer.strategy
    assert isinstance(strategy, GradientExchange)
    state = None if checkpoint is None else str(checkpoint)
    told = {**order, "port": strategy.port, "checkpoint": state}
    return Followers(told, Path(order["plain"]["output_dir"]))


class Followers:
    """Processes that follow this one while a block runs; one that fails ends the run.

    Args:
        order: what each is told but for its ``rank``.
        folder: of the run.
    """

    def __init__(self, order: Mapping[str, Any], folder: Path) -> None:
        self.order, self.folder, self.ranks = order, folder, int(order["ranks"])
        self._processes: dict[int, subprocess.Popen[str]] = {}
        self._printed: dict[int, IO[str]] = {}
        self._ended = threading.Event()

    def __enter__(self) -> "Followers":
        for rank in range(1, self.ranks):
            self._start(rank)
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        lost = isinstance(error, RuntimeError) and not isinstance(error, VaescopeError)
        failed = self._failed(_MOMENT if lost else 0.0) if isinstance(error, Exception) else None
        told = None if failed is None else self._error(failed)
        self._end()
        part_from_others()
        for printed in self._printed.values():
            printed.close()
        if told is not None:
            raise told from error

    def _start(self, rank: int) -> None:
        """Start a process that ends when this one does, and that a terminal's Ctrl-C spares."""
        printed = self._printed[rank] = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115
        process = self._processes[rank] = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            stdin=subprocess.PIPE,
            stdout=printed,
            stderr=subprocess.STDOUT,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            text=True,
            start_new_session=True,
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps({**self.order, "rank": rank}) + "\n")
        process.stdin.flush()

    def _failed(self, seconds: float) -> int | None:
        """Rank of a follower that has ended, which none does by itself; waits so long for one."""
        until = time.monotonic() + seconds
        while True:
            for rank, process in self._processes.items():
                if process.poll() is not None:
                    return rank
            if time.monotonic() >= until:
                return None
            time.sleep(0.05)

    def _error(self, rank: int) -> ProcessFailedError:
        self._printed[rank].seek(0)
        text = self._printed[rank].read().strip()
        code = self._processes[rank].returncode
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        reason = text.splitlines()[-1] if text and code > 0 else f"its process ended with {how}"
        error = ProcessFailedError(
            f"device {rank + 1} of {self.ranks} failed: {reason}; {how_to_go_on(self.folder)}"
        )
        error.add_note(text)
        return error

    def _watch(self) -> None:
        """End a run whose leader waits for what a follower will never send."""
        while not self._ended.wait(0.5):
            rank = self._failed(0.0)
            if rank is not None and not self._ended.wait(PATIENCE):
                error = self._error(rank)
                self._end()
                write_error(self.folder, error)
                print(f"vaescope: {error}", file=sys.stderr, flush=True)
                os._exit(1)

    def _end(self) -> None:
        """They have nothing to keep."""
        for process in self._processes.values():
            process.kill()
        for process in self._processes.values():
            process.wait()
            if process.stdin is not None:
                process.stdin.close()
