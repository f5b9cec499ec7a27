"""OMES: overlap and multiple encoding of factors, from images that differ in one factor."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vaescope.errors import NoScoreError
from vaescope.metrics.intervention.factor_groups import (
    group_rows,
    pool_rows,
    spread,
    uniforms,
    value_classes,
)
from vaescope.tensor_checks import misfit


@dataclass(frozen=True)
class OverlapScore:
    """The OMES score and what it is made of."""

    score: float  # mean of `factors` over the factors that could be varied, 0 to 1; high is good
    factors: Tensor  # the score of each factor [K], 0 to 1; 0 for one that could not be varied
    # how much each latent changes with each factor [D, K], 0 to 1; 0 for inactive latents and
    # factors that could not be varied
    association: Tensor


def omes(
    codes: Tensor,
    factors: Tensor,
    *,
    kinds: Sequence[str] | None = None,
    bins: int = 20,
    pairs: int = 2_000,
    alpha: float = 0.5,
    threshold: float = 0.05,
    seed: int = 0,
) -> OverlapScore:
    """Overlap and multiple encoding score (OMES), 0 to 1 (one latent per factor and back; good).

    For each factor, pairs of rows are drawn that agree on all other factors, the second one evenly
    from all that do, the first row included.

    Args:
        factors, kinds, seed: as in `vaescope.metrics`.
        codes: one number per latent [N, D]: the whole table of states, or rows that hold many
            states which differ in one factor only.
        bins: classes of about equally many rows that a continuous factor is cut into.
        pairs: drawn for each factor, at least 2.
        alpha: weight of the overlap of factors in a latent; the rest is that of several latents for
            a factor.
        threshold: latents whose standard deviation over the rows is smaller are inactive, in the
            units of the codes, so that their scale counts: 0.54 became 0.84 at a tenth of it, when
            one of five latents fell below. At 0 scales do not count. Constant latents always are.

    Returns:
        The score and its parts; 0 if no latent is active.

    Raises:
        NoScoreError: if no two rows differ in one factor only.

    Source: Dapueto et al. 2024, https://arxiv.org/abs/2409.18017, the OMES metric. Differs: a pair
    may agree on the varied factor too; if it never did, a factor with two values would have
    correlation -1 and hence no association. The ceiling is below 1 for small groups: of g rows,
    two draws correlate by about 1 / g. Chance: noise that changes with every factor has
    association 1 everywhere in large groups and so (1/K + 1/D) / 2 at ``alpha`` 0.5; more in small
    ones.

    Example:
        >>> factors = torch.cartesian_prod(torch.arange(40), torch.arange(40))
        >>> round(omes(factors.double(), factors).score, 2)
        0.99
    """
    if pairs < 2:
        raise ValueError(f"pairs = {pairs}, but at least 2 are needed")
    values = pool_rows(codes, factors)
    labels = value_classes(factors, kinds=kinds, bins=bins)
    first, second, varied = _pairs(labels, pairs, torch.Generator().manual_seed(seed))
    std = spread(values)
    active = (std >= threshold) & (std > 0)
    changes = _changes(values, first, second).where(active[:, None], 0.0)
    found = omes_of_association(changes, alpha=alpha)
    each = values.new_zeros(labels.shape[1])
    association = values.new_zeros(values.shape[1], labels.shape[1])
    each[varied], association[:, varied] = found.factors, found.association
    return OverlapScore(found.score, each, association)


def omes_of_association(association: Tensor, *, alpha: float = 0.5) -> OverlapScore:
    """OMES of a given association of latents with factors, 0 to 1 (good).

    Args:
        association: how much each latent changes with each factor [D, K], 0 to 1. Rows of zeros are
            inactive latents and columns of zeros factors without a latent.
        alpha: weight of the overlap, 0 to 1.

    Returns:
        The score and its parts. A factor that no latent changes with counts as 0.

    Source: Dapueto et al. 2024, https://arxiv.org/abs/2409.18017. Differs: none.
    """
    if association.ndim != 2 or 0 in association.shape:
        raise misfit("[D, K]", association=association)
    if not bool(((association >= 0) & (association <= 1)).all()) or not 0 <= alpha <= 1:
        raise ValueError(f"association and alpha = {alpha} must lie within 0 and 1")
    table = association.detach().double()
    kept = table[(table > 0).any(1)]
    num, factors = max(1, len(kept)), table.shape[1]
    # The distance of a row or column from one-hot changes in one entry only: 1 - c for c.
    overlap = 1 - (kept.sum(1, keepdim=True) + 1 - 2 * kept) / factors
    multiple = 1 - (kept.sum(0) + 1 - 2 * kept) / num
    weights = kept / kept.sum(0).where(kept.sum(0) > 0, 1.0)
    each = (weights * (alpha * overlap + (1 - alpha) * multiple)).sum(0)
    return OverlapScore(float(each.mean()), each, table)


def _pairs(labels: Tensor, pairs: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Rows [V, P] twice, and the V factors in which they differ while all others agree."""
    groups = group_rows(torch.stack([_states(labels, j) for j in range(labels.shape[1])], 1))
    varied = groups.num_anchors.nonzero().flatten()
    if not len(varied):
        raise NoScoreError(
            f"no two of {len(labels)} rows differ in one factor only: pass the whole table of "
            "states, or rows that hold such pairs"
        )
    uniform = uniforms(generator, (2, len(varied), pairs), labels.device)
    first = groups.draw_anchors(varied[:, None], uniform[0])
    return first, groups.draw_partners(varied[:, None], first, uniform[1]), varied


def _states(labels: Tensor, factor: int) -> Tensor:
    """Label [N] of all other factors' values; its own for a row where this one does not vary."""
    others = labels.clone()
    others[:, factor] = 0
    _, state = torch.unique(others, dim=0, return_inverse=True)
    column = labels[:, factor]
    low = column.scatter_reduce(0, state, column, "amin", include_self=False)[state]
    high = column.scatter_reduce(0, state, column, "amax", include_self=False)[state]
    rows = torch.arange(len(labels), device=labels.device)
    return state.where(low != high, len(labels) + rows)


def _changes(codes: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """1 minus the absolute correlation of each latent over the pairs of each factor, [D, V]."""
    sides = [codes[rows] - codes[rows].mean(1, keepdim=True) for rows in (first, second)]
    scale = sides[0].square().sum(1).sqrt() * sides[1].square().sum(1).sqrt()
    product = (sides[0] * sides[1]).sum(1)
    correlation = product / scale.where(scale > 0, 1.0)
    return (1 - correlation.where(scale > 0, 1.0).abs()).clamp(0, 1).T
