"""One update as one compiled program: forward, backward and optimiser."""

from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins.precision import MixedPrecision, Precision
from torch import Tensor
from torch.func import grad_and_value
from torch.nn.modules.dropout import _DropoutNd
from torch.optim import Optimizer

from vaescope.ensemble import Ensemble
from vaescope.minibatch import Batch
from vaescope.models import LatentModel
from vaescope.updates.functional_optimizer import (
    Columns,
    apply_updates,
    group_updates,
    why_not_functional,
)

Model = LatentModel | Ensemble


def why_not_compiled(trainer: Any, module: pl.LightningModule, optimizer: Optimizer) -> str | None:
    """Why an update cannot be one compiled program, in one sentence; None: it can."""
    kind = type(module).__name__
    if trainer.gradient_clip_val is not None:
        return "gradients are clipped"
    if type(trainer.precision_plugin) not in (Precision, MixedPrecision):
        return f"precision={trainer.precision} is neither 32-true nor bf16-mixed"
    if any(isinstance(part, _DropoutNd) for part in module.modules()):
        return f"{kind} has dropout, whose numbers a compiled program draws otherwise"
    owner = module.stacked if isinstance(module, Ensemble) else module
    if next(owner.buffers(), None) is not None:
        return f"{kind} changes state besides weights"
    return why_not_functional(optimizer)


class UpdateProgram:
    """Makes updates of a model's weights, and of its optimiser's state, by a compiled function.

    Weights and state are changed in place, so that checkpoints and evaluations find them where
    they are. A member of an ensemble whose loss is not finite is frozen by the program itself.

    Args:
        module: on its device.
        optimizer: of the module, with the state of all weights.
        precision: Lightning's, 32-true or bf16-mixed.
        used: names of the weights that the loss depends on; the others stay as they are.
    """

    def __init__(
        self, module: Model, optimizer: Optimizer, precision: Precision, used: set[str]
    ) -> None:
        self._module, self._precision = module, precision
        named = named_weights(module)
        self._weights = {name: weight.detach() for name, weight in named.items()}
        self._updates = group_updates(optimizer, {w: n for n, w in named.items() if n in used})
        self._used = used
        torch.compiler.reset()  # else what an earlier run of this process compiled counts
        # nothing but weights, data and the step changes, and those are tensors
        self._compiled = torch.compile(self._update, dynamic=False, fullgraph=True)

    def __call__(
        self, batch: Batch, step: Tensor, noise: Mapping[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Make the update behind ``step``.

        Returns:
            Losses and terms before it, scalars or ``[S]``.
        """
        columns = [update.columns for update in self._updates]
        frozen = self._module.diverged_at if isinstance(self._module, Ensemble) else None
        with torch.no_grad():
            made: tuple[Tensor, dict[str, Tensor]] = self._compiled(
                self._weights, columns, batch, step, dict(noise), frozen
            )
        return made

    def _update(
        self,
        weights: dict[str, Tensor],
        columns: list[Columns],
        batch: Batch,
        step: Any,  # a tensor, where methods have a number
        noise: dict[str, Tensor],
        diverged_at: Tensor | None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        moving = {name: weight for name, weight in weights.items() if name in self._used}
        gradients, (_, (losses, terms)) = grad_and_value(self._loss, has_aux=True)(
            moving, weights, batch, step, noise
        )
        before = {name: weight.clone() for name, weight in moving.items()}
        apply_updates(self._updates, moving, gradients, columns)
        if diverged_at is not None:
            diverged_at.copy_(
                torch.where(losses.isfinite() | (diverged_at >= 0), diverged_at, step)
            )
            for name, weight in moving.items():
                frozen = (diverged_at >= 0).reshape(-1, *[1] * (weight.ndim - 1))
                weight.copy_(torch.where(frozen, before[name], weight))
        return losses, terms

    def _loss(
        self,
        moving: dict[str, Tensor],
        weights: dict[str, Tensor],
        batch: Batch,
        step: Any,  # a tensor, where methods have a number
        noise: dict[str, Tensor],
    ) -> tuple[Tensor, tuple[Tensor, dict[str, Tensor]]]:
        low = isinstance(self._precision, MixedPrecision)
        with torch.autocast(step.device.type, torch.bfloat16, enabled=low):
            terms = self._module.terms_of(weights | moving, batch, step, noise)
            losses: Tensor = self._module.loss(terms, step)
        return losses.sum(), (losses, terms)


def named_weights(module: Model) -> dict[str, Tensor]:
    """The weights of a model; of an ensemble the stacks."""
    owner = module.stacked if isinstance(module, Ensemble) else module
    return dict(owner.named_parameters())
