"""Words without a key, ``vaescope evaluate RUN``: the key that each command means by one."""

from collections.abc import Sequence
from os.path import expanduser, isdir, isfile  # which raise nothing, whatever the word is
from pathlib import Path

from vaescope.commands.names import OF_DATA, OF_RUN, is_of_flag
from vaescope.errors import RunFolderError, closest

_MANY = "report"  # takes several
_CODES = (".npz", ".parquet", ".pt", ".pth", ".h5", ".hdf5", ".mat")


def with_keys(command: str, words: Sequence[str]) -> list[str]:
    """Words of which each has its key: ``export RUN`` -> ``run=RUN``.

    Raises:
        RunFolderError: for a word that means nothing there, with what is near.
    """
    plain: list[str] = []
    rest: list[str] = []
    for before, each in zip(["", *words], words, strict=False):
        is_folder = command in (_MANY, *OF_RUN) and isdir(expanduser(each))
        keyed = (
            is_of_flag(before, each) or ("=" in each and not is_folder) or each[:1] in ("~", "+")
        )
        (rest if keyed else plain).append(each)
    if not plain:
        return list(words)
    if command == _MANY:
        return [*rest, _runs(plain)]
    if command not in (*OF_DATA, *OF_RUN):
        meant = _meant(command, plain[0])
        raise RunFolderError(f"{command}: {plain[0]!r} was given without a key{meant}")
    if len(plain) > 1:
        if needed := [word for word in plain if _is_setting(command, word)]:
            raise RunFolderError(f"{command}: {needed[0]} needs a value: {needed[0]}=VALUE")
        raise RunFolderError(f"{command} takes one word without a key, not {' '.join(plain)}")
    return [_about(command, plain[0], rest), *rest]


def _about(command: str, given: str, rest: Sequence[str]) -> str:
    path = expanduser(given)
    if command in OF_DATA:
        if "action=list" in rest:
            raise RunFolderError(f"data list shows all sets; see one with: data show {given}")
        if isdir(path) and given not in _options("data"):
            more = f"a folder of images is data=image_folder data.path={given}"
            raise RunFolderError(f"{command}: {given!r} is no name of a data set; {more}")
        return f"data={given}"
    if not (isdir(path) or isfile(path)):
        raise RunFolderError(f"{command}: there is no run or file {given}{_beside(given)}")
    if command == "export":
        return f"run={given}"
    if isdir(path) and not isfile(Path(path, "state.json")):  # of a data set of Hugging Face
        return f"checkpoint={Path(path, 'checkpoints', 'last.ckpt')}"
    return f"{'codes' if isdir(path) or path.endswith(_CODES) else 'checkpoint'}={given}"


def _runs(folders: Sequence[str]) -> str:
    from vaescope.config.overrides import quoted  # imports Hydra: not for --version

    for folder in folders:
        if not isdir(expanduser(folder)):
            near = _beside(folder) or "; give folders of runs"
            raise RunFolderError(f"report: there is no folder {folder}{near}")
    return f"runs=[{','.join(quoted(expanduser(folder)) for folder in folders)}]"


def _beside(name: str) -> str:
    """``; did you mean ...?``: what lies where a name that is not there would lie."""
    path = Path(expanduser(name))
    try:
        there = [each.name for each in path.parent.iterdir()]
    except OSError:
        return ""
    return closest(path.name, there, 1, otherwise="")


def flags_last(words: Sequence[str]) -> list[str]:
    """Words in the one order that argparse takes whole: settings, then flags with their values."""
    marks = [is_of_flag(*pair) for pair in zip(["", *words], words, strict=False)]
    each = list(zip(words, marks, strict=True))
    return [word for word, is_of in each if not is_of] + [word for word, is_of in each if is_of]


def _meant(command: str, given: str) -> str:
    """What a word would be with a key: a run to go on with, a setting, an option of a group."""
    if isdir(expanduser(given)):
        return f"; a run goes on with resume={given}"
    from vaescope.config.command_file import groups_of  # imports Hydra: not for --version

    groups = [each.name for each in groups_of(command)]
    known = {option: f"{group}={option}" for group in groups for option in _options(group)}
    if _is_setting(command, given):
        return f"; it needs a value: {given}=VALUE"
    if given in known:
        return f"; did you mean {known[given]}?"
    near = closest(given, known, 1, otherwise="").partition("'")[2].partition("'")[0]
    return f"; did you mean {known[near]}?" if near else "; settings are given as key=value"


def _is_setting(command: str, given: str) -> bool:
    from vaescope.config.command_file import read_command  # imports Hydra: not for --version

    return given in {each.name.partition(".")[0] for each in read_command(command).settings}


def _options(group: str) -> list[str]:
    from vaescope.config.loading import config_dir

    return [path.stem for path in sorted(Path(config_dir(), group).glob("*.yaml"))]
