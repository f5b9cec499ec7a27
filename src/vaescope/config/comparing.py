"""Identity of a run: its settings without places and without what a machine decides."""

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from vaescope.nested import flat_settings

# what a machine or a place decides, and what continuing itself writes
OF_THE_MACHINE = {
    "output_dir",
    "resume",
    "changes",
    "threads",
    "updates_per_call",
    "cuda_graph",
    "data_dir",
    "data.data_dir",
    "callbacks.progress.bar",
}
# options that do nothing, and that runs of before they were offered do not have
_WITHOUT_EFFECT = {
    "ema.decay": None,
    "scheduler._target_": "vaescope.learning_rates.Constant",
    "scheduler.warmup_steps": 0,
    "trainer.gradient_clip_algorithm": None,
    "tf32": None,
}
_OF_THE_SWEEP = ("hydra", "sweep")  # sections that say nothing about a run
_MACHINES_CHOICE = "${fast_precision:"  # asked only where a run is made


def identity(config: DictConfig) -> str:
    """A mark that two composed configurations share if the runs are the same.

    Args:
        config: of one job, as Hydra composes it.

    Returns:
        16 hexadecimal digits of a SHA-256.
    """
    return identity_of_settings(comparable(config))


def comparable(config: DictConfig) -> DictConfig:
    """A copy of a composed configuration without what says nothing about the run."""
    plain: Any = OmegaConf.to_container(config, resolve=False)
    kept = {key: value for key, value in plain.items() if key not in _OF_THE_SWEEP}
    return OmegaConf.create(_without_choices(kept | {"output_dir": "output_dir"}))


def identity_of_settings(settings: DictConfig) -> str:
    """The mark of what ``comparable`` gives, or of a variation of it."""
    flat = _compared(OmegaConf.to_container(settings, resolve=True))
    rest = {key: _number(value) for key, value in flat.items()}
    text = json.dumps(rest, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Settings in which two resolved configurations differ, by dotted key, both values.

    Paths within a run's own folder are the same wherever that lies.
    """
    each = (link_paths(config, config["output_dir"]) for config in (before, now))
    flat = [_compared(config) for config in each]
    keys = dict.fromkeys([*flat[0], *flat[1]])
    pairs = {key: (flat[0].get(key), flat[1].get(key)) for key in keys}
    return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}


def _compared(config: Any) -> dict[str, Any]:
    """Settings by dotted key, without those that say nothing about the run."""
    return {
        key: value
        for key, value in flat_settings(config)
        if key not in OF_THE_MACHINE
        and (key not in _WITHOUT_EFFECT or value != _WITHOUT_EFFECT[key])
    }


def link_paths(node: Any, folder: str) -> Any:
    """A configuration whose paths within ``folder`` follow ``${output_dir}``."""
    if isinstance(node, Mapping):
        return {key: link_paths(value, folder) for key, value in node.items()}
    if isinstance(node, str) and (node == folder or node.startswith(f"{folder}{os.sep}")):
        return "${output_dir}" + node[len(folder) :]
    return node


def _without_choices(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {key: _without_choices(value) for key, value in node.items()}
    return "" if isinstance(node, str) and node.startswith(_MACHINES_CHOICE) else node


def _number(value: Any) -> Any:
    """``4.0`` as ``4``, which it is equal to."""
    if isinstance(value, list):
        return [_number(entry) for entry in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
