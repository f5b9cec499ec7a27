"""Mutual information of every latent with every factor, from one contingency count."""

import torch
from torch import Tensor


def discretise(codes: Tensor, bins: int) -> Tensor:
    """Bin number, 0 to ``bins - 1``, of every code: equal widths over each column's sample range.

    Args:
        codes: real values [N, D]; every column is binned on its own.
        bins: number of bins B, at least 1.

    Returns:
        Bin numbers [N, D], int64. Bins contain their left edge; a column's largest value lies in
        the last bin. A constant column lies in one bin.

    Raises:
        ValueError: if ``codes`` is empty, not a matrix or not finite, or ``bins`` is below 1.

    Source: Locatello et al. 2019, "Challenging Common Assumptions", https://arxiv.org/abs/1811.12359,
    the histogram rule of its public code. Differs: edges are always computed in double precision.
    """
    if bins < 1:
        raise ValueError(f"bins = {bins}, but at least one bin is needed")
    _check_matrix("codes", codes)
    values = codes.detach().double().T.contiguous()
    if not bool(values.isfinite().all()):
        raise ValueError("codes hold NaN or infinite values: check the encoder before scoring it")
    left_edges = _left_edges(values, bins)
    return torch.searchsorted(left_edges, values, right=True).T - 1


def _left_edges(values: Tensor, bins: int) -> Tensor:
    """Left edges [D, B] of equal bins over the range of each row of values [D, N]."""
    low, high = values.amin(1, keepdim=True), values.amax(1, keepdim=True)
    half = 0.5 * (low == high).to(values)
    low, high = low - half, high + half
    # Product, then sum, as numpy rounds: a value on an edge falls on the same side.
    steps = torch.arange(bins, dtype=values.dtype, device=values.device)
    return steps * ((high - low) / bins) + low


def mutual_information(codes_binned: Tensor, factors_binned: Tensor) -> Tensor:
    """Mutual information of each latent with each factor in nats, 0 to the smaller entropy.

    Args:
        codes_binned: integer labels [N, D].
        factors_binned: integer labels [N, K]; any integers, only equality counts.

    Returns:
        Plug-in estimates [D, K], float64.

    Raises:
        ValueError: if the tensors are not integer matrices of equally many rows.

    Source: Cover & Thomas 2006, "Elements of Information Theory", eq. 2.28 on the empirical
    distribution. Differs: none; as every plug-in estimate, biased up by about (B-1)(C-1)/2N for
    B and C values.
    """
    codes, num_codes = _labels("codes_binned", codes_binned)
    factors, num_factors = _labels("factors_binned", factors_binned)
    if len(codes) != len(factors):
        raise ValueError(f"{len(codes)} rows of codes, but {len(factors)} rows of factors")
    joint = _joint_counts(codes, num_codes, factors, num_factors)
    code_entropy = _entropy_of_counts(joint.sum(3))
    factor_entropy = _entropy_of_counts(joint.sum(2))
    return (code_entropy + factor_entropy - _entropy_of_counts(joint.flatten(2))).clamp(min=0)


def entropy(binned: Tensor) -> Tensor:
    """Entropy of each column in nats, 0 for a constant to the logarithm of its number of values.

    Args:
        binned: integer labels [N, K].

    Returns:
        Plug-in estimates [K], float64.

    Raises:
        ValueError: if ``binned`` is not an integer matrix with rows.

    Source: Cover & Thomas 2006, "Elements of Information Theory", eq. 2.1 on the empirical
    distribution. Differs: none.
    """
    labels, num_labels = _labels("binned", binned)
    columns = torch.arange(labels.shape[1], device=labels.device)
    cells = (columns * num_labels + labels).flatten()
    counts = torch.bincount(cells, minlength=labels.shape[1] * num_labels)
    return _entropy_of_counts(counts.view(-1, num_labels))


def _joint_counts(codes: Tensor, num_codes: int, factors: Tensor, num_factors: int) -> Tensor:
    """Counts [D, K, B, C] of every value of a code with every value of a factor."""
    shape = (codes.shape[1], factors.shape[1], num_codes, num_factors)
    pairs = torch.arange(shape[0] * shape[1], device=codes.device).view(shape[:2])
    cells = (pairs * num_codes + codes[:, :, None]) * num_factors + factors[:, None, :]
    return torch.bincount(cells.flatten(), minlength=pairs.numel() * num_codes * num_factors).view(
        shape
    )


def _entropy_of_counts(counts: Tensor) -> Tensor:
    """Entropy in nats of the distribution in the last dimension of counts [..., B]."""
    share = counts.double() / counts.sum(-1, keepdim=True)
    return -torch.xlogy(share, share).sum(-1).clamp(max=0)


def _labels(name: str, binned: Tensor) -> tuple[Tensor, int]:
    """Labels 0, 1, ... for arbitrary integers [N, K], and how many labels there are."""
    _check_matrix(name, binned)
    if binned.is_floating_point() or binned.is_complex():
        raise ValueError(f"{name} are {binned.dtype}, but integers are needed: discretise() them")
    values, labels = torch.unique(binned, return_inverse=True)
    return labels, len(values)


def _check_matrix(name: str, values: Tensor) -> None:
    if values.ndim != 2 or 0 in values.shape:
        raise ValueError(
            f"{name} has shape {tuple(values.shape)}, but a non-empty matrix is needed"
        )
