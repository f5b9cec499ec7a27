"""Aggregate posterior q(z) of a data set, total correlation: estimates from one minibatch."""

import math
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from vaescope.distributions.posteriors import DiagonalLaplace, GaussianPosterior

Estimator = Literal["mss", "mws", "batch", "mss_legacy"]


@dataclass(frozen=True)
class AggregateDensities:
    """Log-densities at the batch's own codes, in nats.

    Attributes:
        conditional: log q(z|x) ``[B]``.
        joint: estimate of log q(z) ``[B]``.
        product: estimate of sum_j log q(z_j) ``[B]``.

    Source: Chen et al. 2018, https://arxiv.org/abs/1802.04942, eq. 2: the parts of the averaged KL.
    Differs: estimates from one batch, see `aggregate_densities`.
    """

    conditional: Tensor
    joint: Tensor
    product: Tensor

    @property
    def mutual_information(self) -> Tensor:
        """Index-code mutual information I(z; n) in nats, scalar; at most log N in expectation."""
        return (self.conditional - self.joint).mean()

    @property
    def total_correlation(self) -> Tensor:
        """KL(q(z) || prod_j q(z_j)) in nats, scalar; 0: the latents are independent."""
        return (self.joint - self.product).mean()


def aggregate_densities(
    q: GaussianPosterior | DiagonalLaplace, z: Tensor, num_images: int, estimator: Estimator
) -> AggregateDensities:
    """Densities of q(z) = 1/N sum_n q(z|x_n) at one code of each image of a batch.

    Args:
        q: posteriors of B images.
        z: one sample from each, ``[B, D]``.
        num_images: N, the size of the training set.
        estimator: ``mss``: minibatch stratified sampling; ``mws``: minibatch weighted sampling;
            ``batch``: the batch alone stands for the data set, as in disentanglement_lib;
            ``mss_legacy``: the first with its weights misplaced, as in most published code.

    Returns:
        The three log-densities.

    Source: Chen et al. 2018, https://arxiv.org/abs/1802.04942, eq. 3 (mws) and appendix C.2 (mss);
    Locatello et al. 2019, https://arxiv.org/abs/1811.12359 (batch). Differs: ``batch`` has the
    constant -log B that disentanglement_lib leaves out; marginals of a full covariance are those
    of its own normal distribution.
    """
    at_each = z.unsqueeze(1)  # code m [B, 1, D] under every posterior n [B, D]
    log_weights = log_weights_of(estimator, len(z), num_images, z.device).to(z)
    joint = q.log_prob(at_each).sum(-1) + log_weights
    marginal = q.marginals.log_prob(at_each) + log_weights.unsqueeze(-1)
    return AggregateDensities(
        conditional=q.log_prob(z).sum(-1),
        joint=joint.logsumexp(1),
        product=marginal.logsumexp(1).sum(-1),
    )


def log_weights_of(
    estimator: Estimator, batch_size: int, num_images: int, device: torch.device | str = "cpu"
) -> Tensor:
    """Logarithm of the weight of posterior n in the density at code m, float64 ``[B, B]``.

    ``batch_size`` B is at least 2, ``num_images`` N at least B. It is made on the device, where
    float64 may be missing: a copy from the host would make a GPU wait.
    """
    b, n = batch_size, num_images
    kind = torch.float32 if torch.device(device).type == "mps" else torch.float64
    full = partial(torch.full, (b, b), dtype=kind, device=device)
    if estimator == "mws":
        return full(-math.log(n * b))
    if estimator == "batch":
        return full(-math.log(b))
    others = b - 1
    weights = full(1 / others)
    stratum = (n - others) / (n * others)
    if estimator == "mss":
        columns = torch.arange(b, device=device)
        rows = columns[:, None]
        weights.masked_fill_(columns == (rows + 1) % b, stratum)
        weights.masked_fill_(columns == rows, 1 / n)
    else:  # the stride of the public code is B, not B + 1: columns instead of diagonals
        weights[:, 0], weights[:, 1] = 1 / n, stratum
        weights[others - 1, 0] = stratum
    return weights.log()
