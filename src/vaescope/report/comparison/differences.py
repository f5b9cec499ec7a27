"""Settings in which runs differ, without seeds, folders and what only the machine sees."""

from collections.abc import Mapping, Sequence
from typing import Any

from vaescope.errors import ConfigError, closest
from vaescope.nested import flat_settings
from vaescope.run_folder.runs import FoundRun

Settings = Mapping[str, Any]  # dotted key -> value that can be compared and hashed

# groups whose settings change what a run gives, in the order of the column
GROUPS = (
    "model",
    "posterior",
    "prior",
    "network",
    "likelihood",
    "latent_dim",
    "optimizer",
    "scheduler",
    "ema",
    "trainer",
    "data",
    "statistics",
)
# updates are counted, not asked for
OF_THE_TRAINER = (
    *("precision", "gradient_clip_val", "gradient_clip_algorithm", "accumulate_grad_batches"),
)
OF_THE_MACHINE = {
    *(f"optimizer.{key}" for key in ("fused", "foreach", "_partial_")),
    *(f"data.{key}" for key in ("data_dir", "cache", "num_workers", "placement")),
}
METHOD, DATA, SOURCE = "model._target_", "data._target_", "data.source"
# what may be averaged over with group_by although it stands in the group ``data``
NOT_THE_DATA = {"data.batch_size", "data.seed"}
# what runs of before these could be chosen have
DEFAULTS = {
    "prior": {"_target_": "vaescope.distributions.priors.StandardNormal"},
    "scheduler": {"_target_": "vaescope.learning_rates.Constant", "warmup_steps": 0},
    "ema": {"decay": None},
}


def settings_of(run: FoundRun) -> dict[str, Any]:
    """Settings of a run that change its numbers, by dotted key; the seed is none of them."""
    config = {**DEFAULTS, **run.settings}
    config["trainer"] = {"gradient_clip_algorithm": None, **(config.get("trainer") or {})}
    chosen = {group: config[group] for group in GROUPS if group in config}
    kept = {k: _frozen(v) for k, v in flat_settings(chosen) if k not in OF_THE_MACHINE}
    kept = {k: v for k, v in kept.items() if k.split(".")[0] != "trainer" or k in OF_THE_TRAINER}
    return kept | ({SOURCE: run.data_source} if run.data_source else {})


def _frozen(value: Any) -> Any:
    """A value that can be hashed: lists as tuples, an empty mapping as nothing chosen."""
    if isinstance(value, list):
        return tuple(_frozen(entry) for entry in value)
    if isinstance(value, Mapping):
        return tuple((name, _frozen(inner)) for name, inner in value.items()) or None
    return value


def differing_settings(settings: Sequence[Settings]) -> list[str]:
    """Keys in which the runs differ, in the order of the groups.

    A setting that some runs do not have is a difference, but for statistics: those measure, and
    what one run did not measure does not make it another.
    """
    keys = dict.fromkeys(key for each in settings for key in each)
    found = [
        key
        for key in keys
        if len({each[key] for each in settings if key in each}) > 1
        or not (key.startswith("statistics.") or all(key in each for each in settings))
    ]
    return sorted(found, key=lambda key: GROUPS.index(key.split(".")[0]))


def is_data(key: str) -> bool:
    """Whether a setting says which observations there are, or how they are measured."""
    return key.startswith(("data.", "statistics.")) and key not in NOT_THE_DATA


def chosen_keys(words: Sequence[str], settings: Sequence[Settings]) -> set[str]:
    """Settings that ``group_by`` names: ``method``, ``beta``, ``model.beta`` or all of ``model``.

    Raises:
        ConfigError: for a name that no run has, with close ones.
    """
    keys = dict.fromkeys(key for each in settings for key in each)
    names = {"method": {METHOD}}
    for key in keys:
        parts = key.split(".")
        heads = {".".join(parts[:n]) for n in range(1, len(parts) + 1)}
        for name in heads | {short_name(key)}:
            names.setdefault(name, set()).add(key)
    for word in words:
        if word not in names:
            raise ConfigError(f"group_by: no run has the setting {word!r}{closest(word, names)}")
    return {key for word in words for key in names[word]}


def short_name(key: str) -> str:
    """``beta`` for ``model.beta``, ``posterior`` for ``posterior.path``; others as they are."""
    head, _, last = key.rpartition(".")
    if _names_a_class(key):
        return head
    return last if head == "model" else key


def _names_a_class(key: str) -> bool:
    return key.endswith("._target_") or key == "posterior.path"


class SettingsInUse:
    """Which values the runs have of each setting, counted in one pass over all of them.

    Args:
        keys: of the settings.
        runs: settings of each run.
    """

    def __init__(self, keys: Sequence[str], runs: Sequence[Settings]) -> None:
        self._values: dict[tuple[str, str, Any], set[Any]] = {}
        for each in runs:
            for key in keys:
                if key in each:
                    self._add(key, "", None, each[key])
                for kind in (METHOD, DATA):
                    self._add(key, kind, each.get(kind), each.get(key))

    def _add(self, key: str, kind: str, of: Any, value: Any) -> None:
        self._values.setdefault((key, kind, of), set()).add(value)

    def vary(self, key: str) -> bool:
        """Whether the runs that have the setting differ in it."""
        return len(self._values.get((key, "", None), ())) > 1

    def vary_within(self, key: str, kind: str, settings: Settings) -> bool:
        """Whether runs of the same method, or data, as one differ in it, or some lack it."""
        return len(self._values[key, kind, settings.get(kind)]) > 1


def own_settings(settings: Settings, keys: Sequence[str], in_use: SettingsInUse) -> dict[str, str]:
    """A run's values of the settings in which runs differ, by short name.

    Method and data are left out, they have columns of their own; so are settings that are null, and
    those that other runs merely lack. Of the model's own options these are named, since they say
    what the method is, unless they are 0 or false in every run of the method.
    """
    shown = {}
    for key in keys:
        value = settings.get(key)
        if key in (METHOD, DATA) or value is None:
            continue
        if key.startswith("model."):
            told = value not in (0, False) or in_use.vary_within(key, METHOD, settings)
        else:
            told = in_use.vary(key) or _names_a_class(key)
        if told:
            shown[short_name(key)] = text_of(key, value)
    return shown


def text_of(key: str, value: Any) -> str:
    """A value in a few letters: of a class its name."""
    if isinstance(value, tuple):
        return f"[{', '.join(text_of(key, entry) for entry in value)}]"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value).rpartition(".")[2] if _names_a_class(key) else str(value)
