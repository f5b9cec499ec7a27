"""Number of devices of a run: settings of Lightning's Trainer that go together."""

from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from vaescope.errors import ConfigError

SEVERAL = "ddp"  # the strategy by which a run takes several devices
UNUSED = "ddp_find_unused_parameters_true"  # the same for a loss that leaves weights out
ONE = (
    f"for one run on several devices add trainer.strategy={SEVERAL}; else set trainer.devices=1, "
    "and train several runs side by side with -m"
)


def device_problems(trainer: Mapping[str, Any]) -> Iterator[str]:
    """Yield one sentence for each setting of devices that cannot work.

    Args:
        trainer: resolved settings of the Trainer.
    """
    devices, nodes = trainer.get("devices", 1), trainer.get("num_nodes", 1)
    strategy, accelerator = trainer.get("strategy", "auto"), str(trainer.get("accelerator", "auto"))
    yield from _not_here(accelerator, str(trainer.get("precision")))
    count = number_of_devices(trainer)
    if isinstance(strategy, Mapping):
        strategy = strategy.get("_target_", strategy)
    if count is None:
        yield f"config.trainer.devices: {devices!r} names no devices; {ONE}"
    elif count < 1 or (count > 1 and strategy in ("auto", None)):
        yield f"config.trainer.devices: {count} devices were given to one run; {ONE}"
    elif count > 1 and 0 < (there := _num_gpus(accelerator)) < count:
        yield f"config.trainer.devices: {count} were given, and here are {there}"
    if nodes != 1:
        yield f"config.trainer.num_nodes: {nodes} nodes were given to one run; leave it at 1"
    if strategy not in ("auto", None, SEVERAL, UNUSED):
        yield (
            f"config.trainer.strategy: {strategy} was given; a run on one device has auto, one on "
            f"several {SEVERAL}, or {UNUSED} for a method whose loss leaves weights out"
        )


def _not_here(accelerator: str, precision: str) -> Iterator[str]:
    """What this machine lacks: the accelerator that was named, or one for the precision."""
    missing = {
        "gpu": lambda: not (_num_gpus("gpu") or _has_mps()),
        "cuda": lambda: not _num_gpus("cuda"),
        "mps": lambda: not _has_mps(),
        "tpu": lambda: find_spec("torch_xla") is None,
    }
    if accelerator in missing and missing[accelerator]():
        yield (
            f"config.trainer.accelerator: {accelerator} was given, and torch finds none here; "
            "choose trainer.accelerator=cpu, or auto for what there is"
        )
    if precision != "16-mixed" or accelerator not in ("cpu", "auto"):
        return
    if not (_num_gpus(accelerator) or (accelerator == "auto" and _has_mps())):
        yield (
            "config.trainer.precision: 16-mixed needs a GPU; choose trainer.precision=32-true "
            "or bf16-mixed on a CPU"
        )


def _has_mps() -> bool:
    import torch

    return bool(torch.backends.mps.is_available())


def number_of_devices(trainer: Mapping[str, Any]) -> int | None:
    """How many devices Lightning would take; None where it cannot tell either.

    Args:
        trainer: resolved settings of the Trainer.
    """
    devices, accelerator = trainer.get("devices", 1), str(trainer.get("accelerator", "auto"))
    if isinstance(devices, str):
        words = [word.strip() for word in devices.split(",") if word.strip()]
        if devices != "auto" and not all(word.lstrip("-").isdigit() for word in words):
            return None
        if "," in devices:
            return len(words)
        devices = devices if devices == "auto" else int(devices)
    if isinstance(devices, Sequence) and not isinstance(devices, str):
        return len(devices)
    if devices in ("auto", None):
        return max(1, _num_gpus(accelerator))
    if isinstance(devices, bool) or not isinstance(devices, int):
        return None
    return (_num_gpus(accelerator) or None) if devices == -1 else devices


def _num_gpus(accelerator: str) -> int:
    import torch

    return torch.cuda.device_count() if accelerator in ("auto", "gpu", "cuda") else 0


def refuse_in_sweep(trainer: Mapping[str, Any]) -> None:
    """Refuse several devices for a job of a sweep.

    Raises:
        ConfigError: if that is what the settings of its Trainer ask for.
    """
    if (count := number_of_devices(trainer) or 1) > 1:
        raise ConfigError(
            f"config.trainer.devices: {count} devices cannot be given to each job of a sweep (-m); "
            "give each job one, side by side on all GPUs with hydra/launcher=fork and "
            f"hydra.launcher.jobs_per_gpu=1, or make one run after the other: for seed in 0 1; do "
            f"vaescope train seed=$seed trainer.devices={count} trainer.strategy={SEVERAL}; done"
        )
