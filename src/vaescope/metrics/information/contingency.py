"""Contingency tables of many pairs of columns at once, and the mutual information in them."""

import torch
from torch import Tensor

from vaescope.tensor_checks import misfit

ROUNDING = 1e-12
_FEW_VALUES = 4096


class LabelColumns:
    """Label columns [N, M] as numbers of cells, every column with cells of its own.

    Args:
        binned: integer labels [N, M]; any integers, only equality counts.
        name: what errors call them.
    """

    def __init__(self, binned: Tensor, name: str = "labels") -> None:
        self.labels = _number_labels(name, binned).T.contiguous()  # 0, 1, ... [M, N], int64
        sizes = self.labels.amax(1) + 1
        self.cells = self.labels + (sizes.cumsum(0) - sizes)[:, None]  # cell numbers [M, N], int64
        columns = torch.arange(len(sizes), device=sizes.device)
        self.column_of_cell = columns.repeat_interleave(sizes)  # which each of C cells is in [C]
        self.sizes: list[int] = sizes.tolist()  # number of cells of each column
        self.num_cells, self.num_rows = len(self.column_of_cell), self.cells.shape[1]

    def sums(self, values: Tensor) -> Tensor:
        """Sums [..., M] over the cells of each column, of one number per cell [..., C]."""
        found = values.new_zeros((*values.shape[:-1], len(self.sizes)))
        return found.index_add_(-1, self.column_of_cell, values)


def joint_counts(
    left: LabelColumns,
    right: LabelColumns,
    *,
    order: Tensor | None = None,
    weights: Tensor | None = None,
) -> Tensor:
    """How often each value of a left column meets each value of a right one [B, C], float64.

    Args:
        left: D columns with B cells in all.
        right: K columns with C cells in all.
        order: which row of the right columns meets each row of the left ones [N]; None: the same.
        weights: multiplicity of each row [N]; None: once.
    """
    if left.num_rows != right.num_rows:
        raise ValueError(f"{left.num_rows} rows of codes, but {right.num_rows} rows of factors")
    others = right.cells if order is None else right.cells[:, order]
    if weights is not None:
        weights = weights.double().expand_as(others).flatten()
    counts = []
    for labels, size in zip(left.labels, left.sizes, strict=True):
        # One left column at a time stays in the cache: ten times faster than all at once.
        cells = (labels * right.num_cells + others).flatten()
        counts.append(torch.bincount(cells, weights, minlength=size * right.num_cells))
    return torch.cat(counts).view(left.num_cells, right.num_cells).double()


def information_of_counts(
    counts: Tensor, left: LabelColumns, right: LabelColumns
) -> tuple[Tensor, Tensor, Tensor]:
    """Mutual informations and entropies of tables of counts in nats, 0 and up.

    Args:
        counts: of `joint_counts`, or any masses that are not negative [..., B, C].
        left: D columns with B cells in all.
        right: K columns with C cells in all.

    Returns:
        Information [..., D, K], entropies of the left columns [..., D] and of the right ones
        [..., K]. Informations below 1e-12, the rounding of the entropies, are 0.
    """
    of_left = right.sums(counts)[..., 0]
    of_right = left.sums(counts.mT)[..., 0]
    total = left.sums(of_left)[..., :1]
    entropy_left = _entropy(left.sums(torch.xlogy(of_left, of_left)), total)
    entropy_right = _entropy(right.sums(torch.xlogy(of_right, of_right)), total)
    both = left.sums(right.sums(torch.xlogy(counts, counts)).mT).mT
    information = entropy_left[..., None] + entropy_right[..., None, :]
    information = information - _entropy(both, total[..., None])
    return information.where(information > ROUNDING, 0.0), entropy_left, entropy_right


def entropies_of(columns: LabelColumns) -> Tensor:
    """Plug-in entropy of each column [M] in nats, 0 to the logarithm of its number of values."""
    counts = torch.bincount(columns.cells.flatten(), minlength=columns.num_cells).double()
    return _entropy(columns.sums(torch.xlogy(counts, counts)), columns.sums(counts))


def _entropy(sums: Tensor, total: Tensor) -> Tensor:
    """Entropy of counts from their sum and the sum of n log n."""
    return (total.log() - sums / total).clamp(min=0)


def _number_labels(name: str, binned: Tensor) -> Tensor:
    """Labels 0, 1, ... for arbitrary integers [N, M]."""
    if binned.ndim != 2 or 0 in binned.shape:
        raise misfit("a non-empty matrix", **{name: binned})
    if binned.is_floating_point() or binned.is_complex():
        raise ValueError(f"{name} are {binned.dtype}, but integers are needed: discretise() them")
    low, high = binned.aminmax()
    if int(low) >= 0 and int(high) < _FEW_VALUES:
        return binned.long()
    return torch.unique(binned, return_inverse=True)[1]
