"""Configurations of a sweep's jobs: files are put together once for all that choose the same."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from vaescope.config.comparing import comparable, identity, identity_of_settings
from vaescope.config.overrides import as_typed

SUBDIR = "hydra.sweep.subdir"
_MISTAKES = (HydraException, OmegaConfBaseException)  # in a user's words


class ComposedOnce:
    """Hydra's loader, as a sweep uses it.

    Hydra reads and merges some forty files for each job, 0.1 s, though jobs mostly differ in
    values. Words that set a value are applied to a copy of what the other words give; the result is
    Hydra's own (a test compares them).

    Args:
        loader: of Hydra.

    Attributes:
        only_checks: whether a configuration is asked for only to see that there is one, as
            sweepers do before they launch jobs: all of them are one draft then.
    """

    def __init__(self, loader: ConfigLoader) -> None:
        self.loader = loader
        self.only_checks = False
        self._drafts: dict[tuple[str, ...], DictConfig] = {}
        self._kept: dict[tuple[str, ...], DictConfig] = {}
        self._settings: dict[tuple[tuple[str, ...], tuple[str, ...]], DictConfig] = {}
        self._groups: dict[str, bool] = {}

    def __reduce__(self) -> tuple[Any, ...]:  # launchers send it to other processes
        return ComposedOnce, (self.loader,)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loader, name)

    def load_sweep_config(
        self, master_config: DictConfig, sweep_overrides: Sequence[str]
    ) -> DictConfig:
        """The configuration of one job, as Hydra's ``load_sweep_config`` gives it.

        Args:
            master_config: of the sweep.
            sweep_overrides: words of the job.
        """
        try:
            parsed = [_parsed(word) for word in sweep_overrides]
            if self.only_checks:
                return self._draft(master_config, parsed)
            config = self._composed(master_config, parsed)
        except _MISTAKES:  # Hydra has the words for them
            return self.loader.load_sweep_config(master_config, list(sweep_overrides))
        OmegaConf.copy_cache(from_config=master_config, to_config=config)
        return config

    @contextmanager
    def for_jobs(self) -> Iterator[None]:
        """In the block, configurations are for jobs; behind it, for checks."""
        self.only_checks = False
        try:
            yield
        finally:
            self.only_checks = True

    def identity(self, master: DictConfig, words: Sequence[str]) -> str:
        """The identity of a job (``config.comparing``), without a configuration of its own.

        Args:
            master: of the sweep.
            words: of the job.
        """
        try:
            found = self._identity_by_values(master, words)
        except _MISTAKES:
            found = None
        return found or identity(self.load_sweep_config(master, words))

    def _identity_by_values(self, master: DictConfig, words: Sequence[str]) -> str | None:
        """The identity where words only replace values; None: they do more."""
        key, later = self._split(master, [_parsed(word) for word in words])
        values = [override.value() for override in later]
        if any(isinstance(value, dict) for value in values):  # it would add to the one before
            return None
        names = tuple(override.key_or_group for override in later)
        if (key, names) not in self._settings:
            self._settings[key, names] = comparable(self._kept[key])
        settings = self._settings[key, names]
        for name, value in zip(names, values, strict=True):
            if name != "output_dir" and not name.startswith(("hydra.", "sweep.")):
                OmegaConf.update(settings, name, value)
        return identity_of_settings(settings)

    def _split(
        self, master: DictConfig, parsed: Sequence[Override]
    ) -> tuple[tuple[str, ...], list[Override]]:
        """What files and first words make, under its key in ``_kept``; words that set values."""
        begin = _first_plain(parsed)
        later = [n for n in range(begin, len(parsed)) if self._is_value(master, parsed[n])]
        first = [str(o.input_line) for n, o in enumerate(parsed) if n not in {*later}]
        key = (str(master.hydra.job.config_name), *as_typed(master.hydra.overrides.hydra), *first)
        if key not in self._kept:
            self._kept[key] = self.loader.load_configuration(key[0], list(key[1:]), RunMode.RUN)
        return key, [parsed[n] for n in later]

    def _draft(self, master: DictConfig, parsed: Sequence[Override]) -> DictConfig:
        key, later = self._split(master, parsed)
        if key not in self._drafts:
            self._drafts[key] = copy.deepcopy(self._kept[key])
        return _set(self._drafts[key], later)

    def _composed(self, master: DictConfig, parsed: Sequence[Override]) -> DictConfig:
        key, later = self._split(master, parsed)
        config = _set(copy.deepcopy(self._kept[key]), later)
        tasks = [o for o in parsed if not o.is_hydra_override()]
        added = [str(o.input_line) for o in parsed if o.is_hydra_override()]
        with read_write(config), open_dict(config):
            config.hydra.overrides.task = [o.input_line for o in tasks]
            config.hydra.overrides.hydra = [*as_typed(master.hydra.overrides.hydra), *added]
            names = config.hydra.job.config.override_dirname
            lines = (str(o.input_line) for o in tasks if o.key_or_group not in names.exclude_keys)
            joined = names.item_sep.join(sorted(lines))
            config.hydra.job.override_dirname = joined.replace("=", names.kv_sep)
        return config

    def _is_value(self, master: DictConfig, override: Override) -> bool:
        """Whether a word sets a value and says nothing about which files there are."""
        key = override.key_or_group
        if override.is_hydra_override():
            return key == SUBDIR
        if "/" in key or override.package is not None:
            return False
        if key not in self._groups:
            words = as_typed(master.hydra.overrides.hydra)
            places = [word for word in words if word.startswith("hydra.searchpath")]
            name = str(master.hydra.job.config_name)
            self._groups[key] = bool(self.loader.get_group_options(key, None, name, places))
        return not self._groups[key]


def _set(config: DictConfig, values: Sequence[Override]) -> DictConfig:
    for override in values:
        OmegaConf.update(config, override.key_or_group, override.value(), merge=True)
    return config


def _first_plain(parsed: Sequence[Override]) -> int:
    """Place behind the last word that adds or deletes, which may concern those before it."""
    special = (n for n, o in enumerate(parsed) if not _is_plain(o))
    return max(special, default=-1) + 1


def _is_plain(override: Override) -> bool:
    odd = override.is_add() or override.is_force_add() or override.is_delete()
    return not odd and not override.is_sweep_override()


@lru_cache(4096)
def _parsed(word: str) -> Override:
    return OverridesParser.create().parse_override(word)
