"""Mutual information gaps for factors that depend on each other: DMIG, XMIG, DLIG.

All take ``holders``, the latent of each factor [K] where it is known; None: its best one.

Example:
    >>> import torch
    >>> from vaescope.metrics.information.tables import information_table
    >>> factors = torch.tensor([[0, 0], [1, 0], [2, 1], [3, 1]])  # the first determines the second
    >>> table = information_table(factors.double(), factors)
    >>> [round(float(score(table).score), 3) for score in (dmig, xmig, dlig)]
    [1.0, 1.0, 1.0]
"""

from torch import Tensor

from vaescope.metrics.information.contingency import ROUNDING
from vaescope.metrics.information.scores import ScoreParts, mean_of, share, top_two
from vaescope.metrics.information.tables import InformationTable


def dmig(table: InformationTable, holders: Tensor | None = None) -> ScoreParts:
    """Dependency-aware information gap per factor, 0 and up, 1 for a perfect code; high is good.

    Returns:
        Holder minus the best other latent, over H(v | w), w the factor that this other latent
        holds, or over H(v) if it holds none [..., K]. Of several factors in it w is the one that
        it knows best. Factors that w determines and those with one value do not count. Above 1 if
        the other latent knows less of v than w does; below 0 if a given holder is not the best.

    Source: Watcharasupat & Lerch 2021, https://arxiv.org/abs/2110.05587, eq. of DMIG. Differs:
    without ``holders`` each factor's best latent holds it, not the latent of the same number.
    """
    gap, rival, holder = _gaps(table, holders)
    held = (holder[..., None, :] == rival[..., :, None]) & (rival >= 0)[..., None]
    rival = rival.clamp(min=0)
    of_rival = table.information.gather(-2, rival[..., :, None].expand_as(held))
    known, other = of_rival.where(held, -1.0).max(-1)
    shared = table.factor_information.gather(-1, other[..., None])[..., 0].where(known >= 0, 0.0)
    left = table.factor_entropies - shared
    return mean_of(share(gap, left.where(left > ROUNDING, 0.0)), left > ROUNDING)


def xmig(table: InformationTable, holders: Tensor | None = None) -> ScoreParts:
    """Information gap to the latents that hold no factor, per factor, 0 to 1; high is good.

    Returns:
        Holder minus the best latent that holds no factor, 0 if there is none, over the factor's
        entropy [..., K].

    Source: Watcharasupat 2021, "Controllable Music", thesis, XMIG as in
    https://github.com/karnwatcharasupat/latte. Differs: as `dmig`; defined also without idle
    latents.
    """
    holder = _holders(table, holders)
    first = table.information.gather(-2, holder[..., None, :])[..., 0, :]
    idle = ~_is_holder(table, holder)
    rival = table.information.where(idle[..., :, None], 0.0).amax(-2)
    varies = table.factor_entropies > ROUNDING
    return mean_of(share(first - rival, table.factor_entropies), varies)


def dlig(table: InformationTable, holders: Tensor | None = None) -> ScoreParts:
    """Dependency-aware latent information gap per latent, 0 and up, 1 if perfect; high is good.

    Returns:
        Best factor v minus second-best factor w of a latent over H(v | w) [..., D]; over H(v) if
        there is one factor. Only latents that hold a factor count, and not those whose w
        determines v.

    Source: Watcharasupat 2021, "Controllable Music", thesis, DLIG as in
    https://github.com/karnwatcharasupat/latte. Differs: as `dmig`; the best factor is the
    latent's own best, not the one that it was given.
    """
    first, second = top_two(table.information, -1)
    order = table.information.argsort(dim=-1, descending=True, stable=True)
    left = table.factor_entropies.gather(-1, order[..., 0])
    if order.shape[-1] > 1:
        rows = table.factor_information.gather(
            -2, order[..., :1].expand(*order.shape[:-1], order.shape[-1])
        )
        left = left - rows.gather(-1, order[..., 1:2])[..., 0]
    counted = _is_holder(table, _holders(table, holders)) & (left > ROUNDING)
    return mean_of(share(first - second, left.where(left > ROUNDING, 0.0)), counted)


def _gaps(table: InformationTable, holders: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Gap of each factor to its best rival latent, the rivals (-1: none) and holders [..., K]."""
    holder = _holders(table, holders)
    first = table.information.gather(-2, holder[..., None, :])[..., 0, :]
    rest = table.information.scatter(-2, holder[..., None, :], -1.0)
    second, rival = rest.max(-2)
    return first - second.clamp(min=0), rival.where(second >= 0, -1), holder


def _holders(table: InformationTable, holders: Tensor | None) -> Tensor:
    best = table.information.argmax(-2)
    return best if holders is None else holders.to(best).expand_as(best)


def _is_holder(table: InformationTable, holder: Tensor) -> Tensor:
    """Which latents hold a factor that varies [..., D]."""
    marks = table.information.new_zeros(table.information.shape[:-1])
    return marks.scatter_add(-1, holder, (table.factor_entropies > ROUNDING).to(marks)) > 0
