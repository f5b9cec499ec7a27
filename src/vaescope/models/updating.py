"""What all models share of an update: gradient clipping, and averaged weights in checkpoints."""

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import pytorch_lightning as pl
import torch
from torch import Tensor

UNAVERAGED = "unaveraged"  # of a checkpoint: the weights from which training goes on


@dataclass(frozen=True)
class Clipping:
    """Gradient clipping: of each player and each member by itself.

    Args:
        bound: of the norm, or of the absolute value of each entry.
        by_value: whether entries are cut off, and not the norm.
        members: number of models that a first axis of the gradients counts; 1: there is none.

    Source: Pascanu et al. 2013, https://arxiv.org/abs/1211.5063, algorithm 1. Differs: the norm is
    over the weights that one optimiser would have, as those of an adversary.
    """

    bound: float
    by_value: bool = False
    members: int = 1

    def clip(self, gradients: Iterable[Tensor]) -> None:
        """Clip the gradients of one player's weights in place."""
        found = list(gradients)
        if self.by_value:
            for gradient in found:
                gradient.clamp_(-self.bound, self.bound)
            return
        rows = [gradient.reshape(self.members, -1) for gradient in found]
        norms = torch.stack([torch.linalg.vector_norm(row, dim=1) for row in rows])
        factor = (self.bound / (torch.linalg.vector_norm(norms, dim=0) + 1e-6)).clamp(max=1)
        for gradient in found:
            gradient.mul_(factor.reshape(-1, *[1] * (gradient.ndim - 1)).to(gradient.dtype))


class Updating(pl.LightningModule):
    """Hooks of Lightning that one model and an ensemble share.

    Attributes:
        averages: averaged weights by name, which ``members`` have and checkpoints hold as the
            model's; None: those in training.
    """

    averages: dict[str, Tensor] | None = None
    in_state: ClassVar[str] = ""  # what the names of weights begin with in the state

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of its members, in their order."""
        raise NotImplementedError

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: int | float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip the gradients of each of the optimiser's groups."""
        clipping = self.clipping(gradient_clip_val, gradient_clip_algorithm)
        if clipping is not None:
            for group in optimizer.param_groups:
                clipping.clip(w.grad for w in group["params"] if w.grad is not None)

    def clipping(self, bound: int | float | None, algorithm: str | None) -> Clipping | None:
        """How gradients are clipped with these settings of the trainer; None: they are not."""
        return Clipping(bound, algorithm == "value", len(self.seeds)) if bound else None

    def averaged(self) -> Self:
        """A copy with the averaged weights, of no trainer; the model itself, if there are none."""
        if self.averages is None:
            return self
        model = copy.deepcopy(self, {id(self._trainer): None, id(self.averages): None})
        for network in model.children():
            vars(network).pop("forward", None)  # compiled, it is that of the weights in training
        model.load_state_dict(self.averages, strict=False)
        return model

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Averaged weights are the model's; those in training lie beside them."""
        if self.averages is not None:
            checkpoint[UNAVERAGED] = checkpoint["state_dict"]
            averages = {f"{self.in_state}{n}": average for n, average in self.averages.items()}
            checkpoint["state_dict"] = checkpoint["state_dict"] | averages

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Training goes on from its own weights, and the average from itself."""
        if UNAVERAGED in checkpoint:
            averaged, checkpoint["state_dict"] = checkpoint["state_dict"], checkpoint[UNAVERAGED]
            names = {name for name, _ in self.named_parameters()}
            skip = len(self.in_state)
            self.averages = {n[skip:]: w for n, w in averaged.items() if n in names}
