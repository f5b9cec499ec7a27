"""Number of devices: settings of Lightning's Trainer that a run on one device cannot have."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

ONE = "a run uses one: set trainer.devices=1, and train several runs side by side with -m or jobs="


def device_problems(trainer: Mapping[str, Any]) -> Iterator[str]:
    """Yield one sentence for each setting that asks for more than one device.

    Args:
        trainer: resolved settings of the Trainer.
    """
    devices, nodes = trainer.get("devices", 1), trainer.get("num_nodes", 1)
    strategy, accelerator = trainer.get("strategy", "auto"), trainer.get("accelerator", "auto")
    count = _number_of(devices, str(accelerator))
    if count is None:
        yield f"config.trainer.devices: {devices!r} names no devices; {ONE}"
    elif count != 1:
        yield f"config.trainer.devices: {count} devices were given to one run; {ONE}"
    if nodes != 1:
        yield f"config.trainer.num_nodes: {nodes} nodes were given to one run; leave it at 1"
    if strategy not in ("auto", None):
        name = strategy.get("_target_", strategy) if isinstance(strategy, Mapping) else strategy
        yield (
            f"config.trainer.strategy: {name} is for several devices, and a run uses one; leave it "
            "at auto"
        )


def _number_of(devices: Any, accelerator: str) -> int | None:
    """How many devices Lightning would take; None where it cannot tell either."""
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
