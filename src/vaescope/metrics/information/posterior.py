"""Mutual information of factors and sampled codes: the whole q(z|x), not its mean."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vaescope.metrics.canonical import draw_codes
from vaescope.metrics.information.contingency import (
    ROUNDING,
    LabelColumns,
    information_of_counts,
    joint_counts,
)
from vaescope.metrics.information.information_matrix import entropy, factor_classes
from vaescope.metrics.information.tables import InformationTable
from vaescope.tensor_checks import misfit

_CELLS_AT_A_TIME = 2**16


@dataclass(frozen=True)
class PosteriorInformation:
    """Information of codes drawn from q(z|x) with the factors, in nats."""

    information: Tensor  # of latents and factors [D, K], at least 0
    code_entropies: Tensor  # differential entropies H(z_j) of the aggregate posterior [D], any sign
    factor_entropies: Tensor  # of the factors' classes [K]


def posterior_information(
    means: Tensor,
    variances: Tensor,
    factors: Tensor,
    *,
    kinds: Sequence[str] | None = None,
    bins: int = 20,
    num_samples: int = 2000,
    seed: int = 0,
) -> PosteriorInformation:
    """Information of drawn codes and factors in nats, H(z_j) - H(z_j | v_k), 0 to H(v_k).

    Args:
        means, variances, factors, kinds, seed: as in `vaescope.metrics`.
        bins: equal-width bins of the continuous factors.
        num_samples: codes drawn for the expectations; both entropies are of the same codes, so
            that most of their noise cancels.

    Returns:
        Information [D, K] and entropies.

    Source: Chen et al. 2018, https://arxiv.org/abs/1802.04942, appendix C. Differs: q(z_j) mixes
    the given rows, not the whole data set, and values of a factor count by their frequency. Where
    variances are much smaller than the squared distance of neighbouring means, each row tells its
    own component apart and every latent, also one that knows nothing of the factor, nears log C
    for C values: compare with shuffled factors.

    Example:
        >>> means, labels = torch.tensor([[-3.0], [3.0]]), torch.tensor([[0], [1]])
        >>> found = posterior_information(means, torch.ones(2, 1), labels)
        >>> round(float(found.information), 2)
        0.69
    """
    labels = factor_classes(factors, kinds=kinds, bins=bins)
    _check(means, variances, labels, num_samples)
    means, variances = means.detach().double(), variances.detach().double()
    rows, drawn = draw_codes(means, variances, num_samples, seed)
    marginal = _log_mixture(drawn, means, variances)
    information = []
    for column in labels.T:
        conditional = torch.empty_like(marginal)
        for value in column.unique():
            mine, drawn_here = column == value, column[rows] == value
            conditional[drawn_here] = _log_mixture(drawn[drawn_here], means[mine], variances[mine])
        information.append((conditional - marginal).mean(0))
    found = torch.stack(information, 1)
    found = found.where(found > ROUNDING, 0.0)
    return PosteriorInformation(found, -marginal.mean(0), entropy(labels))


def posterior_table(
    means: Tensor,
    variances: Tensor,
    factors: Tensor,
    *,
    kinds: Sequence[str] | None = None,
    bins: int = 100,
    reach: float = 4.0,
) -> InformationTable:
    """Informations of the bins that drawn codes fall in, in nats: every row's mass in every bin.

    Args:
        means, variances, factors, kinds: as in `vaescope.metrics`.
        bins: number of bins of a latent; the first and the last are open to their side.
        reach: where they end: the equal-width bins lie between -reach and reach, in the prior's
            standard deviations if it is the standard normal.

    Returns:
        The table of this sample, for `rmig`, `jemmig` and all other scores.

    Source: Do & Tran 2020, https://arxiv.org/abs/1908.09961, section on estimating RMIG and JEMMIG.
    Differs: a bin's mass is the integral of q(z|x), which stands for infinitely many drawn codes.
    """
    labels = factor_classes(factors, kinds=kinds, bins=bins)
    _check(means, variances, labels, bins)
    edges = torch.linspace(-reach, reach, bins + 1, dtype=torch.float64, device=means.device)[1:-1]
    columns = LabelColumns(labels)
    rows, latents = means.shape
    indicator = means.new_zeros(rows, columns.num_cells, dtype=torch.float64)
    indicator.scatter_(1, columns.cells.T, 1.0)
    counts = means.new_zeros(latents, bins, columns.num_cells, dtype=torch.float64)
    for some in torch.arange(rows, device=means.device).split(_CELLS_AT_A_TIME // bins + 1):
        mean, deviation = means[some].double().T, variances[some].double().T.sqrt()
        below = torch.special.ndtr((edges - mean[..., None]) / deviation[..., None])
        below = torch.nn.functional.pad(below, (1, 0), value=0.0)
        mass = torch.nn.functional.pad(below, (0, 1), value=1.0).diff(dim=-1)
        counts += mass.mT @ indicator[some]
    every_bin = torch.arange(bins, device=means.device)[:, None].expand(-1, latents)
    found = information_of_counts(counts.flatten(0, 1), LabelColumns(every_bin), columns)
    among = information_of_counts(joint_counts(columns, columns), columns, columns)[0]
    return InformationTable(*found, among, bins)


def _log_mixture(points: Tensor, means: Tensor, variances: Tensor) -> Tensor:
    """Log-density [S, D] of points [S, D] in the equal mixture of N normals [N, D], by latent."""
    shifts = -0.5 * (2 * math.pi * variances).log() - math.log(len(means))
    columns = zip(points.T, means.T, -0.5 / variances.T, shifts.T, strict=True)
    size = max(1, _CELLS_AT_A_TIME // len(means))
    found = []
    for point, mean, scale, shift in columns:
        squares = ((some[:, None] - mean).square_() for some in point.split(size))
        # Each point is drawn from one of the N normals: the sum cannot vanish, nor overflow.
        masses = [square.mul_(scale).add_(shift).exp_().sum(1) for square in squares]
        found.append(torch.cat(masses).log())
    return torch.stack(found, 1)


def _check(means: Tensor, variances: Tensor, labels: Tensor, count: int) -> None:
    if means.ndim != 2 or means.shape != variances.shape or len(means) != len(labels):
        raise misfit("[N, D] twice and [N, K]", means=means, variances=variances, factors=labels)
    if not bool((means.isfinite() & variances.isfinite() & (variances > 0)).all()):
        raise ValueError("means or variances hold NaN or infinite values, or variances not above 0")
    if count < 1:
        raise ValueError(f"{count} samples or bins: give at least 1")
