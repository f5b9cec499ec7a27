"""Regularisers of semi-supervised methods: how far codes are from known factors."""

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vaescope.errors import ConfigError
from vaescope.ranges import in_range

Regulariser = Literal["xent", "l2", "l2_sigmoid", "cov", "embed"]
Anneal = Literal["fixed", "linear", "fine_tune"]


class Supervision(nn.Module):
    """R_sup of posterior means and labels, latent k matched to factor k; at least 0, 0 is best.

    Means over the batch of sums over the observed factors, but for ``cov``, a sum of squares:

    - ``xent``: cross-entropy of y and sigmoid(mu); its least value is the entropy of y as a coin
    - ``l2``: (b mu - y)^2, b a learnt scale, 1 at first
    - ``l2_sigmoid``: (sigmoid(mu) - y)^2
    - ``cov``: the covariance of every latent with every factor but its own, squared
    - ``embed``: -log softmax_v(-((mu_k - e_kv) sigma_k)^2) at v = y, with learnt e and sigma

    Args:
        regulariser: which of these.
        factor_sizes: number of embeddings of each factor, for ``embed``: labels in [0, 1] are put
            into so many bins; with the factor's own size each value has one.

    Raises:
        ValueError: for another regulariser, or sizes that do not go with it.

    Source: Locatello et al. 2020, https://arxiv.org/abs/1905.01258, section 4 and its published
    code. Differs: the published code sums ``xent`` and both ``l2`` over the batch, so that its
    gamma_sup is ours divided by the batch size; it compares y itself, not y / size, in ``l2`` with
    b and in ``cov``; in ``l2_sigmoid`` it subtracts every label from every code of the batch;
    embeddings are drawn from N(0, 1), sigma is learnt from 1 on.
    """

    @in_range
    def __init__(self, regulariser: Regulariser, factor_sizes: Sequence[int] | None) -> None:
        super().__init__()
        sizes = tuple(factor_sizes or ())
        if (regulariser == "embed") != bool(sizes) or not all(size >= 1 for size in sizes):
            raise ValueError(
                f"factor_sizes={factor_sizes}, regulariser={regulariser}: give embed the number of "
                "values, at least 1, of every factor, and the others null"
            )
        self.regulariser, self.factor_sizes = regulariser, sizes
        covariance = "the covariance of codes and labels"
        self.of_whole_batch = covariance if regulariser == "cov" else ""
        if regulariser == "l2":
            self.scale = nn.Parameter(torch.ones(()))
        if regulariser == "embed":
            self.embeddings = nn.ParameterList(torch.randn(size) for size in sizes)
            self.sigma = nn.Parameter(torch.ones(len(sizes)))

    def forward(self, mean: Tensor, labels: Tensor) -> Tensor:
        """R_sup of means ``[B, D]`` and labels ``[B, K]`` in [0, 1], NaN: unknown; scalar.

        Raises:
            ConfigError: there are more factors than latents, or other factors than embedded ones.
        """
        num_factors = labels.shape[-1]
        if num_factors > mean.shape[-1]:
            raise ConfigError(
                f"latent_dim={mean.shape[-1]}: the {num_factors} labelled factors need a latent "
                f"each; choose latent_dim={num_factors} or more"
            )
        if self.factor_sizes and num_factors != len(self.factor_sizes):
            raise ConfigError(
                f"factor_sizes={list(self.factor_sizes)}: the data set has {num_factors} factors; "
                "give one size for each"
            )
        observed = ~labels.isnan()
        labels = torch.where(observed, labels, 0.0).to(mean.dtype)
        if self.regulariser == "cov":
            return off_diagonal_covariance(mean, labels, observed)
        each = self._of_each(mean[:, :num_factors], labels)
        return torch.where(observed, each, 0.0).sum(-1).mean()

    def _of_each(self, mean: Tensor, labels: Tensor) -> Tensor:
        """The regulariser of every label by itself, ``[B, K]``."""
        if self.regulariser == "xent":
            return F.binary_cross_entropy_with_logits(mean, labels, reduction="none")
        if self.regulariser == "l2":
            return (self.scale * mean - labels).square()
        if self.regulariser == "l2_sigmoid":
            return (mean.sigmoid() - labels).square()
        columns = []
        for k, (size, embedding) in enumerate(zip(self.factor_sizes, self.embeddings, strict=True)):
            logits = -((mean[:, k, None] - embedding) * self.sigma[k]).square()
            value = (labels[:, k] * size + 1e-3).long().clamp(max=size - 1)  # y / size is rounded
            columns.append(-logits.log_softmax(-1).gather(-1, value[:, None])[:, 0])
        return torch.stack(columns, dim=-1)


def off_diagonal_covariance(mean: Tensor, labels: Tensor, observed: Tensor) -> Tensor:
    """Sum of Cov(mu_d, y_k)^2 over all latents d and factors k other than d; scalar, 0 is best.

    Args:
        mean: posterior means ``[B, D]``.
        labels: ``[B, K]``, finite also where unknown.
        observed: bool ``[B, K]``; a factor's covariances are those of the images it is known of.
    """
    count = observed.sum(0).clamp(min=1)  # of a factor that is never known, the sums are 0
    centred = torch.where(observed, labels - (labels * observed).sum(0) / count, 0.0)
    covariance = (mean.unsqueeze(2) * centred.unsqueeze(1)).sum(0) / count
    own = torch.eye(*covariance.shape, dtype=torch.bool, device=mean.device)
    return torch.where(own, 0.0, covariance).square().sum()
