"""``jobs.jsonl``: the jobs of a sweep, one line each, written before they are launched.

Lines are only ever added, so that a thousand jobs cost a thousand lines and a kill loses no line
but the one that was being written. How a job stands is read from its own folder (``states``).
"""

import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from vaescope.errors import RunFolderError
from vaescope.files import try_lock

NAME = "jobs.jsonl"
SWEEPS = Path("outputs/sweeps")  # where conf/train.yaml puts them
_NAME = re.compile(r"[0-9]+(_[0-9]+)?")  # of a job of Slurm, of its array, of a process
_PATIENCE = 60.0  # seconds that another process may take to add its lines


@dataclass(frozen=True)
class JobRecord:
    """One job of a sweep.

    Attributes:
        number: by which the sweep counts it.
        identity: of its settings (``config.comparing``).
        overrides: words that make it.
        folder: where it lies, within the sweep's folder.
        pack: first seed and size of the ensemble that it is a member of; None: it is a run itself.
        seed: by which its rows are known among those of the pack.
    """

    number: int
    identity: str
    overrides: tuple[str, ...]
    folder: str
    pack: tuple[int, int] | None = None
    seed: int | None = None


@dataclass(frozen=True)
class Submitted:
    """Where a job was submitted, for commands that come later.

    Attributes:
        name: of the job there.
        place: the scheduler, or the machine.
        slot: share of the machine that it has.
    """

    name: str
    place: str
    slot: int


class Journal:
    """The record of a sweep's folder; several processes may add to it.

    Args:
        folder: of the sweep.

    Raises:
        RunFolderError: if a record leads out of the folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.records: dict[int, JobRecord] = {}
        self.by_identity: dict[str, JobRecord] = {}
        self.killed: dict[int, str] = {}  # number -> how its process ended
        self.submitted: dict[int, Submitted] = {}  # by number
        self.commands: list[list[str]] = []  # words of each command that added to it
        self._read = 0
        self.refresh()

    def refresh(self) -> None:
        """Read the lines that were added since."""
        path = self.folder / NAME
        if not path.is_file():
            return
        with path.open("rb") as file:
            file.seek(self._read)
            lines = file.read()
        whole = lines[: lines.rfind(b"\n") + 1]  # another process may be at work on the last one
        self._read += len(whole)
        for line in whole.splitlines():
            try:
                self._take(json.loads(line))
            except RunFolderError:
                raise
            except (ValueError, TypeError, KeyError, RecursionError):
                continue  # torn by a kill before anything came of it

    def add_command(self, words: Sequence[str]) -> None:
        """Note a command that makes jobs here, unless it is the last one that did."""
        if not self.commands or self.commands[-1] != [*words]:
            self._add([{"command": [*words], "at": _now()}])

    def add_jobs(self, records: Iterable[JobRecord]) -> None:
        """Put jobs on record; of two of the same identity or number the later counts."""
        self._add([{"job": asdict(record)} for record in records])

    def add_launch(self, numbers: Iterable[int]) -> None:
        """Note that jobs are about to be run."""
        self._add([{"launched": sorted(numbers), "at": _now()}])

    def add_submitted(self, jobs: Mapping[int, Submitted]) -> None:
        """Note where jobs wait and work that do not end with their launcher."""
        entries = {number: asdict(job) for number, job in jobs.items()}
        self._add([{"submitted": entries, "at": _now()}])

    def add_killed(self, number: int, how: str) -> None:
        """Note that the process of a job ended without a word of its own."""
        self._add([{"killed": number, "how": how, "at": _now()}])

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes from adding lines; what they have added before is read."""
        with _locked(self.folder / NAME):
            self.refresh()
            yield

    def _add(self, entries: Sequence[Mapping[str, Any]]) -> None:
        if not entries:
            return
        path = self.folder / NAME
        torn = path.is_file() and path.stat().st_size > self._read
        text = "".join(f"{json.dumps(entry)}\n" for entry in entries)
        with path.open("ab") as file:
            file.write((("\n" if torn else "") + text).encode())
        self.refresh()

    def _take(self, entry: Mapping[str, Any]) -> None:
        if "job" in entry:
            record = _record(entry["job"])
            self.records[record.number] = self.by_identity[record.identity] = record
        elif "launched" in entry:
            for number in entry["launched"]:
                self.killed.pop(number, None)
        elif "submitted" in entry:
            for number, job in entry["submitted"].items():
                found = Submitted(str(job["name"]), str(job["place"]), int(job["slot"]))
                if _NAME.fullmatch(found.name):
                    self.submitted[int(number)] = found
        elif "killed" in entry:
            self.killed[int(entry["killed"])] = str(entry["how"])
        elif "command" in entry:
            self.commands.append([str(word) for word in entry["command"]])


def has_journal(folder: Path) -> bool:
    """Whether a folder is that of a sweep."""
    return (folder / NAME).is_file()


def find_sweep(name: str) -> Path:
    """The folder of a sweep; ``latest``: the newest in ``outputs/sweeps``.

    Raises:
        RunFolderError: if there is none.
    """
    if name != "latest":
        folder = Path(name).expanduser()
        if has_journal(folder):
            return folder.resolve()
        raise RunFolderError(
            f"{name} is no sweep: it has no {NAME}; give the folder that vaescope train -m has "
            f"written, or latest, the newest in {SWEEPS}"
        )
    found = [path.parent for path in SWEEPS.glob(f"*/{NAME}")]
    if not found:
        raise RunFolderError(f"latest: there is no sweep in {SWEEPS.resolve()}; give its folder")
    return max(found, key=lambda path: path.name).resolve()


def _record(entry: Mapping[str, Any]) -> JobRecord:
    pack = entry["pack"]
    record = JobRecord(
        number=int(entry["number"]),
        identity=str(entry["identity"]),
        overrides=tuple(str(word) for word in entry["overrides"]),
        folder=str(entry["folder"]),
        pack=None if pack is None else (int(pack[0]), int(pack[1])),
        seed=None if entry["seed"] is None else int(entry["seed"]),
    )
    place = PurePosixPath(record.folder)
    if place.is_absolute() or ".." in place.parts:
        raise RunFolderError(f"{NAME}: job {record.number} lies in {place}, outside of the sweep")
    return record


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on the journal, where the file system has locks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        _wait_for(file, path)
        yield


def _wait_for(file: BinaryIO, path: Path) -> None:
    until = time.monotonic() + _PATIENCE
    while try_lock(file) is False:
        if time.monotonic() > until:
            raise RunFolderError(f"{path} is kept by another process; wait for its end")
        time.sleep(0.05)


def _now() -> float:
    return round(time.time(), 3)
