"""Optimisers as functions of tensors make the updates of torch's own."""

import copy

import pytest
import torch
from torch.optim import SGD, Adagrad, Adam, AdamW, RMSprop

from vaescope.updates.functional_optimizer import (
    apply_updates,
    group_updates,
    why_not_functional,
)

CASES = {
    "Adam": (Adam, {}),
    "Adam fused": (Adam, {"fused": True}),
    "Adam amsgrad": (Adam, {"amsgrad": True, "betas": (0.5, 0.9), "eps": 1e-3}),
    "Adam decay": (Adam, {"weight_decay": 0.1, "maximize": True}),
    "AdamW": (AdamW, {"weight_decay": 0.1, "fused": True}),
    "Adagrad": (Adagrad, {"lr_decay": 0.1, "weight_decay": 0.1, "fused": True}),
    "SGD": (SGD, {"weight_decay": 0.1}),
    "SGD momentum": (SGD, {"momentum": 0.9, "dampening": 0.1}),
    "SGD nesterov": (SGD, {"momentum": 0.9, "nesterov": True}),
}


def moved(weights, step):
    """Other gradients at every step."""
    torch.manual_seed(step)
    return [torch.randn_like(weight) for weight in weights]


@pytest.mark.parametrize("kernels", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_updates_are_those_of_torch(case, kernels):
    """By the formulas or the optimiser's own kernels, however gradients lie in memory."""
    kind, settings = CASES[case]
    torch.manual_seed(0)
    weights = [torch.nn.Parameter(torch.randn(shape)) for shape in ((3, 4), (5,), (2,))]
    groups = [{"params": weights[:2], "lr": 0.1}, {"params": weights[2:], "lr": 0.01}]
    optimizer = kind(groups, **settings)
    for weight, gradient in zip(weights, moved(weights, 0), strict=True):
        weight.grad = gradient
    optimizer.step()
    other = copy.deepcopy(optimizer)
    twins = [weight for group in other.param_groups for weight in group["params"]]
    names = {twin: str(number) for number, twin in enumerate(twins)}
    updates = group_updates(other, names, kernels)
    columns = [update.columns for update in updates]
    for step in range(1, 30):
        gradients = moved(weights, step)
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.grad = gradient
        optimizer.step()
        columnwise = [g.mT.contiguous().mT if g.ndim > 1 else g for g in gradients]
        named = dict(zip(names.values(), columnwise, strict=True))
        own = {name: twin.detach() for twin, name in names.items()}
        apply_updates(updates, own, named, columns)
    for one, two in zip(weights, twins, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-5, atol=1e-6)
        states = optimizer.state[one], other.state[two]
        assert states[0].keys() == states[1].keys()
        for key, value in states[0].items():
            torch.testing.assert_close(value, states[1][key], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("kernels", "captured"), [(False, True), (True, False)])
def test_a_compiler_is_told_of_counters_that_are_on_a_device(kernels, captured):
    """Without that, torch refuses to compile the update of Adam (seen on an H100)."""
    weight = torch.nn.Parameter(torch.zeros(2, device="meta"))
    optimizer = Adam([weight])
    counter = {"step": torch.zeros((), device="meta")}
    optimizer.state[weight] = counter | {
        k: torch.zeros_like(weight) for k in ("exp_avg", "exp_avg_sq")
    }
    (update,) = group_updates(optimizer, {weight: "w"}, kernels)
    assert update._settings["capturable"] == captured


def test_an_optimiser_of_another_kind_is_named():
    optimizer = RMSprop([torch.nn.Parameter(torch.zeros(1))])
    assert "RMSprop is none of" in why_not_functional(optimizer)
