"""Annealing schedules: weights that move in time, as pure functions of the step."""

import logging
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from vaescope.errors import ConfigError

log = logging.getLogger(__name__)


def linear_schedule(start: float, end: float, num_steps: int, step: int) -> float:
    """Value that goes from ``start`` at step 0 to ``end`` at ``num_steps`` and then stays there.

    With ``num_steps`` 0 it is ``end`` at once; where ``step`` is a tensor, as in a compiled
    program, it is one too.
    """
    if num_steps == 0:
        return end
    if isinstance(step, Tensor):
        return start + (end - start) * (step / num_steps).clamp(max=1)
    return end if step >= num_steps else start + (end - start) * step / num_steps


def schedule_length(given: int | None, share: float, num_updates: int | None) -> int:
    """Number of updates that a schedule takes: ``given``, or a share in [0, 1] of the run's.

    Raises:
        ConfigError: a share is asked for of a run whose length is not known.
    """
    if given is not None:
        return given
    if num_updates is None:
        raise ConfigError(
            "anneal_steps=null is a share of the run's updates, whose number is not known; give "
            "anneal_steps, or schedule_steps=N for a share of N"
        )
    return max(1, round(share * num_updates))


def weighted_sum(terms: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """Sum of weight times term, of the terms' shape; one without a weight is taken as it is."""
    each = [t * weights[name] if name in weights else t for name, t in terms.items()]
    return torch.stack(each).sum(0)


def loss_of(terms: Mapping[str, float], settings: Mapping[str, float]) -> float:
    """``weighted_sum`` of logged numbers, whose weights are called ``weight_kl``."""
    return sum(value * settings.get(f"weight_{name}", 1) for name, value in terms.items())


def warn_of_unfinished_schedules(module: Any) -> None:
    """One warning with every weight and target that a run in a trainer is too short for."""
    updates, end = module.trainer.estimated_stepping_batches, module.schedule_end
    reached = module.settings(int(min(updates, end)))
    missed = [
        f"{name} ends at {reached[name]:.4g} of {final:.4g}"
        for name, final in module.settings(end).items()
        if reached[name] != final
    ]
    if missed:
        log.warning(
            f"the schedule takes {end} updates and the run {updates}: {', '.join(missed)}; give "
            "a smaller model.anneal_steps, null for a share of the run, or a larger "
            "trainer.max_steps"
        )
