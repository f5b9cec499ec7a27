"""What an update takes from its number alone: learning rates, and its share of averaged weights."""

from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from vaescope.ensemble import Ensemble
from vaescope.learning_rates import Constant, Schedule
from vaescope.models import LatentModel

Model = LatentModel | Ensemble
RATE, SHARE = "rate", "share"


class Pace:
    """Learning rates that follow a schedule, and a moving average of the weights.

    Each group of the optimiser has its own rate, times what the schedule gives at the number of
    updates made before. The average w' of the weights w_1, w_2, ... behind each update is

        w'_n = sum_i d^(n - i) w_i / sum_i d^(n - i),   i = 1 ... n,

    which is ``w'_n = w'_(n-1) + a_n (w_n - w'_(n-1))`` with ``a_n = (1 - d) / (1 - d^n)``: it
    begins with w_1, and initial weights have no part in it.

    Args:
        schedule: of ``vaescope.learning_rates``; None: rates stay what they are.
        decay: d, in [0, 1); None: no average is kept.

    Source: Kingma & Ba 2015, https://arxiv.org/abs/1412.6980, section 7.2 (averaged weights with
    the correction of their bias).
    """

    def __init__(self, schedule: Schedule | None = None, decay: float | None = None) -> None:
        self.schedule = None if schedule == Constant() else schedule
        self.decay = decay
        self._rates: list[tuple[dict[str, Any], float]] = []
        self._num_steps: int | None = None
        self._device = torch.device("cpu")
        self._pairs: tuple[list[Tensor], list[Tensor]] = ([], [])

    def begin(self, module: Model, optimizer: Optimizer, weights: dict[str, Tensor]) -> None:
        """Take the optimiser's rates as its own ones; begin the average, or go on with it."""
        self._rates = [(group, group["lr"]) for group in optimizer.param_groups]
        self._num_steps, self._device = module.schedule_steps, module.device
        if self.decay is None:
            module.averages = None
            return
        found = module.averages or weights
        with torch.no_grad():
            averages = {n: torch.empty_like(w).copy_(found[n]) for n, w in weights.items()}
        module.averages = averages
        self._pairs = list(averages.values()), [weights[name].detach() for name in averages]

    @property
    def rate(self) -> float:
        """Learning rate of the last update; of several groups the first's."""
        return float(self._rates[0][0]["lr"])

    def set_rates(self, step: int | None) -> None:
        """Give the optimiser the rates of the update behind ``step``; None: its own ones."""
        if self.schedule is not None:
            factor = 1.0 if step is None else self.schedule(step, self._num_steps)
            for group, own in self._rates:
                group["lr"] = own * factor

    def follow(self, step: int) -> None:
        """Let the average follow the update behind ``step``."""
        if self.decay is not None:
            torch._foreach_lerp_(*self._pairs, self.share(step))

    def share(self, step: int) -> float:
        """a_n of the update behind ``step``, n = ``step`` + 1."""
        decay = self.decay or 0.0
        return (1 - decay) / (1 - decay ** (step + 1))

    def numbers(self, first: int, updates: int) -> dict[str, Tensor]:
        """Factor of the rates and share in the average of each update, ``[updates]``.

        For programs, which take no other numbers than tensors; empty where nothing changes.
        """
        steps, schedule = range(first, first + updates), self.schedule
        found = {}
        if schedule is not None:
            found[RATE] = torch.tensor([schedule(step, self._num_steps) for step in steps])
        if self.decay is not None:
            found[SHARE] = torch.tensor([self.share(step) for step in steps])
        return {name: values.to(self._device) for name, values in found.items()}
