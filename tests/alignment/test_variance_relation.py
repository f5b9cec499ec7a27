"""Optimal variances and the Hadamard gap, against determinants and minimised losses."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vaescope.alignment import ima_contrast, kl_diagonal, variance_relation

seeds = st.integers(0, 10**6)


def normal(seed, *shape):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def test_relation_is_one_where_the_expected_loss_is_stationary():
    beta, squares = 0.7, normal(0, 5, 3).square()
    variance = 1 / (1 + 2 * squares / beta)
    torch.testing.assert_close(
        variance_relation(variance, 2 * squares, beta), torch.ones_like(variance)
    )
    variance.requires_grad_()
    loss = (variance * squares).sum() + beta * kl_diagonal(torch.zeros(5, 3), variance).sum()
    loss.backward()
    assert variance.grad.abs().max() < 1e-12


def test_relation_of_a_switched_off_latent_is_one():
    assert variance_relation(torch.ones(2, 1), torch.zeros(2, 1), 4.0).tolist() == [[1.0], [1.0]]


@settings(deadline=None, max_examples=40)
@given(seed=seeds, dim=st.integers(1, 6))
def test_gap_is_the_logarithm_of_hadamards_ratio(seed, dim):
    jacobian = normal(seed, 4, 9, dim)
    gram = jacobian.mT @ jacobian
    gap = ima_contrast(gram)
    expected = (jacobian.norm(dim=1).prod(1) / torch.linalg.det(gram).sqrt()).log()
    torch.testing.assert_close(gap, expected, atol=1e-9, rtol=1e-6)
    assert (gap >= 0).all()


@settings(deadline=None, max_examples=25)
@given(seed=seeds, power=st.integers(-30, 30))
def test_gap_ignores_scale_sign_and_order_of_latents(seed, power):
    jacobian = normal(seed, 3, 8, 4)
    factors = torch.tensor([10.0**power, -1.0, 3.0, -0.1])
    changed = (jacobian * factors)[:, :, [1, 3, 0, 2]]
    torch.testing.assert_close(
        ima_contrast(changed.mT @ changed), ima_contrast(jacobian.mT @ jacobian)
    )


def test_gap_of_orthogonal_columns_alone_is_zero():
    scales = torch.tensor([1.0, 100.0, 0.01, 3.0])
    columns = torch.linalg.qr(normal(0, 5, 7, 4)).Q * scales
    assert ima_contrast(columns.mT @ columns).max() < 1e-12
    columns[:, :, 0] += 0.1 * columns[:, :, 1] / 100
    assert ima_contrast(columns.mT @ columns).min() > 1e-3


def test_gap_of_a_singular_matrix_is_infinite():
    zero_column = torch.diag(torch.tensor([1.0, 0.0, 2.0]))
    repeated = torch.ones(3, 3)
    assert ima_contrast(torch.stack([zero_column, repeated])).tolist() == [torch.inf] * 2


def test_arguments_that_cannot_be_right_are_refused():
    with pytest.raises(ValueError, match="beta = 0"):
        variance_relation(torch.ones(1, 1), torch.ones(1, 1), 0)
    with pytest.raises(ValueError, match="equal shapes"):
        variance_relation(torch.ones(2, 1), torch.ones(1, 2), 1)
    with pytest.raises(ValueError, match=r"\[N, D, D\]"):
        ima_contrast(torch.eye(3))
    with pytest.raises(ValueError, match="NaN"):
        ima_contrast(torch.full((1, 2, 2), torch.nan))
