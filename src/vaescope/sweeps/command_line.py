"""``sweep.resume=DIR`` among the words of a command line."""

from collections.abc import Sequence

from vaescope.errors import RunFolderError

# sweepers whose jobs are all known before the first one begins
KNOWN_BEFORE = ("basic", "random", "sobol")


def chooses_search(words: Sequence[str]) -> bool:
    """Whether words choose a sweeper that searches, of which several may share a folder."""
    named = [each.partition("=")[2] for each in words if each.startswith("hydra/sweeper=")]
    return bool(named) and named[-1] not in KNOWN_BEFORE


def with_folder_of_sweep(words: Sequence[str], swept: bool) -> list[str]:
    """Words in which ``sweep.resume=DIR`` has the sweep write into its folder.

    Args:
        words: overrides and options.
        swept: whether they make a sweep.

    Raises:
        RunFolderError: if there is no such sweep, or the words contradict each other.
    """
    for old in (each for each in words if each.startswith("sweep=")):
        raise RunFolderError(f"{old}: the group is called grid now; say grid{old[5:]}")
    given = [each.partition("=")[2] for each in words if each.startswith("sweep.resume=")]
    if not given or given[-1] in ("null", ""):
        return list(words)
    if not swept:
        raise RunFolderError("sweep.resume=DIR completes a sweep, with -m; a run: resume=DIR")
    if any(each.startswith("hydra.sweep.dir=") for each in words):
        raise RunFolderError("sweep.resume=DIR names the folder; leave out hydra.sweep.dir=")
    from vaescope.config.overrides import path_of, word  # imports Hydra: not for --version
    from vaescope.sweeps.journal import find_sweep

    folder = find_sweep(str(path_of(given[-1])))
    kept = [each for each in words if not each.startswith("sweep.resume=")]
    return [*kept, word("sweep.resume", folder), word("hydra.sweep.dir", folder)]
