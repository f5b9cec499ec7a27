"""Learning rates and averaged weights of single updates, against sequences worked out by hand."""

import copy

import pytest
import torch
from pytorch_lightning.plugins.precision import Precision

from builders.methods import batch_of, made
from vaescope.distributions.posteriors import DiagonalGaussian
from vaescope.ensemble import Ensemble
from vaescope.learning_rates import Constant, Linear
from vaescope.models import BetaVAE
from vaescope.models.updating import UNAVERAGED, Clipping
from vaescope.updates.functional_optimizer import group_updates
from vaescope.updates.pace import Pace
from vaescope.updates.program import UpdateProgram, named_weights


class Line(torch.nn.Module):
    """Half the squared slope, whose gradient is the slope."""

    schedule_steps = 4
    device = torch.device("cpu")
    averages = None

    def __init__(self):
        super().__init__()
        self.slope = torch.nn.Parameter(torch.tensor([8.0], dtype=torch.float64))


def test_average_and_rates_of_a_linear_model_under_sgd():
    """Rates 0.5, 0.375, 0.25, 0.125 of slopes 8, 4, 2.5, 1.875: 4, 2.5, 1.875, 1.640625."""
    line = Line()
    optimizer = torch.optim.SGD(line.parameters(), lr=0.5)
    pace = Pace(Linear(), decay=0.5)
    pace.begin(line, optimizer, dict(line.named_parameters()))
    assert line.averages["slope"].item() == 8.0
    slopes, averages, rates = [], [], []
    for step in range(4):
        pace.set_rates(step)
        (0.5 * line.slope**2).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
        pace.follow(step)
        slopes.append(line.slope.item())
        averages.append(line.averages["slope"].item())
        rates.append(pace.rate)
    assert rates == [0.5, 0.375, 0.25, 0.125]
    assert slopes == [4.0, 2.5, 1.875, 1.640625]
    by_hand = [4, (4 / 2 + 2.5) / 1.5, (4 / 4 + 2.5 / 2 + 1.875) / 1.75]
    by_hand.append((4 / 8 + 2.5 / 4 + 1.875 / 2 + 1.640625) / 1.875)
    assert averages == pytest.approx(by_hand, rel=1e-12)


def test_each_group_has_its_own_rate_times_the_factor():
    weights = [torch.nn.Parameter(torch.zeros(1)) for _ in range(2)]
    groups = [{"params": weights[:1], "lr": 0.4}, {"params": weights[1:], "lr": 0.01}]
    optimizer, pace = torch.optim.Adam(groups), Pace(Linear())
    pace.begin(Line(), optimizer, {})
    pace.set_rates(3)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.1, 0.0025])
    pace.set_rates(None)
    assert [group["lr"] for group in optimizer.param_groups] == [0.4, 0.01]


def test_without_a_schedule_nothing_is_touched():
    optimizer = torch.optim.Adam(Line().parameters(), lr=0.4)
    pace = Pace(Constant())
    pace.begin(Line(), optimizer, {})
    optimizer.param_groups[0]["lr"] = 0.3  # by somebody else
    pace.set_rates(2)
    assert optimizer.param_groups[0]["lr"] == 0.3
    assert pace.numbers(0, 3) == {}


def ensemble_of(size):
    return Ensemble([made(BetaVAE, DiagonalGaussian, seed=seed) for seed in range(size)])


@pytest.mark.parametrize("algorithm", ["norm", "value"])
def test_gradients_of_each_member_are_clipped_as_those_of_it_alone(algorithm):
    """At a bound that lies between the norms of the members."""
    ensemble = ensemble_of(3)
    stacks = named_weights(ensemble)
    for number, stack in enumerate(stacks.values()):
        torch.manual_seed(number)
        scale = torch.tensor([0.01, 1.0, 5.0]).reshape(-1, *[1] * (stack.ndim - 1))
        stack.grad = torch.randn_like(stack) * scale
    single = [{n: stack.grad[i].clone() for n, stack in stacks.items()} for i in range(3)]
    ensemble.configure_gradient_clipping(torch.optim.SGD(stacks.values(), lr=1), 1.0, algorithm)
    for number, gradients in enumerate(single):
        weights = [torch.nn.Parameter(torch.zeros_like(g)) for g in gradients.values()]
        for weight, gradient in zip(weights, gradients.values(), strict=True):
            weight.grad = gradient
        if algorithm == "norm":
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
        else:
            torch.nn.utils.clip_grad_value_(weights, 1.0)
        for weight, stack in zip(weights, stacks.values(), strict=True):
            torch.testing.assert_close(weight.grad, stack.grad[number])
    norms = torch.stack([s.grad.reshape(3, -1).norm(dim=1) for s in stacks.values()]).norm(dim=0)
    if algorithm == "norm":
        assert norms[0] < 1
        assert norms[1:].tolist() == pytest.approx([1, 1])


def test_players_are_clipped_apart():
    """As by two optimisers: the adversary's large gradient does not shrink the other's."""
    model = made(BetaVAE, DiagonalGaussian)
    weights = [torch.nn.Parameter(torch.zeros(2)) for _ in range(2)]
    weights[0].grad, weights[1].grad = torch.tensor([0.3, 0.4]), torch.tensor([30.0, 40.0])
    groups = [{"params": [weight]} for weight in weights]
    model.configure_gradient_clipping(torch.optim.SGD(groups, lr=1), 1.0)
    assert weights[0].grad.tolist() == pytest.approx([0.3, 0.4])
    assert weights[1].grad.tolist() == pytest.approx([0.6, 0.8])


@pytest.mark.parametrize("size", [1, 2])
def test_a_program_makes_the_updates_of_the_plain_way(size):
    """Clipping, rates and averages, inside a function and outside of it."""
    modules = [ensemble_of(2) if size > 1 else made(BetaVAE, DiagonalGaussian) for _ in range(2)]
    clipping, optimizers, paces = Clipping(0.5, members=size), [], []
    for module in modules:
        weights = named_weights(module)
        optimizer = torch.optim.Adam(weights.values(), lr=0.1)
        for weight in weights.values():
            weight.grad = torch.full_like(weight, 0.1)
        optimizer.step()
        optimizer.zero_grad()
        paces.append(Pace(Linear(), decay=0.7))
        module.schedule_steps = 6
        paces[-1].begin(module, optimizer, weights)
        optimizers.append(optimizer)
    plain, inside = modules
    used = set(named_weights(inside))
    program = UpdateProgram(inside, optimizers[1], Precision(), used, clipping, compiled=False)
    for step in range(1, 6):
        batch, noise = batch_of(seed=step, size=4 * size), plain.noise_for(4, step)
        paces[0].set_rates(step)
        plain.update_outcome(batch, step, noise)["loss"].backward()
        plain.configure_gradient_clipping(optimizers[0], 0.5)
        optimizers[0].step()
        optimizers[0].zero_grad()
        paces[0].follow(step)
        rows = inside.by_member(batch) if size > 1 else batch
        numbers = {name: values.double() for name, values in paces[1].numbers(step, 1).items()}
        program(rows, torch.tensor(step), noise, {n: v[0] for n, v in numbers.items()})
    for name, weight in named_weights(plain).items():
        torch.testing.assert_close(weight, named_weights(inside)[name], rtol=1e-5, atol=1e-7)
        torch.testing.assert_close(
            plain.averages[name], inside.averages[name], rtol=1e-5, atol=1e-7
        )


def test_an_optimisers_step_is_in_proportion_to_its_rate():
    """What lets a program, to which the rate is a constant, follow a schedule."""
    for kind, options in ((torch.optim.AdamW, {"weight_decay": 0.3}), (torch.optim.Adagrad, {})):
        ends = []
        for rate in (0.2, 0.05):
            torch.manual_seed(0)
            weight = torch.nn.Parameter(torch.randn(4, dtype=torch.float64))
            optimizer = kind([weight], lr=rate, **options)
            weight.grad, before = torch.randn_like(weight), weight.detach().clone()
            optimizer.step()
            ends.append((weight.detach() - before) / rate)
            assert group_updates(optimizer, {weight: "w"})
        torch.testing.assert_close(*ends)


@pytest.mark.parametrize("size", [1, 2])
def test_averages_are_what_members_have_and_checkpoints_hold_both(size):
    module = ensemble_of(2) if size > 1 else made(BetaVAE, DiagonalGaussian)
    trained = {name: weight.detach().clone() for name, weight in named_weights(module).items()}
    module.averages = {name: weight + 1 for name, weight in trained.items()}
    for number, member in enumerate(module.members()):
        for name, weight in member.named_parameters():
            wanted = trained[name][number] if size > 1 else trained[name]
            assert torch.equal(weight, wanted + 1)
        assert member is not module
        assert member.averages is None
    checkpoint = {"state_dict": copy.deepcopy(module.state_dict())}
    module.on_save_checkpoint(checkpoint)
    for name, weight in trained.items():
        assert torch.equal(checkpoint["state_dict"][module.in_state + name], weight + 1)
        assert torch.equal(checkpoint[UNAVERAGED][module.in_state + name], weight)
    again = copy.deepcopy(module)
    again.averages = None
    again.on_load_checkpoint(checkpoint)
    again.load_state_dict(checkpoint["state_dict"])
    for name, weight in trained.items():
        assert torch.equal(again.averages[name], weight + 1)
        assert torch.equal(named_weights(again)[name], weight)


def test_a_copy_with_averages_does_not_compute_by_what_was_compiled_for_the_weights():
    model = made(BetaVAE, DiagonalGaussian)
    forward = model.encoder.forward
    model.encoder.forward = lambda image: forward(image)  # as torch.compile leaves it
    model.averages = {n: torch.zeros_like(w) for n, w in named_weights(model).items()}
    image = batch_of().image
    assert model.encode(image).mean.abs().min() > 0
    assert torch.equal(model.averaged().encode(image).mean, torch.zeros(4, 3).double())
