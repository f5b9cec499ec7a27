"""Random numbers on their way from the host, where they are drawn, to the device that trains."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor


def stack_numbers(drawn: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Numbers of several batches or members by name, ``[N, ...]``."""
    return {name: np.stack([numbers[name] for numbers in drawn]) for name in drawn[0]}


def tensors_like(weights: Tensor, drawn: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    """Numbers that were drawn on the host, in the weights' type and on their device.

    A GPU gets them from pinned memory, so that the host goes on while it works.
    """
    tensors = {name: torch.from_numpy(numbers) for name, numbers in drawn.items()}
    if weights.is_cuda:
        tensors = {name: numbers.pin_memory() for name, numbers in tensors.items()}
    return {name: numbers.to(weights, non_blocking=True) for name, numbers in tensors.items()}
