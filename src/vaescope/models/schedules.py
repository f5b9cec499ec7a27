"""Weights that move in time, as pure functions of the step."""

from torch import Tensor


def linear_schedule(start: float, end: float, num_steps: int, step: int) -> float:
    """Value that goes from ``start`` at step 0 to ``end`` at ``num_steps`` and then stays there.

    Args:
        start: value at step 0.
        end: value from step ``num_steps`` on; at once if ``num_steps`` is 0.
        num_steps: length of the ramp.
        step: number of updates made so far; in a compiled program a tensor.

    Returns:
        The value at ``step``; a tensor if that is one.
    """
    if num_steps == 0:
        return end
    if isinstance(step, Tensor):
        return start + (end - start) * (step / num_steps).clamp(max=1)
    return end if step >= num_steps else start + (end - start) * step / num_steps
