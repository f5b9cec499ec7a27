"""Tables of mutual informations and entropies, of a sample, its shuffles and its resamples."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from vaescope.metrics.information.contingency import (
    LabelColumns,
    information_of_counts,
    joint_counts,
)
from vaescope.metrics.information.information_matrix import discretise, factor_classes

Binning = Literal["dlib", "dcf"]

SHUFFLES = 20  # that decide which latents are active, however many more are asked for

_CELLS_AT_A_TIME = 2**17
_DEVIATIONS = 5.0  # over chance, of a latent that counts as active


@dataclass(frozen=True)
class InformationTable:
    """Informations and entropies in nats, each at least 0, of one sample or of R of them."""

    information: Tensor  # of latents and factors [..., D, K]
    code_entropies: Tensor  # of the binned latents [..., D]
    factor_entropies: Tensor  # of the factors [..., K]
    factor_information: Tensor  # of factors and factors [..., K, K]
    bins: int  # number of bins of a latent; no latent's entropy is above its logarithm


def information_table(
    codes: Tensor,
    factors: Tensor,
    *,
    kinds: Sequence[str] | None = None,
    bins: int = 20,
    convention: Binning = "dlib",
) -> InformationTable:
    """Plug-in informations of binned latents and factors in nats, from one count of all pairs.

    Args:
        codes, factors, kinds, bins: as in `vaescope.metrics`.
        convention: ``"dlib"`` bins latents and continuous factors; ``"dcf"`` bins all factors.

    Source: Locatello et al. 2019, https://arxiv.org/abs/1811.12359 (``"dlib"``); Roth et al. 2023,
    https://arxiv.org/abs/2210.07347, public code (``"dcf"``). Differs: none.

    Example:
        >>> factors = torch.cartesian_prod(torch.arange(4), torch.arange(3))
        >>> information_table(factors.double(), factors).information.round(decimals=2).tolist()
        [[1.39, 0.0], [0.0, 1.1]]
    """
    binned, labels = binned_pair(codes, factors, kinds=kinds, bins=bins, convention=convention)
    return table_of_labels(binned, labels, bins)


def binned_pair(
    codes: Tensor,
    factors: Tensor,
    *,
    kinds: Sequence[str] | None = None,
    bins: int = 20,
    convention: Binning = "dlib",
) -> tuple[Tensor, Tensor]:
    """Bin numbers of the codes [N, D] and class numbers of the factors [N, K], both integers.

    All arguments are those of `information_table`.
    """
    if convention not in ("dlib", "dcf"):
        raise ValueError(f"convention={convention!r}: give 'dlib' or 'dcf'")
    labels = factor_classes(factors, kinds=kinds, bins=bins, bin_all=convention == "dcf")
    return discretise(codes, bins), labels


def table_of_labels(binned: Tensor, labels: Tensor, bins: int) -> InformationTable:
    """Table, in nats, of bin numbers of codes [N, D] and class numbers of factors [N, K]."""
    codes, factors = LabelColumns(binned, "binned"), LabelColumns(labels, "labels")
    found = information_of_counts(joint_counts(codes, factors), codes, factors)
    among = information_of_counts(joint_counts(factors, factors), factors, factors)[0]
    return InformationTable(*found, among, bins)


def shuffled_tables(binned: Tensor, labels: Tensor, bins: int, orders: Tensor) -> InformationTable:
    """R tables in one of factors shuffled against the codes: what they reach by chance.

    Args:
        binned: bin numbers of the codes [N, D].
        labels: class numbers of the factors [N, K]; whole rows are shuffled.
        bins: number of bins of a latent.
        orders: permutations of the rows [R, N], of `shuffle_orders`.
    """
    codes, factors = LabelColumns(binned, "binned"), LabelColumns(labels, "labels")
    information, entropies, factor_entropies = _informations_of_draws(
        codes, factors, orders, lambda order: joint_counts(codes, factors, order=order)
    )
    among = information_of_counts(joint_counts(factors, factors), factors, factors)[0]
    among = among.expand(len(orders), -1, -1)
    return InformationTable(information, entropies, factor_entropies, among, bins)


def resampled_tables(
    binned: Tensor, labels: Tensor, bins: int, weights: Tensor
) -> InformationTable:
    """Tables of resampled rows, by counts weighted with how often each row was drawn.

    Args:
        binned: bin numbers of the codes [N, D]; the edges stay those of the whole sample.
        labels: class numbers of the factors [N, K].
        bins: number of bins of a latent.
        weights: multiplicities of the rows [R, N], of `bootstrap_weights`.

    Returns:
        R tables in one: informations [R, D, K], the rest alike. Drawing rows twice adds
        dependence: plug-in informations of resamples are biased up about twice as much.
    """
    both = LabelColumns(torch.cat([binned, labels], 1), "labels")
    factors = LabelColumns(labels, "labels")
    information, entropies, factor_entropies = _informations_of_draws(
        both, factors, weights, lambda weight: joint_counts(both, factors, weights=weight)
    )
    sizes = [binned.shape[1], labels.shape[1]]
    of_codes, among = information.split(sizes, 1)
    return InformationTable(of_codes, entropies.split(sizes, 1)[0], factor_entropies, among, bins)


def _informations_of_draws(
    left: LabelColumns, right: LabelColumns, draws: Tensor, count: Callable[[Tensor], Tensor]
) -> Iterator[Tensor]:
    """`information_of_counts` of every draw [R, N], as many at a time as fit the cache."""
    at_a_time = max(1, _CELLS_AT_A_TIME // (left.num_cells * right.num_cells))
    parts = [
        information_of_counts(torch.stack([count(draw) for draw in some]), left, right)
        for some in draws.to(left.cells.device).split(at_a_time)
    ]
    return (torch.cat(part) for part in zip(*parts, strict=True))


def shuffle_orders(rows: int, repeats: int, seed: int = 0) -> Tensor:
    """Random permutations of the rows [R, N], R at least 1."""
    _check_repeats(repeats)
    generator = torch.Generator().manual_seed(seed)
    return torch.stack([torch.randperm(rows, generator=generator) for _ in range(repeats)])


def bootstrap_weights(rows: int, repeats: int, seed: int = 0) -> Tensor:
    """How often each row is in each of R samples of N rows drawn with replacement [R, N], int64.

    Source: Efron 1979, "Bootstrap Methods", https://doi.org/10.1214/aos/1176344552. Differs: none.
    """
    _check_repeats(repeats)
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(rows, (repeats, rows), generator=generator)
    return torch.zeros_like(drawn).scatter_add_(1, drawn, torch.ones_like(drawn))


def active_latents(table: InformationTable, shuffled: InformationTable) -> Tensor:
    """Which latents know more about some factor than chance lets them, by a permutation test.

    Args:
        table: of the sample.
        shuffled: of shuffles of the same sample, at least 20; of more the first 20 count, so that
            the answer does not depend on how many there are.

    Returns:
        Mask [D]: information with a factor above the mean of the shuffles by more than five
        standard deviations of them. Constant latents never are.
    """
    if (count := len(shuffled.information)) < SHUFFLES:
        needed = f"active latents need at least {SHUFFLES}, or their spread varies"
        raise ValueError(f"{count} shuffles: {needed}")
    spread, mean = torch.std_mean(shuffled.information[:SHUFFLES], 0)
    return (table.information > mean + _DEVIATIONS * spread).any(1)


def _check_repeats(repeats: int) -> None:
    if repeats < 1:
        raise ValueError(f"repeats = {repeats}, but at least one shuffle or resample is needed")
