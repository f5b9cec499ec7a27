"""Column norms as singular values, and their order: against SVD and scipy's rank correlation."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from vaescope.alignment import norm_spectrum_error, order_agreement

seeds = st.integers(0, 10**6)


def normal(seed, *shape):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


@settings(deadline=None, max_examples=25)
@given(seed=seeds, dim=st.integers(1, 6))
def test_error_is_that_of_the_svd(seed, dim):
    jacobian = normal(seed, 4, 9, dim)
    values = torch.linalg.svdvals(jacobian)
    norms = jacobian.norm(dim=1).sort(descending=True).values
    found = norm_spectrum_error(jacobian.mT @ jacobian)
    expected = (norms - values).norm(dim=1) / values.norm(dim=1)
    torch.testing.assert_close(found, expected, atol=1e-7, rtol=0)
    assert (found < math.sqrt(2)).all()


@settings(deadline=None, max_examples=25)
@given(seed=seeds, scale=st.sampled_from([1e-9, 1.0, 1e9]))
def test_error_ignores_scale_order_and_signs_of_latents(seed, scale):
    jacobian = normal(seed, 3, 8, 4)
    changed = scale * jacobian[:, :, [2, 0, 3, 1]] * torch.tensor([1, -1, -1, 1])
    torch.testing.assert_close(
        norm_spectrum_error(changed.mT @ changed), norm_spectrum_error(jacobian.mT @ jacobian)
    )


def test_orthogonal_columns_alone_have_no_error():
    columns = torch.linalg.qr(normal(0, 5, 7, 4)).Q * torch.tensor([1.0, 100.0, 0.0, 3.0])
    assert norm_spectrum_error(columns.mT @ columns).max() < 1e-7
    parallel = torch.ones(1, 4, 4, dtype=torch.float64)  # norms 1, 1, 1, 1; spectrum 2, 0, 0, 0
    assert norm_spectrum_error(parallel).item() == pytest.approx(1.0)


def test_error_of_nothing_is_zero():
    assert norm_spectrum_error(torch.zeros(2, 3, 3)).tolist() == [0, 0]
    assert norm_spectrum_error(torch.full((2, 1, 1), 5.0)).max() < 1e-15


@settings(deadline=None, max_examples=40)
@given(seed=seeds, dim=st.integers(2, 7), levels=st.sampled_from([2, 3, 1000]))
def test_agreement_is_scipys_rank_correlation(seed, dim, levels):
    generator = torch.Generator().manual_seed(seed)
    variance, diagonal = 1 + torch.randint(levels, (2, 6, dim), generator=generator).double()
    for found, v, g in zip(
        order_agreement(variance, diagonal).tolist(), variance, diagonal, strict=True
    ):
        if v.unique().numel() == 1 or g.unique().numel() == 1:
            assert found == 0
        else:
            expected = spearmanr((1 / v.sqrt()).numpy(), g.sqrt().numpy()).statistic
            assert found == pytest.approx(expected, abs=1e-12)


def test_agreement_is_one_where_the_variances_are_optimal():
    diagonal = normal(0, 20, 5).square()
    optimal = 1 / (1 + diagonal / 0.3)
    torch.testing.assert_close(order_agreement(optimal, diagonal), torch.ones(20).double())
    torch.testing.assert_close(order_agreement(1 / optimal, diagonal), -torch.ones(20).double())
    order = [3, 1, 0, 4, 2]
    torch.testing.assert_close(
        order_agreement(diagonal[:, order], optimal.flip(0)[:, order]),
        order_agreement(diagonal, optimal.flip(0)),
    )


def test_arguments_that_cannot_be_right_are_refused():
    with pytest.raises(ValueError, match=r"\[N, D, D\]"):
        norm_spectrum_error(torch.eye(3))
    with pytest.raises(ValueError, match="NaN"):
        norm_spectrum_error(torch.full((1, 2, 2), torch.nan))
    with pytest.raises(ValueError, match="D >= 2"):
        order_agreement(torch.ones(3, 1), torch.ones(3, 1))
    with pytest.raises(ValueError, match="equal shapes"):
        order_agreement(torch.ones(3, 2), torch.ones(2, 2))
    with pytest.raises(ValueError, match="variance holds"):
        order_agreement(torch.full((1, 2), torch.nan), torch.ones(1, 2))
    with pytest.raises(ValueError, match="gram_diagonal holds"):
        order_agreement(torch.ones(1, 2), -torch.ones(1, 2))
