"""Allow-list: what a configuration that comes from a file, perhaps a stranger's, may build.

A ``_target_`` names any function that Python can import, so a configuration is a program. One that
the user composes may name everything. One that comes with a checkpoint or in a run's folder may
name what vaescope, ``torch.nn``, ``torch.optim`` and Lightning's callbacks offer, and what the
packages offer that the user calls trusted. ``SECURITY.md`` says what this covers.
"""

import inspect
import os
import re
import sys
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from vaescope.config.groups import GROUPS
from vaescope.config.loading import OWN_LINK
from vaescope.config.targets import locate
from vaescope.errors import ConfigError, UntrustedError
from vaescope.escaping import printable

# the only modules of which something is looked up by a name that a file gives
MODULES = (
    *(home for group in GROUPS for home in group.homes),
    "torch.nn",
    "torch.optim.lr_scheduler",
)
GET_CLASS = "hydra.utils.get_class"
WRITERS = ("callbacks", "logger")
MOST_NODES, MOST_DEPTH, MOST_SHOWN = 100_000, 50, 5
_NAME = re.compile(r"[A-Za-z]\w*(\.[A-Za-z_]\w*)*")
_WANDB_RUN = re.compile(r"(offline-)?run-")
_PLACE = re.compile(r"(path|dir|folder|file)", re.IGNORECASE)


def copy_trusted(
    stored: Any,
    where: str,
    trust: Sequence[str] = (),
    *,
    folder: Path | None = None,
    chosen: Collection[str] = (),
) -> Any:
    """A stored configuration as plain containers, if it may be built.

    Args:
        stored: content of a file: mappings, lists and plain values.
        where: what to call the file in an error: ``checkpoint=PATH``.
        trust: packages or modules of the user's that it may name as well.
        folder: of the run that it is resumed in: callbacks and loggers may write there alone, and
            links to its own settings, ``${seed}``, are left as texts; None: neither is allowed.
        chosen: dotted keys that the user has set anew; what is stored there is not used.

    Returns:
        A copy of it; nothing of it was called or imported before it had been found allowed.

    Raises:
        UntrustedError: if it names anything else, or is no plain configuration.
        ConfigError: if ``trust`` is not a list of packages.
    """
    packages = (trust,) if isinstance(trust, str) else tuple(trust)
    for name in packages:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ConfigError(f"trust: {name!r} names no package; give a list, trust=[mylab]")
        if name.split(".")[0] in sys.stdlib_module_names:
            raise ConfigError(f"trust: {name} is Python's own, not a package of yours")
    reader = _Reader(where, packages, folder, frozenset(chosen))
    copy = reader.copied(stored, ())
    if reader.refused:
        shown, more = reader.refused[:MOST_SHOWN], len(reader.refused) - MOST_SHOWN
        names = ", ".join(shown) + (f" and {more} more" if more > 0 else "")
        raise UntrustedError(
            f"{where}: it names {names}; what comes from a file may build only "
            "what vaescope, torch.nn, torch.optim and Lightning's callbacks offer. If you know "
            "and trust that code, name its package or module: trust=[mylab]"
        )
    if reader.misplaced:
        raise UntrustedError(f"{where}: {'; '.join(reader.misplaced)}")
    return copy


def refuse_links_out(folder: Path, where: str) -> None:
    """Refuse a folder with a link that leads out of it: writing there would write elsewhere.

    What lies in the folders of wandb's earlier runs is passed over: it links its log there to the
    user's cache, and writes to a folder of its own, named by the second, in each session.

    Raises:
        UntrustedError: with the link.
    """
    root = folder.resolve()
    for path, folders, files in os.walk(root):
        for entry in (Path(path, name) for name in (*folders, *files)):
            if entry.is_symlink() and not entry.resolve().is_relative_to(root):
                raise UntrustedError(
                    f"{where}: {entry.relative_to(root)} is a link that leads out of the folder, "
                    f"to {entry.resolve()}; put the files themselves there"
                )
        if Path(path) == root / "wandb":
            folders[:] = [name for name in folders if not _WANDB_RUN.match(name)]


class _Reader:
    """Copies a configuration node by node and notes what it may not name."""

    def __init__(
        self, where: str, packages: tuple[str, ...], folder: Path | None, chosen: frozenset[str]
    ) -> None:
        self.where, self.packages, self.folder, self.chosen = where, packages, folder, chosen
        self.refused: list[str] = []
        self.misplaced: list[str] = []
        self._count = 0

    def copied(self, node: Any, keys: tuple[str, ...]) -> Any:
        self._count += 1
        if self._count > MOST_NODES or len(keys) > MOST_DEPTH:
            self._refuse(keys[:3], "is larger or deeper than any configuration")
        kind = type(node)
        if kind in (list, tuple):
            return [self.copied(entry, (*keys, str(n))) for n, entry in enumerate(node)]
        if kind is dict:
            if odd := [key for key in node if type(key) not in (str, int)]:
                self._refuse(keys, f"has a key of type {type(odd[0]).__name__}")
            if "_target_" in node:
                self._check_target(node, keys)
            return {key: self.copied(value, (*keys, str(key))) for key, value in node.items()}
        if kind is str:
            # resolvers read the environment, ${oc.env:HOME}; links reach what was not stored
            if "${" in (OWN_LINK.sub("", node) if self.folder is not None else node):
                told = f"is '{_shown(node)}'; what comes from a file holds values, no links"
                self._refuse(keys, told)
        elif node is not None and kind not in (bool, int, float):
            self._refuse(keys, f"is a {kind.__name__} where plain values are expected")
        return node

    def _refuse(self, keys: tuple[str, ...], problem: str) -> None:
        raise UntrustedError(f"{self.where}: {_dotted(keys) or 'the configuration'} {problem}")

    def _check_target(self, node: dict[Any, Any], keys: tuple[str, ...]) -> None:
        name = node["_target_"]
        is_class = str(name) == GET_CLASS and node.keys() <= {"_target_", "path"}
        wanted = node.get("path") if is_class else name
        if ".".join((*keys, "path" if is_class else "_target_")) in self.chosen:
            return
        if type(wanted) is not str or not self._may_build(wanted, keys):
            self.refused.append(f"{_shown(wanted)} in {_dotted(keys) or 'its root'}")
        elif self.folder and keys[:1] and keys[0] in WRITERS and not self._is_own(wanted):
            self._check_places(node, keys, self.folder)

    def _may_build(self, name: str, keys: tuple[str, ...]) -> bool:
        if not _NAME.fullmatch(name):
            return False
        if self._is_own(name):
            try:
                home = str(getattr(locate(name), "__module__", ""))
            except Exception as error:  # a module may raise anything while it is imported
                reason = f"{type(error).__name__}: {error}"
                raise ConfigError(f"{self.where}: importing {name} fails: {reason}") from error
            return self._is_own(home)  # what others have defined is not theirs: mylab.os.system
        found = offered_by_name(name)
        if found is not None and found is import_module("pytorch_lightning").Trainer:
            return keys == ("trainer",)
        if not any(found is thing for thing in offered()):
            return False
        own = [g for g in GROUPS if keys[:1] == (g.name,) and len(keys) == 1 + g.many]
        return not own or any(_is_in(found.__module__, home) for home in own[0].homes)

    def _is_own(self, name: str) -> bool:
        return any(_is_in(name, package) for package in self.packages)

    def _check_places(self, node: dict[Any, Any], keys: tuple[str, ...], folder: Path) -> None:
        """Where a callback or logger would write."""
        if "_args_" in node:
            self.misplaced.append(f"{_dotted(keys)} has _args_; in a file arguments have names")
        for key, value in node.items():
            place = ".".join((*keys, str(key)))
            names_one = isinstance(value, str) and _PLACE.search(str(key)) is not None
            if names_one and place not in self.chosen and not _is_inside(value, str(key), folder):
                shown = printable(place)
                self.misplaced.append(
                    f"{shown} is '{_shown(value)}', outside the run's folder; give it again: "
                    f"{shown}=PLACE"
                )


def _dotted(keys: tuple[str, ...]) -> str:
    return printable(".".join(keys))


def _shown(text: object) -> str:
    """A text from a file, in one line and of a length that can be read."""
    shown = printable(text)
    return shown if len(shown) <= 100 else f"{shown[:100]}..."


def _is_inside(text: str, key: str, folder: Path) -> bool:
    if "file" in key:  # a name within a folder that another option gives
        return not Path(text).is_absolute() and ".." not in Path(text).parts
    path = Path(text.replace("${output_dir}", str(folder)))
    return "${" not in str(path) and path.resolve().is_relative_to(folder.resolve())


def _is_in(name: str, package: str) -> bool:
    return f"{name}.".startswith(f"{package}.")


def offered_by_name(name: str) -> Any:
    """The object that a dotted name leads to from one of ``MODULES``; None if it leads elsewhere.

    No module is imported by a name from outside, and no attribute computed.
    """
    homes = [module for module in MODULES if name.startswith(f"{module}.")]
    if not homes:
        return None
    home = max(homes, key=len)
    found: Any = import_module(home)
    for part in name[len(home) + 1 :].split("."):
        if not isinstance(found, ModuleType) or not _is_in(found.__name__, home):
            return None
        found = vars(found).get(part)
    return found


@lru_cache(maxsize=1)
def offered() -> tuple[Any, ...]:
    """Everything that a stored configuration may build: each of these objects and no other."""
    return tuple({id(thing): thing for thing in _offered()}.values())


def _offered() -> Iterator[Any]:
    nn, optim, pl = map(import_module, ("torch.nn", "torch.optim", "pytorch_lightning"))
    rooms = ("models", "data", "callbacks", "loggers", "networks", "statistics")
    modules = (import_module(f"vaescope.{room}") for room in rooms)
    models, data, ours, loggers, networks, statistics = modules
    yield from _public(models, models.LatentModel, but=models.LatentModel)
    yield from _public(data, data.FactorDataModule, but=data.FactorDataModule)
    # a view, sampling or hold_out checks the factors that it is given
    yield from (thing for thing in _public(data) if hasattr(thing, "check"))
    pair = tuple[nn.Module, nn.Module]  # type: ignore[name-defined] # imported above
    for function in filter(inspect.isfunction, vars(networks).values()):
        if inspect.signature(function).return_annotation == pair:
            yield function
    for kind in ("posteriors", "priors", "likelihoods"):
        yield from _public(import_module(f"vaescope.distributions.{kind}"))
    yield from _public(statistics)
    yield from _public(ours, pl.Callback, but=ours.KeepConfig)
    yield from (loggers.MetricsFile, loggers.tensorboard_logger, loggers.mlflow_logger)
    yield from (loggers.trackio_logger, loggers.wandb_logger, pl.Trainer)
    yield from _public(nn, nn.Module)
    yield from _public(optim, optim.Optimizer)
    yield from _public(import_module("vaescope.learning_rates"))
    yield from _public(optim.lr_scheduler, optim.lr_scheduler.LRScheduler)
    yield from _public(pl.callbacks, pl.Callback, but=pl.callbacks.LambdaCallback)


def _public(module: ModuleType, base: type = object, but: type | None = None) -> Iterator[type]:
    """Classes with a public name in a module that it, or a module below it, has defined.

    Of these, all that are a ``base``, but for one.
    """
    for name, thing in vars(module).items():
        is_ours = inspect.isclass(thing) and _is_in(thing.__module__, module.__name__)
        is_public = name[0] != "_" and not getattr(thing, "_is_protocol", False)
        if is_ours and is_public and issubclass(thing, base) and thing is not but:
            yield thing
