"""Renamed dotted names and options: a run of an earlier version is read with today's names.

Add a line here for every class or option of a configuration that moves or gets another name. The
table is applied when the configuration of a checkpoint or of a run's folder is read, before
``config.trust`` judges it; words that a user types are not translated.
"""

from typing import Any

# dotted name, or its beginning up to a dot -> today's
NAMES = {
    "vaescope.posteriors.": "vaescope.distributions.posteriors.",
    "vaescope.priors.": "vaescope.distributions.priors.",
    "vaescope.likelihoods.": "vaescope.distributions.likelihoods.",
    "vaescope.callbacks.Agreement": "vaescope.statistics.Agreement",
    "vaescope.callbacks.Alignment": "vaescope.statistics.Alignment",
    "vaescope.callbacks.Disentanglement": "vaescope.statistics.Disentanglement",
    "vaescope.callbacks.Drift": "vaescope.statistics.Drift",
    "vaescope.callbacks.Gaps": "vaescope.statistics.Gaps",
    "vaescope.callbacks.Identifiability": "vaescope.statistics.Identifiability",
    "vaescope.callbacks.IntrinsicDimension": "vaescope.statistics.IntrinsicDimension",
    "vaescope.callbacks.LatentTypes": "vaescope.statistics.LatentTypes",
    "vaescope.callbacks.Latents": "vaescope.statistics.Latents",
    "vaescope.callbacks.LocalDisentanglement": "vaescope.statistics.LocalDisentanglement",
    "vaescope.callbacks.LocalPCA": "vaescope.statistics.LocalPCA",
    "vaescope.callbacks.Neighbours": "vaescope.statistics.Neighbours",
    "vaescope.callbacks.OffAxis": "vaescope.statistics.OffAxis",
    "vaescope.callbacks.MetricsFile": "vaescope.loggers.MetricsFile",
    "vaescope.callbacks.Panel": "vaescope.statistics.PanelScores",
    "vaescope.callbacks.Pictures": "vaescope.callbacks.SaveFigures",
    "vaescope.callbacks.PolarizedRegime": "vaescope.statistics.PolarizedRegime",
    "vaescope.callbacks.Spectrum": "vaescope.statistics.Spectrum",
    "vaescope.callbacks.wandb_logger": "vaescope.loggers.wandb_logger",
}
# today's dotted name of a class -> its options that had another name: {old: today's}
OPTIONS: dict[str, dict[str, str]] = {}

_GET_CLASS = "hydra.utils.get_class"  # names its class in ``path``


def names_of_today(node: Any) -> Any:
    """A stored configuration with today's names of what has been renamed since.

    Args:
        node: mappings, lists and plain values; anything else is left as it is.

    Returns:
        A copy of it; only ``_target_``, the ``path`` of ``get_class``, and names of options differ.
    """
    if type(node) in (list, tuple):
        return type(node)(names_of_today(entry) for entry in node)
    if type(node) is not dict:
        return node
    node = {key: names_of_today(value) for key, value in node.items()}
    for key in ("_target_", "path") if node.get("_target_") == _GET_CLASS else ("_target_",):
        if isinstance(node.get(key), str):
            name = node[key]
            for old in (o for o in NAMES if name == o or (o[-1] == "." and name.startswith(o))):
                node[key] = NAMES[old] + name[len(old) :]
    options = OPTIONS.get(str(node.get("_target_")), {})
    return {options.get(key, key): value for key, value in node.items()}
