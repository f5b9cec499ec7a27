"""Signals (Ctrl-C, SIGTERM, Slurm's): stop where nothing is lost, with a word and an exit code."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")
SIGNALS = tuple(getattr(signal, name) for name in NAMES if hasattr(signal, name))
REQUEUE = NAMES[3:]  # what Slurm sends with --signal, some time before the end
AGAIN = 0.3  # seconds: a wrapper may pass on at once what the terminal has sent already
IGNORED = 5.0  # seconds after which a process that still runs has lost the first signal


class Stopped(SystemExit):
    """The process was asked to stop; ``code`` is 128 and the signal's number, as a shell's.

    Args:
        number: of the signal.

    Attributes:
        kept: what the same command takes up; nothing: it begins anew.
        go_on: how to go on, if not by the same command.
    """

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.name = signal.Signals(number).name
        self.kept = ""
        self.go_on = ""

    def told(self, command: str = "") -> str:
        """One line: what stopped the process, what is kept, and how to go on.

        Args:
            command: that was stopped, to be given again unless ``go_on`` says something else.
        """
        is_queue = self.name in REQUEUE or (self.name == "SIGTERM" and _is_preempted())
        queued = requeue() if is_queue else ""
        same = f"{self.kept}; go on with" if self.kept else "it is not finished; start again with"
        again = f"{same}: {command}" if command else f"{same} the same command"
        return f"stopped by {self.name}; {queued or self.go_on or again}"


@dataclass
class _State:
    """What this process has been told and what it listens to."""

    received: int | None = None
    when: float = 0.0
    deferred: bool = False
    ours: list[signal.Signals] = field(default_factory=list)


_state = _State()


@contextmanager
def stoppable() -> Iterator[None]:
    """Raise ``Stopped`` in the block on a signal; handlers that others have set stay.

    A second Ctrl-C ends the process at once.
    """
    main = threading.current_thread() is threading.main_thread()
    if _state.ours or not main:
        yield
        return
    default = (signal.SIG_DFL, signal.default_int_handler)
    before = {number: signal.getsignal(number) for number in SIGNALS}
    _state.ours = [number for number, handler in before.items() if handler in default]
    listen()
    try:
        yield
    finally:
        for number in _state.ours:
            signal.signal(number, before[number])
        vars(_state).update(vars(_State()))  # as at the start of the process


@contextmanager
def keep_stop() -> Iterator[None]:
    """Let a signal go on as ``Stopped`` if a library's own cleaning up fails on its way."""
    try:
        yield
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, Stopped):
            cause = cause.__cause__ or cause.__context__
        if cause is not None:
            raise cause from None
        raise


def listen() -> None:
    """Take the signals of ``stoppable`` back from a library that has put itself before it."""
    for number in _state.ours:
        signal.signal(number, _on_signal)


def defer(deferred: bool = True) -> None:
    """Whether from now on a signal only sets what ``requested`` tells, for whom stops in order."""
    _state.deferred = deferred


def requested() -> int | None:
    """Number of the signal that was received; None: none yet."""
    return _state.received


def requeue() -> str:
    """Under Slurm, ask that the job be run again, as Lightning does; what came of it, in words."""
    job = _job_of_slurm()
    if not job or os.environ.get("SLURM_JOB_NAME") in ("bash", "interactive"):
        return ""
    try:
        done = subprocess.run(
            ["scontrol", "requeue", job], capture_output=True, text=True, timeout=30, check=False
        )
        if done.returncode == 0:
            return f"Slurm's job {job} is queued again"
        reason = (done.stderr or done.stdout).strip() or f"exit code {done.returncode}"
    except (OSError, subprocess.SubprocessError) as error:
        reason = str(error)
    return f"Slurm did not queue job {job} again: {reason}"


def _is_preempted() -> bool:
    """Whether Slurm has the job as running: one that is cancelled or out of time is not."""
    job = _job_of_slurm()
    if not job:
        return False
    command = ["squeue", "--noheader", "--jobs", job, "-o", "%T"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.SubprocessError):
        return False
    return done.stdout.split() == ["RUNNING"]


def _job_of_slurm() -> str:
    """Slurm's name of the job that this process is; of a part of an array ``ARRAY_PART``."""
    if array := os.environ.get("SLURM_ARRAY_JOB_ID"):
        return f"{array}_{os.environ.get('SLURM_ARRAY_TASK_ID', '')}"
    return os.environ.get("SLURM_JOB_ID", "")


def _on_signal(number: int, frame: FrameType | None) -> None:
    if _state.received is not None:
        if number == signal.SIGINT and time.monotonic() - _state.when > AGAIN:
            os._exit(128 + number)
        if _state.deferred or time.monotonic() - _state.when < IGNORED:
            return
    _state.received, _state.when = number, time.monotonic()
    if not _state.deferred:
        raise Stopped(number)
    name = signal.Signals(number).name
    os.write(2, f"\n{name}: stopping after this update; Ctrl-C ends at once\n".encode())
