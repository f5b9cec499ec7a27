"""One update as one program, forward, backward and optimiser: compiled, captured, or both."""

from collections.abc import Mapping
from contextlib import nullcontext
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
from vaescope.models.updating import Clipping
from vaescope.updates.functional_optimizer import (
    Columns,
    apply_updates,
    group_updates,
    why_not_functional,
)
from vaescope.updates.pace import RATE, SHARE, Model


def why_no_program(trainer: Any, module: pl.LightningModule, optimizer: Optimizer) -> str | None:
    """Why an update cannot be one program, in one sentence; None: it can."""
    kind = type(module).__name__
    if type(trainer.precision_plugin) not in (Precision, MixedPrecision):
        return f"precision={trainer.precision} is neither 32-true nor bf16-mixed"
    if any(isinstance(part, _DropoutNd) for part in module.modules()):
        return f"{kind} has dropout, whose numbers a program of whole updates draws otherwise"
    owner = module.stacked if isinstance(module, Ensemble) else module
    if next(owner.buffers(), None) is not None:
        return f"{kind} changes state besides weights"
    return why_not_functional(optimizer)


class UpdateProgram:
    """Makes updates of a model's weights, and of its optimiser's state, by one function.

    Weights and state are changed in place, so that checkpoints and evaluations find them where
    they are. A member of an ensemble whose loss is not finite is frozen by the program itself.

    Args:
        module: on its device.
        optimizer: of the module, with the state of all weights.
        precision: Lightning's, 32-true or bf16-mixed.
        used: names of the weights that the loss depends on; the others stay as they are.
        clipping: of the gradients; None: they are not clipped.
        compiled: whether torch compiles the function.
        replayed: whether a CUDA graph is made of it.
    """

    def __init__(
        self,
        module: Model,
        optimizer: Optimizer,
        precision: Precision,
        used: set[str],
        clipping: Clipping | None = None,
        *,
        compiled: bool = True,
        replayed: bool = False,
    ) -> None:
        self.module, self._precision, self._clipping = module, precision, clipping
        self._method = module.stacked if isinstance(module, Ensemble) else module
        named = named_weights(module)
        self._weights = {name: weight.detach() for name, weight in named.items()}
        moved = {weight: name for name, weight in named.items() if name in used}
        self._updates = group_updates(optimizer, moved, kernels=not compiled)
        if replayed:
            for update in self._updates:
                update.count_on_host()
        self._used = used
        self._function = self.update
        if compiled:
            torch.compiler.reset()  # else what an earlier run of this process compiled counts
            # nothing but weights, data and the step changes, and those are tensors
            self._function = torch.compile(self.update, dynamic=False, fullgraph=True)

    def __call__(
        self,
        batch: Batch,
        step: Tensor,
        noise: Mapping[str, Tensor],
        pace: Mapping[str, Tensor] | None = None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Make the update behind ``step``; ``pace``: its part of ``Pace.numbers``.

        Returns:
            Losses and terms before it, scalars or ``[S]``.
        """
        with torch.no_grad():
            made: tuple[Tensor, dict[str, Tensor]] = self._function(
                *self.state, batch, step, dict(noise), dict(pace or {})
            )
        return made

    @property
    def state(self) -> tuple[dict[str, Tensor], dict[str, Tensor], list[Columns], Tensor | None]:
        """What an update changes: weights, averages, the optimiser's state, and who is frozen."""
        columns = [update.columns for update in self._updates]
        frozen = self.module.diverged_at if isinstance(self.module, Ensemble) else None
        return self._weights, self.module.averages or {}, columns, frozen

    def count(self, updates: int) -> None:
        """Count updates of a graph, where the host counts the optimiser's."""
        for update in self._updates:
            update.count(updates)

    def update(
        self,
        weights: dict[str, Tensor],
        averages: dict[str, Tensor],
        columns: list[Columns],
        diverged_at: Tensor | None,
        batch: Batch,
        step: Any,  # a tensor, where methods have a number
        noise: dict[str, Tensor],
        pace: dict[str, Tensor],
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The update as a function of everything that it depends on, which it changes in place."""
        gradients, losses, terms = self.gradients(weights, batch, step, noise)
        states = {name: weights[name] for name in self._method.states}
        after = self._method.states_after(states, terms, step)
        moving = {name: weights[name] for name in (*gradients, *after)}
        is_kept = RATE in pace or diverged_at is not None
        before = {name: weight.clone() for name, weight in moving.items()} if is_kept else {}
        if self._clipping is not None:
            for group in self._updates:
                self._clipping.clip(gradients[name] for name in group.names)
        apply_updates(self._updates, moving, gradients, columns)
        for name, value in after.items():
            weights[name].copy_(value)
        if RATE in pace:  # the step of each of these optimisers is in proportion to its rate
            for name in gradients:
                weight = moving[name]
                weight.copy_(torch.lerp(before[name], weight, pace[RATE]))
        if diverged_at is not None:
            is_held = losses.isfinite() | (diverged_at >= 0)
            diverged_at.copy_(torch.where(is_held, diverged_at, step))
            for name, weight in moving.items():
                frozen = (diverged_at >= 0).reshape(-1, *[1] * (weight.ndim - 1))
                torch.where(frozen, before[name], weight, out=weight)
        for name, average in averages.items():
            average.lerp_(weights[name], pace[SHARE])
        return losses, terms

    def gradients(
        self, weights: dict[str, Tensor], batch: Batch, step: Any, noise: dict[str, Tensor]
    ) -> tuple[dict[str, Tensor], Tensor, dict[str, Tensor]]:
        """Of the weights that are used the gradients, by their names; losses and terms."""
        moving = {name: weight for name, weight in weights.items() if name in self._used}
        gradients, (_, (losses, terms)) = grad_and_value(self._loss, has_aux=True)(
            moving, weights, batch, step, noise
        )
        return gradients, losses, terms

    def _loss(
        self,
        moving: dict[str, Tensor],
        weights: dict[str, Tensor],
        batch: Batch,
        step: Any,  # a tensor, where methods have a number
        noise: dict[str, Tensor],
    ) -> tuple[Tensor, tuple[Tensor, dict[str, Tensor]]]:
        low = isinstance(self._precision, MixedPrecision)
        with torch.autocast(step.device.type, torch.bfloat16) if low else nullcontext():
            terms = self.module.terms_of(weights | moving, batch, step, noise)
            losses: Tensor = self.module.loss(terms, step)
        return losses.sum(), (losses, terms)


def named_weights(module: Model) -> dict[str, Tensor]:
    """The weights of a model; of an ensemble the stacks."""
    owner = module.stacked if isinstance(module, Ensemble) else module
    return dict(owner.named_parameters())
