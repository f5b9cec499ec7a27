"""States: weights that a rule of the method moves behind each update, and no gradient does."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


@torch.no_grad()
def move_states(model: Any, terms: Mapping[str, Tensor], step: int) -> None:
    """Give a model's states the values that they have behind an update, in place.

    Args:
        model: a ``LatentModel``, or the stacked weights of many.
        terms: of the update, scalars or ``[S]``.
        step: number of updates before it.
    """
    if model.states:
        states = {name: model.get_parameter(name) for name in model.states}
        for name, value in model.states_after(states, terms, step).items():
            states[name].copy_(value)
