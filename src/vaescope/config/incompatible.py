"""Incompatible settings: each could be by itself, but not together with another."""

from collections.abc import Collection, Iterator
from typing import get_type_hints

from omegaconf import DictConfig, OmegaConf

from vaescope.config.devices import device_problems, number_of_devices
from vaescope.config.schemas import TrainSchema
from vaescope.config.targets import class_of, get
from vaescope.ranges import Seed, fits

# options of the group ``view`` to advise, and what each gives; of several that are alike, the first
VIEWS = {
    "pairs_locatello": {"a second image"},
    "transitions_laplace": {"a second image"},
    "triplets": {"a second image", "a third image"},
    "sequence": {"a second image", "a sequence"},
    "groups": {"a second image", "a label"},
    "labels": {"a label"},
    "labelled": {"a second image", "its labels"},
}
_LATENT_DIM = get_type_hints(TrainSchema, include_extras=True)["latent_dim"]
# optimisers that treat each weight by itself, so that stacked members do not touch each other
ELEMENTWISE = ("Adam", "AdamW", "Adamax", "NAdam", "RAdam", "Adagrad", "Adadelta", "RMSprop", "SGD")


def combination_problems(config: DictConfig) -> Iterator[str]:
    """Yield one sentence for each combination of settings that cannot work."""
    yield from _trainer_problems(config)
    yield from _ensemble_problems(config)
    yield from _latent_problems(config)
    yield from _view_problems(config)


def _latent_problems(config: DictConfig) -> Iterator[str]:
    """Latents, posterior and prior that the method cannot have."""
    posterior, latent_dim = get(config, "posterior"), get(config, "latent_dim")
    method = class_of(get(config, "model"))
    if not isinstance(posterior, DictConfig) or not fits(latent_dim, _LATENT_DIM):
        return
    path = get(posterior, "path")
    family = class_of(OmegaConf.create({"_target_": str(path)}))
    if not isinstance(family, type):
        yield f"config.posterior: {path} is not a posterior family"
        return
    check_latents = getattr(method, "latent_problem", None)
    prior = class_of(get(config, "prior"))
    chosen = [prior] if isinstance(prior, type) else []
    if check_latents and (problem := check_latents(latent_dim, family, *chosen)):
        yield f"config: {problem}"


def _view_problems(config: DictConfig) -> Iterator[str]:
    """A method whose batches would lack what it learns from."""
    data, model = get(config, "data"), get(config, "model")
    needed = getattr(class_of(model), "needs", ())
    if not needed or not isinstance(data, DictConfig) or "optimizer" not in config:
        return
    view = get(data, "view")
    given = getattr(class_of(view), "gives", None) if isinstance(view, DictConfig) else ()
    if given is not None and (lacking := [name for name in needed if name not in given]):
        yield (
            f"config.data.view: {model._target_} learns from {' and '.join(lacking)}, which "
            f"{'this view does' if given else 'single images do'} not have; choose "
            f"view={model_view(needed)}, or another method"
        )


def model_view(needed: Collection[str]) -> str:
    """Names of the views that give all of these, for advice."""
    return " or view=".join(name for name, given in VIEWS.items() if given >= set(needed))


def _trainer_problems(config: DictConfig) -> Iterator[str]:
    """Settings of Lightning that do not go together, or not with this project."""
    trainer, optimizer = get(config, "trainer"), get(config, "optimizer")
    if not isinstance(trainer, DictConfig) or not isinstance(optimizer, DictConfig):
        return
    yield from device_problems(trainer)
    yield from _end_problems(config, trainer)
    precision = str(get(trainer, "precision"))
    if _clips(trainer) and precision == "16-mixed" and get(optimizer, "fused"):
        yield (
            "config.trainer.gradient_clip_val: a fused optimiser takes gradients of 16-mixed as "
            "they were scaled, so that no bound means anything; add optimizer.fused=false"
        )


def _end_problems(config: DictConfig, trainer: DictConfig) -> Iterator[str]:
    """A run that nothing ends."""
    limits = [get(trainer, key) for key in ("max_steps", "max_epochs")]
    if limits != [-1, -1] or get(trainer, "max_time") is not None:
        return
    callbacks = get(config, "callbacks")
    entries = callbacks.values() if isinstance(callbacks, DictConfig) else ()
    kinds = [class_of(entry) for entry in entries if isinstance(entry, DictConfig)]
    if all(getattr(kind, "__module__", "").startswith("vaescope.") for kind in kinds):
        yield (
            "config.trainer: max_steps=-1 and max_epochs=-1, and nothing else ends the run; give "
            "one of them, or max_time, or a callback that stops training"
        )


def _ensemble_problems(config: DictConfig) -> Iterator[str]:
    """Settings under which members of an ensemble would not be what they are alone."""
    size = get(get(config, "ensemble") or {}, "size")
    trainer, optimizer = get(config, "trainer"), get(config, "optimizer")
    if not isinstance(size, int) or size < 2:
        return
    if isinstance(seed := get(config, "seed"), int) and not fits(seed + size - 1, Seed):
        yield (
            f"config.seed: {seed} leaves no seeds for {size} members: the last would have "
            f"{seed + size - 1:,}, and seeds end at {2**32 - 1:,}"
        )
    if not isinstance(trainer, DictConfig) or not isinstance(optimizer, DictConfig):
        return
    if (number_of_devices(trainer) or 1) > 1:
        yield (
            "config.trainer.devices: an ensemble trains on one device; set trainer.devices=1, or "
            "ensemble.size=1"
        )
    if get(trainer, "precision") == "16-mixed":
        yield (
            "config.trainer.precision: 16-mixed leaves out updates of all members when one "
            "overflows; choose bf16-mixed or 32-true, or train single runs with -m seed=..."
        )
    named, allowed = get(optimizer, "_target_"), [f"torch.optim.{name}" for name in ELEMENTWISE]
    if named not in allowed:
        yield (
            f"config.optimizer: {named} may mix the members' weights, so it cannot be batched; "
            f"choose one of {', '.join(allowed)}, or train single runs"
        )


def _clips(trainer: DictConfig) -> bool:
    bound = get(trainer, "gradient_clip_val")
    return isinstance(bound, int | float) and bound > 0
