"""Configurations as Hydra composes them; what a choice of groups gives is composed once."""

import functools
import pickle
from pathlib import Path
from unittest import mock

from hydra import compose, initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import CachingConfigRepository
from hydra.core.override_parser.overrides_parser import OverridesParser

from vaescope.config.loading import config_dir, register_schemas

CONF = Path(config_dir())
_FILES = {}  # by their place in the search path, pickled
# a machine's own ``conf/local/default.yaml`` is left out
OWN = ("~local",) if (CONF / "local").is_dir() else ()


def composed(name, words):
    """What ``compose(name, words)`` gives.

    Hydra puts the files together that the words choose, and then applies the words that are
    values, one after the other; so the first step is kept for the next caller.
    """
    words = [*OWN, *words]
    parsed = OverridesParser.create().parse_overrides(words)
    if any(override.is_hydra_override() for override in parsed):  # other folders of files
        return _by_hydra(name, words)
    values = [override for override in parsed if _is_value(override)]
    groups = tuple(o.input_line for o in parsed if o not in values)
    config = pickle.loads(_composed(name, groups))
    ConfigLoaderImpl._apply_overrides_to_config(values, config)
    return config


def _is_value(override):
    """Whether it says nothing about which files there are."""
    key = override.key_or_group
    file = override.package is not None or (CONF / key).is_dir()
    return not file and not override.is_sweep_override()


@functools.cache
def _composed(name, words):
    with mock.patch.object(CachingConfigRepository, "load_config", _load_once):
        return pickle.dumps(_by_hydra(name, list(words)))


def _by_hydra(name, words):
    register_schemas()
    with initialize_config_dir(str(CONF), version_base="1.3", job_name="test"):
        return compose(name, words)


def _load_once(repository, config_path):
    """Read a file of ``conf/`` once for all compositions; Hydra keeps it for one of them."""
    if config_path not in repository.cache:
        if config_path not in _FILES:
            loaded = repository.delegate.load_config(config_path=config_path)
            _FILES[config_path] = pickle.dumps(loaded)
        repository.cache[config_path] = pickle.loads(_FILES[config_path])
    return repository.cache[config_path]
