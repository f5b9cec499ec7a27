"""ControlVAE: the recursion of its controller, wherever an update is made."""

import copy
import math

import pytest
import torch
from pytorch_lightning.plugins.precision import Precision

from builders.methods import batch_of, made
from vaescope.distributions.posteriors import DiagonalGaussian
from vaescope.ensemble import Ensemble
from vaescope.models import BetaVAE, ControlVAE, SemiSupervised
from vaescope.updates.program import UpdateProgram, named_weights

GAINS = {"k_p": 0.5, "k_i": 0.1, "beta_min": 0.25, "beta_max": 3.0}


def controlled(**symbols):
    return made(ControlVAE, DiagonalGaussian, **{"anneal_steps": 4, **GAINS, **symbols})


def by_hand(kls, targets):
    """Algorithm 1 in plain numbers: beta(t) of every t."""
    integral, before, betas = 0.0, 0.25, []
    for kl, target in zip(kls, targets, strict=True):
        error = target - kl
        outward = (before > 3 and error < 0) or (before < 0.25 and error > 0)
        integral -= 0.0 if outward else 0.1 * error
        before = 0.5 / (1 + math.exp(error)) + integral + 0.25
        betas.append(min(max(before, 0.25), 3.0))
    return betas


def updates(model, count, size=4):
    """Terms of the updates, made without a trainer."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for step in range(count):
        outcome = model.update_outcome(batch_of(seed=step), step, model.noise_for(size, step))
        optimizer.zero_grad()
        outcome["loss"].backward()
        optimizer.step()
        yield outcome["terms"]


@pytest.mark.parametrize("target", [0.0, 0.5, 60.0])  # beta to its upper bound, between, the lower
def test_the_weight_of_the_kl_is_that_of_the_recursion(target):
    model = controlled(target=target, initial_target=target)
    terms = list(updates(model, 30))
    kls = [each["kl"].item() for each in terms]
    betas = by_hand(kls, [target] * 30)
    assert [each["controlled_beta"].item() for each in terms] == pytest.approx(betas, rel=1e-9)
    products = [beta * kl for beta, kl in zip(betas, kls, strict=True)]
    assert [each["controlled_kl"].item() for each in terms] == pytest.approx(products, rel=1e-9)
    assert (0.25 in betas) == (target > 0)


def test_of_a_constant_error_the_integral_is_its_sum_until_the_bound():
    model = controlled()
    integral, beta = torch.zeros(()).double(), torch.tensor(0.25).double()
    for t in range(1, 40):
        integral, beta = model.controlled(torch.tensor(-1.0).double(), integral, beta)
        held = min(t, 24)  # 0.25 + 0.5 / (1 + 1/e) + 0.1 t is above 3 from t = 24 on
        assert integral.item() == pytest.approx(0.1 * held)
    assert beta.item() == pytest.approx(0.25 + 0.5 / (1 + math.exp(-1)) + 2.4)


def test_an_error_of_the_other_sign_brings_the_weight_back_at_once():
    """The published rule would hold it: it is out of bounds, whatever the error."""
    model = controlled()
    low = (torch.tensor(-2.0).double(), torch.tensor(-1.0).double())
    held, _ = model.controlled(torch.tensor(1.0).double(), *low)
    moved, _ = model.controlled(torch.tensor(-1.0).double(), *low)
    assert (held.item(), moved.item()) == (-2.0, pytest.approx(-1.9))


def test_the_gradient_is_that_of_a_beta_vae_whose_beta_is_the_controllers():
    model, plain = controlled(), made(BetaVAE, DiagonalGaussian, beta=1.0)
    batch, noise = batch_of(), model.noise_for(4, 0)
    terms = model.terms(batch, 0, noise)
    model.loss(terms, 0).backward()
    plain.beta = terms["controlled_beta"].item()
    plain.loss(plain.terms(batch, 0, noise), 0).backward()
    for name, weight in plain.named_parameters():
        torch.testing.assert_close(model.get_parameter(name).grad, weight.grad)


def test_the_target_moves_linearly():
    model = controlled(target=9.0, initial_target=1.0)
    assert [model.targets(step)["kl"] for step in (0, 1, 4, 9)] == [1.0, 3.0, 9.0, 9.0]


def test_members_and_programs_move_the_same_states():
    alone = [controlled(seed=seed) for seed in range(3)]
    ensembles = [Ensemble([copy.deepcopy(model) for model in alone]) for _ in range(2)]
    expected = []
    for model in alone:
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
        for step in range(3):
            noise = model.noise_for(4, step)
            model.update_outcome(batch_of(seed=step), step, noise)["loss"].backward()
            optimizer.step()
            optimizer.zero_grad()
        expected.append({name: weight.detach() for name, weight in model.named_parameters()})
    for module, by_program in zip(ensembles, (False, True), strict=True):
        weights = named_weights(module)
        optimizer = torch.optim.SGD(list(weights.values()), lr=1e-3)
        used = {name for name in weights if name not in ControlVAE.states}
        program = UpdateProgram(module, optimizer, Precision(), used, compiled=False)
        for step in range(3):
            rows = [batch_of(seed=step)] * 3
            batch = rows[0]._replace(
                image=torch.cat([row.image for row in rows]),
                factors=torch.cat([row.factors for row in rows]),
                rows=None,
                partners=(),
                known=type(rows[0].known)(),
            )
            noise = module.noise_for(4, step)
            if by_program:
                program(module.by_member(batch), torch.tensor(step), noise)
            else:
                module.update_outcome(batch, step, noise)["loss"].backward()
                optimizer.step()
                optimizer.zero_grad()
        for name, stack in weights.items():
            each = torch.stack([member[name] for member in expected])
            torch.testing.assert_close(stack.detach(), each, rtol=1e-9, atol=1e-12)
        assert weights["integral"].unique().numel() == 3


def test_a_semi_supervised_method_moves_the_states_of_the_method_within():
    symbols = {"target": 0.0, "anneal_steps": 4, **GAINS}
    model = made(
        SemiSupervised,
        DiagonalGaussian,
        unsupervised=lambda parts: ControlVAE(parts, **symbols),
    )
    betas = [terms["controlled_beta"].item() for terms in updates(model, 5)]
    assert len(set(betas)) == 5
    assert model.unsupervised.integral.item() != 0


def test_bounds_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match=r"beta_min=3\.0, beta_max=2\.0: give a larger beta_max"):
        controlled(beta_min=3.0, beta_max=2.0)
