"""Defaults: parts that ``vaescope train`` would choose for some data and a method."""

from typing import Any

from vaescope.config.composing import composed, option_of, require_option
from vaescope.config.incompatible import model_view
from vaescope.config.loading import build
from vaescope.errors import ConfigError
from vaescope.models.parts import Parts, PartsFor
from vaescope.networks.sizes import fitting

GROUPS = ("network", "posterior", "likelihood", "prior", "optimizer")


def chosen_parts(method: type, chosen: PartsFor) -> Parts:
    """See ``resolved_parts``."""
    shape = _image_shape(chosen.data)
    _require_view(method, chosen.data)
    given = {group: getattr(chosen, group) for group in GROUPS}
    for group, name in given.items():
        if isinstance(name, str):
            require_option(group, name)
    config = composed("train", _words(method, chosen.data, given, shape))
    if given["network"] is None and not _fits(config, shape):
        given["network"] = "conv" if "conv" in fitting(shape) else "mlp"
        config = composed("train", _words(method, chosen.data, given, shape))
    built = {
        group: build(config[group], group) if thing is None or isinstance(thing, str) else thing
        for group, thing in given.items()
    }
    seed = getattr(chosen.data, "seed", 0) if chosen.seed is None else chosen.seed
    latent_dim = config.latent_dim if chosen.latent_dim is None else chosen.latent_dim
    return Parts(image_shape=shape, latent_dim=latent_dim, seed=seed, **built)


def _words(method: type, data: Any, given: dict[str, Any], shape: tuple[int, ...]) -> list[str]:
    """What would be typed: the data, the method, and what is said besides."""
    data = getattr(data, "original_module", data)  # of a modified set, which chooses for it
    options = {"data": option_of("data", type(data)), "model": option_of("model", method)}
    if len(shape) == 1:
        options |= {"likelihood": "gaussian", "network": "mlp_60_40_20"}
    options |= {group: name for group, name in given.items() if isinstance(name, str)}
    return [f"{group}={name}" for group, name in options.items() if name is not None]


def _fits(config: Any, shape: tuple[int, ...]) -> bool:
    """Whether the network takes observations of this shape; of others' it is not known."""
    home, _, name = str(config.network._target_).rpartition(".")
    return home != "vaescope.networks" or name in fitting(shape)


def _image_shape(data: Any) -> tuple[int, ...]:
    shape = getattr(data, "image_shape", None)
    if shape is None:
        raise ConfigError(
            f"a method is made from Parts, or from data that know their image_shape, not from "
            f"{type(data).__name__}; vaescope.load_data(images) makes such data of an array"
        )
    return tuple(shape)


def _require_view(method: Any, data: Any) -> None:
    """Refuse data whose batches lack what the method learns from."""
    needs = getattr(method, "needs", ())
    if not needs or not hasattr(data, "view"):
        return
    gives = getattr(data.view, "gives", ())
    if lacking := [need for need in needs if need not in gives]:
        raise ConfigError(
            f"{method.__name__} learns from {' and '.join(lacking)}, which these batches do not "
            f"have; choose view={model_view(needs)}: load_data(name, view=...)"
        )
