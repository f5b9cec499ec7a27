"""Logistic probes against scikit-learn, and where there is nothing to fit."""

import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from vaescope.metrics.estimators.logistic import fit_logistic
from vaescope.metrics.estimators.logistic_newton import LogisticProblem
from vaescope.metrics.estimators.probe_data import basis_of, train_and_test


def made_up(seed=0, rows=700, sizes=(2, 3, 7, 3)):
    generator = torch.Generator().manual_seed(seed)
    draws = torch.rand(rows, len(sizes), generator=generator, dtype=torch.float64)
    factors = (draws * torch.tensor(sizes)).long()
    mix = torch.randn(len(sizes), 5, generator=generator, dtype=torch.float64)
    noise = torch.randn(rows, 5, generator=generator, dtype=torch.float64)
    return factors.double() @ mix + 1.5 * noise + 3, factors


def reference(codes, labels, strength, balanced=False):
    model = LogisticRegression(
        C=math.inf if strength is None else strength,
        tol=1e-10,
        max_iter=100_000,
        class_weight="balanced" if balanced else None,
    )
    return model.fit(codes.numpy(), labels.numpy())


def standardised(codes):
    return (codes - codes.mean(0)) / codes.std(0, correction=0)


@pytest.mark.parametrize("strength", [None, 1.0, 0.003])
@pytest.mark.parametrize("standardise", [True, False])
@pytest.mark.parametrize("balanced", [True, False])
def test_probabilities_and_accuracies_are_those_of_scikit_learn(strength, standardise, balanced):
    codes, factors = made_up()
    probes = fit_logistic(
        codes, factors, strength=strength, standardise=standardise, balanced=balanced
    )
    seen = standardised(codes) if standardise else codes
    accuracies = probes.accuracies(codes, factors)
    for place, log_p in enumerate(probes.log_probabilities(codes)):
        model = reference(seen, factors[:, place], strength, balanced)
        np.testing.assert_allclose(log_p.exp(), model.predict_proba(seen.numpy()), atol=1e-4)
        expected = model.score(seen.numpy(), factors[:, place].numpy())
        assert float(accuracies[place]) == pytest.approx(expected, abs=1e-3)
    assert bool((probes.gap <= 1e-8).all())


def test_the_loss_is_the_least_by_its_gradient():
    codes, factors = made_up(1)
    probes = fit_logistic(codes, factors[:, 2:3], strength=0.5, tolerance=1e-13)
    weights = probes.weights[0].clone().requires_grad_()
    inputs = probes.basis.inputs(codes)
    log_p = (inputs @ weights.T).log_softmax(1)
    in_latents = weights[:, :-1] @ probes.basis.rotation.T
    loss = -log_p.gather(1, factors[:, 2:3]).sum() + in_latents.square().sum() / (2 * 0.5)
    (gradient,) = torch.autograd.grad(loss, weights)
    assert float(gradient.abs().max()) < 1e-4  # of a sum over 700 rows
    assert float(weights.detach().sum(0).abs().max()) < 1e-9


def test_the_curvature_of_independent_classes_takes_no_pass_over_the_inputs():
    inputs = torch.cartesian_prod(*(torch.tensor([-1.0, 1.0]).double(),) * 3)
    inputs[:, 2] = 1  # uncorrelated coordinates of variance 1, then ones
    rows = torch.ones(1, len(inputs)).double()
    problem = LogisticProblem(inputs, torch.zeros(1, 8).long(), rows, torch.rand(3).double())
    p = torch.tensor([0.2, 0.3, 0.5]).double()[None, :, None].expand(1, 3, 8)
    torch.testing.assert_close(problem.hessian_of_independence(p), problem.hessian(p))


def test_constant_and_copied_latents_change_nothing():
    codes, factors = made_up(2)
    plain = fit_logistic(codes, factors)
    more = torch.cat([torch.full_like(codes[:, :1], 0.1), codes, 2 * codes[:, 1:2] - 5], 1)
    found = fit_logistic(more, factors)
    for one, other in zip(
        plain.log_probabilities(codes), found.log_probabilities(more), strict=True
    ):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=0)


def test_without_a_varying_latent_the_shares_are_predicted():
    factors = torch.tensor([[0], [0], [0], [1]])
    probes = fit_logistic(torch.full((4, 2), 0.3), factors)
    torch.testing.assert_close(
        probes.log_probabilities(torch.zeros(1, 2))[0].exp(),
        torch.tensor([[0.75, 0.25]], dtype=torch.float64),
    )
    assert float(probes.accuracies(torch.zeros(4, 2), factors)[0]) == 0.75


def test_separable_classes_reach_zero_loss():
    factors = torch.arange(40)[:, None].repeat(10, 1)
    probes = fit_logistic(factors.double(), factors)
    assert float(probes.losses(factors.double(), factors)) == pytest.approx(0, abs=1e-6)
    assert float(probes.accuracies(factors.double(), factors)) == 1


def test_one_class_and_unseen_classes():
    codes, factors = made_up(3)
    factors = torch.cat([factors, torch.full_like(factors[:, :1], 4)], 1)
    probes = fit_logistic(codes, factors)
    assert float(probes.accuracies(codes, factors)[4]) == 1
    assert float(probes.losses(codes, factors)[4]) == 0
    moved = factors + torch.tensor([0, 0, 0, 0, 1])
    assert float(probes.accuracies(codes, moved)[4]) == 0
    assert float(probes.losses(codes, moved)[4]) == math.inf


def test_any_values_are_classes():
    codes, factors = made_up(4)
    named = fit_logistic(codes, 10 - 0.5 * factors, kinds=("categorical",) * 4)
    plain = fit_logistic(codes, factors)
    torch.testing.assert_close(
        named.accuracies(codes, 10 - 0.5 * factors), plain.accuracies(codes, factors)
    )


def test_batches_of_equally_many_classes_are_fitted_as_single_ones():
    codes, factors = made_up(5)
    together = fit_logistic(codes, factors[:, [1, 3]], tolerance=1e-13)
    for place, column in enumerate((1, 3)):
        alone = fit_logistic(codes, factors[:, column : column + 1], tolerance=1e-13)
        torch.testing.assert_close(together.weights[place], alone.weights[0], atol=1e-6, rtol=0)


def test_the_basis_is_orthonormal_and_survives_an_offset():
    codes, _ = made_up(6)
    codes = torch.cat([1e6 + 1e-3 * codes, codes[:, :1] + codes[:, 1:2]], 1)
    inputs = basis_of(codes).inputs(codes)
    gram = inputs.T @ inputs / len(codes)
    # The last latent is a mixture of others up to the rounding of their large values.
    torch.testing.assert_close(gram, torch.eye(6, dtype=torch.float64), atol=1e-5, rtol=0)


def test_split_holds_out_a_third_and_repeats_itself():
    codes, factors = made_up(7)
    fitted, scored = train_and_test(codes, factors, seed=1)
    assert (len(fitted[0]), len(scored[0])) == (467, 233)
    torch.testing.assert_close(scored[0], train_and_test(codes, factors, seed=1)[1][0])
    both = torch.cat([fitted[0], scored[0]]).sum()
    assert float(both) == pytest.approx(float(codes.sum()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c, f: (c * math.nan, f), "NaN or infinite"),
        (lambda c, f: (c[1:], f), "rows of codes"),
        (lambda c, f: (c, f + 0.5), "classes are needed"),
        (lambda c, f: (c[:, 0], f), "are needed"),
        (lambda c, f: (c.repeat(4, 1), torch.arange(2800)[:, None]), "2800 classes"),
    ],
)
def test_wrong_rows_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        fit_logistic(*change(*made_up()))


def test_wrong_options_are_refused():
    codes, factors = made_up()
    with pytest.raises(ValueError, match="strength = 0"):
        fit_logistic(codes, factors, strength=0)
    with pytest.raises(ValueError, match="tolerance"):
        fit_logistic(codes, factors, tolerance=0)
    with pytest.raises(ValueError, match="test_share = 1"):
        train_and_test(codes, factors, test_share=1)
    with pytest.raises(ValueError, match="at least 2"):
        train_and_test(codes[:1], factors[:1])
    with pytest.raises(ValueError, match="kinds"):
        fit_logistic(codes, factors, kinds=["ordinal"])
