"""Posterior collapse: what share of each latent is signal, and the beta at which it would die."""

from torch import Tensor

from vaescope.tensor_checks import check_finite, misfit


def signal_share(mean: Tensor, variance: Tensor) -> Tensor:
    """Share of each latent's variance that its mean carries, 0 (collapsed) to 1 (precise) [D].

    By the law of total variance the latent varies by Var(mu_j) + E sigma_j^2 in all, and it is the
    first of them that knows the image. Where everything is Gaussian, -1/2 log(1 - share) is the
    information I(x; z_j) in nats. No scale and no shift of the latent changes it. At the optimum
    of a linear VAE it is 1 - beta / (2 lambda_j): as beta rises it falls on a straight line, to 0
    where the latent dies; its root, the amplitude of the mean, falls as a mean field does.

    Args:
        mean: posterior means [N, D].
        variance: posterior variances [N, D].

    Source: Hirn 2026, https://arxiv.org/abs/2605.22691, an order parameter of the collapse that no
    rescaling of latents changes. Differs: only that paper's summary was at hand; this one is ours,
    proved for the linear VAE.

    Example:
        >>> import torch
        >>> signal_share(torch.tensor([[-3.0], [3.0]]), torch.ones(2, 1)).tolist()
        [0.9]
    """
    signal, noise = _signal_and_noise(mean, variance)
    return signal / (signal + noise)


def collapse_beta(mean: Tensor, variance: Tensor, beta: float) -> Tensor:
    """The beta at which each latent dies, by the theory of the linear VAE, at least ``beta`` [D].

    beta / (1 - `signal_share`): at the optimum of a linear VAE that is 2 lambda_j, whatever beta it
    was trained with, lambda_j the variance of the data along the latent's axis. A latent that is
    off already has ``beta`` itself.

    Args:
        mean: posterior means [N, D].
        variance: posterior variances [N, D].
        beta: weight of the KL that the model was trained with, above 0, beside an error that is
            summed over outputs and not halved.

    Source: Lucas et al. 2019, https://arxiv.org/abs/1911.02469, with noise variance beta / 2; Li et
    al. 2025, https://arxiv.org/abs/2510.01621: above the largest threshold all latents of any VAE
    may stay dead. Differs: solved for the eigenvalue, and so for every latent.

    Example:
        >>> import torch
        >>> collapse_beta(torch.tensor([[-3.0], [3.0]]), torch.ones(2, 1), beta=0.5).tolist()
        [5.0]
    """
    if not beta > 0:
        raise ValueError(f"beta = {beta}, but a weight above 0 is needed")
    signal, noise = _signal_and_noise(mean, variance)
    return beta * (signal + noise) / noise


def _signal_and_noise(mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    """Var(mu_j) and E sigma_j^2 over the data, each [D], float64."""
    if mean.ndim != 2 or mean.shape != variance.shape or len(mean) == 0:
        raise misfit("the same non-empty [N, D]", mean=mean, variance=variance)
    check_finite("check the encoder", mean=mean, variance=variance)
    if not bool((variance > 0).all()):
        raise ValueError("variance must be positive: pass variances, not their logarithm")
    return mean.double().var(0, correction=0), variance.double().mean(0)
