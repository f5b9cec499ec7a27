"""Mutual information of every latent with every factor, from one contingency count."""

from collections.abc import Sequence

import torch
from torch import Tensor

from vaescope.metrics.information.contingency import (
    LabelColumns,
    entropies_of,
    information_of_counts,
    joint_counts,
)
from vaescope.metrics.kinds import resolved_kinds
from vaescope.tensor_checks import check_matrix

_FEW_BINS = 32
_FEW_VALUES = 4096


def discretise(codes: Tensor, bins: int) -> Tensor:
    """Bin number, 0 to ``bins - 1``, of every code: equal widths over each column's sample range.

    Args:
        codes: real values [N, D]; every column is binned on its own.
        bins: number of bins B, at least 1.

    Returns:
        Bin numbers [N, D], int64. Bins contain their left edge; a column's largest value lies in
        the last bin. A constant column lies in one bin.

    Source: Locatello et al. 2019, "Challenging Common Assumptions", https://arxiv.org/abs/1811.12359,
    the histogram rule of its public code. Differs: edges are always computed in double precision.

    Example:
        >>> discretise(torch.tensor([[0.0], [0.4], [1.0]]), bins=2).flatten().tolist()
        [0, 0, 1]
    """
    if bins < 1:
        raise ValueError(f"bins = {bins}, but at least one bin is needed")
    check_matrix("codes", codes)
    values = codes.detach().double().T.contiguous()
    left_edges = _left_edges(values, bins)
    if bins > _FEW_BINS:
        return torch.searchsorted(left_edges, values, right=True).T - 1
    below = torch.zeros_like(values, dtype=torch.uint8)
    for edge in left_edges.T[1:]:  # a third of the time of a search
        below += values >= edge[:, None]
    return below.long().T


def _left_edges(values: Tensor, bins: int) -> Tensor:
    """Left edges [D, B] of equal bins over the range of each row of values [D, N]."""
    low, high = values.amin(1, keepdim=True), values.amax(1, keepdim=True)
    half = 0.5 * (low == high).to(values)
    low, high = low - half, high + half
    # Product, then sum, as numpy rounds: a value on an edge falls on the same side.
    steps = torch.arange(bins, dtype=values.dtype, device=values.device)
    return steps * ((high - low) / bins) + low


def factor_classes(
    factors: Tensor, *, kinds: Sequence[str] | None = None, bins: int = 20, bin_all: bool = False
) -> Tensor:
    """Class number of every value of every factor [N, K], int64: what plug-in information counts.

    Args:
        factors: values of the factors [N, K], integers or floating-point numbers.
        kinds: kind of each factor [K]: ``"continuous"`` ones are binned, ``"ordinal"``,
            ``"circular"`` and ``"categorical"`` ones are classes, whatever their type. None: as
            in `vaescope.metrics.kinds.resolved_kinds`, a factor of whole numbers has classes.
        bins: equal-width bins over each continuous factor's sample range.
        bin_all: bin all factors, as the ``dcf`` convention does.

    Example:
        >>> factor_classes(torch.tensor([[3], [7], [3]])).flatten().tolist()
        [0, 1, 0]
    """
    continuous = continuous_columns(factors, kinds)
    binned = continuous | bin_all
    classes = torch.zeros(factors.shape, dtype=torch.int64, device=factors.device)
    if bool(binned.any()):
        classes[:, binned] = discretise(factors[:, binned], bins)
    for column in (~binned).nonzero().flatten().tolist():
        classes[:, column] = _class_numbers(factors[:, column])
    return classes


def _class_numbers(values: Tensor) -> Tensor:
    """Place of each value among those that occur [N]; small whole numbers need no sort for it."""
    if not values.is_floating_point():
        whole = values.long()
        low, high = whole.aminmax()
        if int(low) >= 0 and int(high) < _FEW_VALUES:
            return ((torch.bincount(whole) > 0).cumsum(0) - 1)[whole]
    return torch.unique(values, return_inverse=True)[1]


def continuous_columns(factors: Tensor, kinds: Sequence[str] | None = None) -> Tensor:
    """Which factors [K] are continuous: by their kinds or, without kinds, by their values."""
    check_matrix("factors", factors, hint="leave those rows out")
    named = resolved_kinds(factors, kinds)
    return torch.tensor([kind == "continuous" for kind in named], device=factors.device)


def mutual_information(codes_binned: Tensor, factors_binned: Tensor) -> Tensor:
    """Mutual information of each latent with each factor in nats, 0 to the smaller entropy.

    Args:
        codes_binned: integer labels [N, D].
        factors_binned: integer labels [N, K]; any integers, only equality counts.

    Returns:
        Plug-in estimates [D, K], float64; what is below 1e-12, the rounding of the entropies, is 0.

    Source: Cover & Thomas 2006, "Elements of Information Theory", eq. 2.28 on the empirical
    distribution. Differs: none; as every plug-in estimate, biased up by about (B-1)(C-1)/2N for
    B and C values.

    Example:
        >>> labels = torch.tensor([[0], [0], [1], [1]])
        >>> round(float(mutual_information(labels, labels)), 3)
        0.693
    """
    codes = LabelColumns(codes_binned, "codes_binned")
    factors = LabelColumns(factors_binned, "factors_binned")
    return information_of_counts(joint_counts(codes, factors), codes, factors)[0]


def entropy(binned: Tensor) -> Tensor:
    """Entropy of each column in nats, 0 for a constant to the logarithm of its number of values.

    Args:
        binned: integer labels [N, K].

    Source: Cover & Thomas 2006, "Elements of Information Theory", eq. 2.1 on the empirical
    distribution. Differs: none.

    Example:
        >>> round(float(entropy(torch.tensor([[0], [0], [1], [1]]))), 3)
        0.693
    """
    return entropies_of(LabelColumns(binned, "binned"))


def pairwise_information(codes: Tensor, bins: int = 20) -> float:
    """Mean mutual information of two latents in nats, 0 (independent) and up; low is good.

    Returns:
        The mean over all pairs of latents, 0 for a single latent. Constant latents count, with 0.
        Independent latents reach about (bins - 1)^2 / 2N; a duplicate pair its entropy.

    Source: Locatello et al. 2019, "Challenging Common Assumptions", https://arxiv.org/abs/1811.12359,
    the mutual information score of its unsupervised metrics. Differs: none.

    Example:
        >>> codes = torch.cartesian_prod(torch.arange(4.0), torch.arange(3.0))
        >>> round(pairwise_information(codes), 3)
        0.0
    """
    binned = discretise(codes, bins)
    information = mutual_information(binned, binned)
    pairs = len(information) * (len(information) - 1)
    return float((information.sum() - information.diagonal().sum()) / max(pairs, 1))
