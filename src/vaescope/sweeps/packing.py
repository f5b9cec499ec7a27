"""``sweep.pack=seed``: jobs that differ in seed alone are trained as one ensemble."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from hydra.core.utils import JobReturn, JobStatus

from vaescope.errors import JobKilledError
from vaescope.run_folder.contents import CONFIG, forget_error
from vaescope.sweeps.journal import JobRecord, Journal
from vaescope.sweeps.states import State, state_of, written_to

_OWN = ("seed=", "ensemble.size=")


@dataclass(frozen=True)
class Unit:
    """What is launched as one job: a run, or the runs of an ensemble.

    Attributes:
        records: of the runs, by their seeds.
        trial: of a search, that it is; None: it is none.
    """

    records: tuple[JobRecord, ...]
    trial: int | None = None

    @property
    def number(self) -> int:
        """By which a launcher counts it."""
        return self.records[0].number

    @property
    def folder(self) -> str:
        """Where all its runs lie."""
        return self.records[0].folder

    @property
    def overrides(self) -> list[str]:
        """Words that make it."""
        first = self.records[0]
        if first.pack is None:
            trial = [] if self.trial is None else [f"sweep.trial={self.trial}"]
            return [*first.overrides, *trial]
        words = [word for word in first.overrides if not word.startswith(_OWN)]
        return [*words, f"seed={first.pack[0]}", f"ensemble.size={first.pack[1]}"]


def units_of(journal: Journal, records: Iterable[JobRecord]) -> list[Unit]:
    """What has to be launched so that these jobs are made: of a pack always all its members."""
    records = list(records)
    packs: dict[str, list[JobRecord]] = {}
    if any(record.pack is not None for record in records):
        for record in journal.records.values():
            packs.setdefault(record.folder, []).append(record)
    found: dict[str | int, Unit] = {}
    for record in records:
        if record.pack is None:
            found[record.number] = Unit((record,))
        elif record.folder not in found:
            members = sorted(packs[record.folder], key=lambda member: member.seed or 0)
            found[record.folder] = Unit(tuple(members))
    return sorted(found.values(), key=lambda unit: unit.number)


def pack_seeds(
    journal: Journal,
    records: Sequence[JobRecord],
    identity: Callable[[Sequence[str]], str],
) -> list[JobRecord]:
    """Put jobs that differ in seed alone, and whose seeds follow each other, into packs.

    Jobs that have been begun stay what they are.

    Args:
        journal: of the sweep; the packs are put on record.
        records: of the jobs that are missing.
        identity: of words.

    Returns:
        The records as they are now.
    """
    groups: dict[str, dict[int, JobRecord]] = {}
    for record in records:
        seed = seed_of(record.overrides)
        if record.pack is None and seed is not None and state_of(journal, record) is State.PENDING:
            groups.setdefault(identity([*record.overrides, "seed=0"]), {})[seed] = record
    packed: dict[int, JobRecord] = {}
    for group in groups.values():
        for _, run in groupby(enumerate(sorted(group)), key=lambda pair: pair[1] - pair[0]):
            seeds = [seed for _, seed in run]
            if len(seeds) > 1:
                folder = group[seeds[0]].folder
                for seed in seeds:
                    member = replace(
                        group[seed], folder=folder, pack=(seeds[0], len(seeds)), seed=seed
                    )
                    packed[member.number] = member
    journal.add_jobs(packed.values())
    return [packed.get(record.number, record) for record in records]


def unpack(journal: Journal, unit: Unit, folders: dict[int, str]) -> list[Unit]:
    """Make single runs of a pack again.

    Args:
        journal: of the sweep, where that is put on record.
        unit: the pack.
        folders: that the runs had before, by their numbers.
    """
    forget_error(journal.folder / unit.folder)
    single = [
        replace(record, folder=folders[record.number], pack=None, seed=None)
        for record in unit.records
    ]
    journal.add_jobs(single)
    return [Unit((record,)) for record in single]


def is_refused(journal: Journal, unit: Unit, result: JobReturn) -> bool:
    """Whether a pack was refused before anything of it was trained; single runs may be possible."""
    if len(unit.records) < 2 or result.status is not JobStatus.FAILED:
        return False
    begun = (written_to(journal.folder / unit.folder) / CONFIG).is_file()
    return not begun and not isinstance(result._return_value, JobKilledError)


def seed_of(overrides: Sequence[str]) -> int | None:
    """The seed that words name, if it is a plain number and they make no ensemble themselves."""
    if any(word.startswith("ensemble.size=") and word != "ensemble.size=1" for word in overrides):
        return None
    given = [word.removeprefix("seed=") for word in overrides if word.startswith("seed=")]
    return int(given[-1]) if given and given[-1].isdigit() else None
