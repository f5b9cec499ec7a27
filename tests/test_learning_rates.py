"""Schedules of the learning rate are their formulas, to the digit."""

import math

import pytest
import torch

from vaescope.errors import ConfigError
from vaescope.learning_rates import (
    Constant,
    Cosine,
    Exponential,
    Linear,
    OneCycle,
    StepDecay,
)

T, W = 110, 10
ALL = {
    Constant: lambda p: 1.0,
    Cosine: lambda p: 0.1 + 0.9 * math.cos(math.pi * p / 2) ** 2,
    Linear: lambda p: 1 - 0.9 * p,
    StepDecay: lambda p: {0: 1.0, 1: 0.2, 2: 0.04}[(p >= 0.5) + (p >= 0.75)],
    Exponential: lambda p: math.exp(p * math.log(0.1)),
}
OPTIONS = {
    Constant: {},
    StepDecay: {"gamma": 0.2},
    **{kind: {"final": 0.1} for kind in (Cosine, Linear, Exponential)},
}


@pytest.mark.parametrize("kind", ALL)
def test_each_is_its_formula_behind_a_linear_warm_up(kind):
    schedule = kind(warmup_steps=W, **OPTIONS[kind])
    rising = [schedule(step, T) for step in range(W)]
    assert rising == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    for step in range(W, T + 1):
        assert schedule(step, T) == pytest.approx(ALL[kind]((step - W) / 100)), step
    assert schedule(10 * T, T) == schedule(T, T)


def test_cosine_is_torchs():
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=0.3)
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=20, eta_min=0.03)
    for step in range(20):
        assert 0.3 * Cosine(final=0.1)(step, 20) == pytest.approx(theirs.get_last_lr()[0])
        optimizer.step()
        theirs.step()


def test_one_cycle_rises_and_falls_by_half_cosines():
    schedule = OneCycle(warmup_steps=20, initial=0.2, final=0.01)
    assert schedule(0, 100) == pytest.approx(0.2)
    assert schedule(5, 100) == pytest.approx(0.2 + 0.8 * math.sin(math.pi / 8) ** 2)
    assert schedule(20, 100) == 1.0
    assert schedule(60, 100) == pytest.approx(0.505)
    assert schedule(100, 100) == pytest.approx(0.01)
    assert OneCycle()(30, 100) == 1.0  # 30 % of the run


@pytest.mark.parametrize("kind", [Cosine, Linear, StepDecay, Exponential, OneCycle])
def test_what_goes_over_a_run_needs_its_length_and_room_behind_the_warm_up(kind):
    with pytest.raises(ConfigError, match="number of updates is not known; give schedule_steps=N"):
        kind()(0, None)
    with pytest.raises(ConfigError, match=r"warmup_steps=50: nothing is left of the run's 50"):
        kind(warmup_steps=50)(0, 50)


def test_numbers_out_of_range_are_refused():
    with pytest.raises(ConfigError, match="final=2"):
        Cosine(final=2)
    with pytest.raises(ConfigError, match="at="):
        StepDecay(at=(0.5, 1.5))
