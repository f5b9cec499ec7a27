"""The linear VAE's optimum, against its exact expected loss."""

import pytest
import torch

from vaescope.alignment import axis_cosines, kl_diagonal, linear_vae_optimum, variance_relation

VARIANCES = torch.tensor([2.0, 0.9, 0.4, 0.1], dtype=torch.float64)


def normal(seed, *shape):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def covariance(variances=VARIANCES, seed=0):
    axes = torch.linalg.qr(normal(seed, len(variances), len(variances))).Q
    return axes @ torch.diag(variances) @ axes.T


def expected_loss(decoder, encoder, variance, data, beta):
    """Loss of x -> N(E x, diag variance) -> W z over data with this covariance, no sampling."""
    residual = torch.eye(len(data), dtype=data.dtype) - decoder @ encoder
    reconstruction = (residual @ data @ residual.T).trace() + (decoder**2 @ variance).sum()
    spread = (encoder @ data @ encoder.T).diagonal()
    kl = 0.5 * (spread + variance - variance.log() - 1).sum()
    return reconstruction + beta * kl


def encoder_of(decoder, beta):
    """Posterior mean under p(x|z) = N(W z, beta/2)."""
    noise = beta / 2 * torch.eye(len(decoder), dtype=decoder.dtype)
    return decoder.T @ torch.linalg.inv(decoder @ decoder.T + noise)


@pytest.mark.parametrize("beta", [0.01, 0.3, 1.0, 3.0])
def test_the_optimum_is_stationary(beta):
    data = covariance()
    best = linear_vae_optimum(data, beta, 3)
    parts = [best.decoder, encoder_of(best.decoder, beta), best.posterior_variance]
    parts = [part.clone().requires_grad_() for part in parts]
    expected_loss(*parts, data, beta).backward()
    assert max(part.grad.abs().max() for part in parts) < 1e-10


@pytest.mark.parametrize("beta", [0.1, 1.0])
def test_no_descent_gets_below_the_optimum(beta):
    data = covariance()
    best = linear_vae_optimum(data, beta, 2)
    lowest = expected_loss(
        best.decoder, encoder_of(best.decoder, beta), best.posterior_variance, data, beta
    )
    decoder, encoder = normal(1, 4, 2).requires_grad_(), normal(2, 2, 4).requires_grad_()
    log_variance = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    parts = [decoder, encoder, log_variance]
    optimizer = torch.optim.LBFGS(parts, max_iter=400, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = expected_loss(decoder, encoder, log_variance.exp(), data, beta)
        loss.backward()
        return loss

    optimizer.step(closure)
    assert closure().item() == pytest.approx(lowest.item(), abs=1e-6)
    assert axis_cosines(decoder.detach(), best.axes).min() > 0.999
    variance = log_variance.detach().exp().sort().values
    torch.testing.assert_close(variance, best.posterior_variance, atol=1e-3, rtol=0)


def test_numbers_at_the_optimum():
    best = linear_vae_optimum(covariance(), 0.5, 3)
    torch.testing.assert_close(best.eigenvalues, VARIANCES[:3])
    torch.testing.assert_close(best.posterior_variance, 0.25 / VARIANCES[:3])
    assert best.num_active == 3
    gram = (2 * best.decoder.T @ best.decoder).diagonal()
    relation = variance_relation(best.posterior_variance[None], gram[None], 0.5)
    torch.testing.assert_close(relation, torch.ones_like(relation))


@pytest.mark.parametrize(("beta", "active"), [(0.16, 2), (0.17, 1), (0.66, 1), (0.67, 0)])
def test_axes_are_pruned_at_twice_their_variance(beta, active):
    best = linear_vae_optimum(torch.diag(torch.tensor([1 / 3, 1 / 12])), beta, 2)
    assert best.num_active == active
    assert (best.posterior_variance[active:] == 1).all()
    assert best.decoder[:, active:].abs().sum() == 0


def test_an_axis_exactly_at_the_threshold_is_pruned():
    best = linear_vae_optimum(torch.diag(torch.tensor([2.0, 0.5])), 1.0, 2)
    assert best.num_active == 1
    assert best.posterior_variance.tolist() == [0.25, 1.0]


def test_more_latents_than_dimensions_are_switched_off():
    best = linear_vae_optimum(torch.diag(torch.tensor([2.0, 1.0])), 0.1, 5)
    assert best.axes.shape == best.decoder.shape == (2, 5)
    assert best.num_active == 2
    assert best.posterior_variance[2:].tolist() == [1.0] * 3
    assert kl_diagonal(torch.zeros(1, 3), best.posterior_variance[None, 2:]).sum() == 0


def test_cosines_ignore_order_sign_and_length():
    axes = torch.linalg.qr(normal(3, 6, 4)).Q
    columns = axes[:, [2, 0, 3, 1]] * torch.tensor([-1.0, 20.0, 1e-6, -3.0])
    torch.testing.assert_close(axis_cosines(columns, axes), torch.ones(4).double())
    assert axis_cosines(columns[:, :2], axes).shape == (2,)
    assert axis_cosines(columns, axes[:, :3]).shape == (3,)


def test_cosine_of_a_tilted_column_and_of_zeros():
    axes = torch.eye(3)[:, :2]
    columns = torch.tensor([[0.6, 0.0], [0.0, 0.0], [0.8, 0.0]])
    assert axis_cosines(columns, axes).tolist() == pytest.approx([0.6, 0.0])


def test_arguments_that_cannot_be_right_are_refused():
    with pytest.raises(ValueError, match=r"\[X, X\]"):
        linear_vae_optimum(torch.zeros(2, 3), 1.0, 2)
    with pytest.raises(ValueError, match="both must be positive"):
        linear_vae_optimum(torch.eye(2), 0.0, 2)
    with pytest.raises(ValueError, match=r"\[X, D\] and \[X, K\]"):
        axis_cosines(torch.zeros(2, 3), torch.zeros(3, 2))
    with pytest.raises(ValueError, match="NaN"):
        axis_cosines(torch.full((2, 2), torch.nan), torch.eye(2))
