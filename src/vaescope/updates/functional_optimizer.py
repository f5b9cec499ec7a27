"""torch's optimisers as functions of tensors, as a compiled or captured update has them inside."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import SGD, Adagrad, Adam, AdamW, Optimizer
from torch.optim.adagrad import adagrad
from torch.optim.adam import adam
from torch.optim.sgd import sgd

_OF_ADAM = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq", "step")
# optimiser: its function, and the state that this takes, in its order
_FUNCTIONS: dict[type[Optimizer], tuple[Callable[..., None], tuple[str, ...]]] = {
    Adam: (adam, _OF_ADAM),
    AdamW: (adam, _OF_ADAM),
    Adagrad: (adagrad, ("sum", "step")),
    SGD: (sgd, ("momentum_buffer",)),
}

Columns = list[list[Tensor]]


def why_not_functional(optimizer: Optimizer) -> str | None:
    """Why an optimiser cannot be part of a compiled update, in one sentence; None: it can."""
    if type(optimizer) not in _FUNCTIONS:
        return f"{type(optimizer).__name__} is none of Adam, AdamW, Adagrad and SGD"
    if "decoupled_weight_decay" not in inspect.signature(adam).parameters:
        return "this version of torch has AdamW apart"  # before 2.7
    if any(isinstance(group["lr"], Tensor) for group in optimizer.param_groups):
        return "a learning rate is a tensor"
    return None


def why_not_replayed(optimizer: Optimizer) -> str | None:
    """Why a CUDA graph cannot hold an optimiser's update, in one sentence; None: it can.

    What an optimiser computes on the host is computed once, where the graph is captured.
    """
    for group in optimizer.param_groups:
        on_device = group.get("fused") or group.get("capturable")
        if isinstance(optimizer, Adam) and not on_device:
            return "with optimizer.fused=false the host computes each update's bias correction"
        if group.get("lr_decay"):
            return "with optimizer.lr_decay the host computes each update's learning rate"
    return None


class GroupUpdate:
    """The update of weights that an optimiser treats alike, with today's settings of the group.

    Args:
        optimizer: it has the state of all weights: an update was made, or a checkpoint was read.
        group: of the optimiser.
        names: of the weights that are updated.
        kernels: whether the optimiser's own fused kernels make it, which a compiler does not need.

    Attributes:
        names: of the weights of this group.
        columns: of each kind of state the tensors of all weights, which a call changes in place.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        group: Mapping[str, Any],
        names: Mapping[Tensor, str],
        kernels: bool = False,
    ) -> None:
        weights = [weight for weight in group["params"] if weight in names]
        self.names = [names[weight] for weight in weights]
        self._function, kinds = _FUNCTIONS[type(optimizer)]
        states = [optimizer.state[weight] for weight in weights]
        self.columns = [[s[kind] for s in states if s.get(kind) is not None] for kind in kinds]
        known = set(inspect.signature(self._function).parameters) - {"foreach", "fused"}
        self._settings = {key: value for key, value in group.items() if key in known - {"params"}}
        if "betas" in group:
            self._settings |= dict(zip(("beta1", "beta2"), group["betas"], strict=True))
        self._kernels, fused = kernels, kernels and bool(group.get("fused"))
        self._settings |= {"fused": fused, "foreach": kernels and not fused}
        if "capturable" in known and not kernels:  # else a compiler refuses counters on a device
            steps = self.columns[kinds.index("step")]
            self._settings["capturable"] |= any(step.device.type != "cpu" for step in steps)
        self._counts: list[Tensor] = []
        self._step_column = kinds.index("step") if "step" in kinds else None

    def __call__(self, weights: list[Tensor], gradients: list[Tensor], columns: Columns) -> None:
        """Update weights and columns in place."""
        states: list[Any] = [column or [] for column in columns]
        if self._kernels:  # they take it that memory is laid out alike, or are slow where it is not
            pairs = zip(weights, gradients, strict=True)
            gradients = [_laid_out_like(weight, gradient) for weight, gradient in pairs]
        if self._function is sgd and not states[0]:  # without momentum it has no state
            states = [[None] * len(weights)]
        self._function(weights, gradients, *states, **self._settings)

    def count_on_host(self) -> None:
        """Leave numbers of updates that are on the host to ``count``: no graph changes them."""
        if self._step_column is not None:
            steps = self.columns[self._step_column]
            self._counts = [step for step in steps if step.device.type == "cpu"]
            if self._counts:
                self.columns[self._step_column] = [step.clone() for step in steps]

    def count(self, updates: int) -> None:
        """Count updates that were made, where the host counts them."""
        for number in self._counts:
            number += updates


def _laid_out_like(weight: Tensor, gradient: Tensor) -> Tensor:
    if weight.stride() == gradient.stride():
        return gradient
    return torch.empty_like(weight).copy_(gradient)


def group_updates(
    optimizer: Optimizer, names: Mapping[Tensor, str], kernels: bool = False
) -> list[GroupUpdate]:
    """The update of each of the optimiser's groups; ``names`` of the weights to update."""
    groups = optimizer.param_groups
    updates = [GroupUpdate(optimizer, group, names, kernels) for group in groups]
    return [update for update in updates if update.names]


@torch.no_grad()
def apply_updates(
    updates: list[GroupUpdate],
    weights: Mapping[str, Tensor],
    gradients: Mapping[str, Tensor],
    columns: list[Columns],
) -> None:
    """Make the updates of all groups, in place."""
    for update, own in zip(updates, columns, strict=True):
        names = update.names
        update([weights[name] for name in names], [gradients[name] for name in names], own)
