"""The draw of partners for the images of a batch, by factor values that training may show."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from vaescope.data.dataset import RenderedDataset
from vaescope.data.row_lookup import RowLookup
from vaescope.errors import ConfigError, DataError
from vaescope.minibatch import Known, Plan

# how often a partner that training may not show is drawn anew before that is an error
TRIES = 1000

# factor values `[n, K]` and a source of random numbers -> P proposals for each `[n, P, K]`, and
# which of the n have proposals that will do, bool `[n]`
Propose = Callable[[np.ndarray, np.random.Generator], tuple[np.ndarray, np.ndarray]]


def draw_partners(
    index: Tensor, lookup: RowLookup, rng: np.random.Generator, propose: Propose
) -> Plan:
    """P partners for every row of a batch, of factor values that ``propose`` draws.

    Where no row of the lookup has the values of a proposal, all partners of that image are drawn
    anew: what comes out is distributed like the proposals, given that the lookup has them.

    The plan knows what ``changed``; continuous partners are planned by their values, which needs a
    data set whose images are computed from them. A row that has no partners in ``TRIES`` tries is
    an error.
    """
    if lookup.factors.has_continuous and not isinstance(lookup.dataset, RenderedDataset):
        raise ConfigError(
            "the view draws new values of continuous factors, and this data set has images of its "
            "own rows only; choose view=null or a data set that computes its images"
        )
    start = lookup.values_of(index)
    values, rows, fits = _look_up(start, lookup, rng, propose)
    again = np.flatnonzero(~fits)
    for _ in range(TRIES):
        if not again.size:
            break
        values[again], rows[again], fits = _look_up(start[again], lookup, rng, propose)
        again = again[~fits]
    if again.size:
        names, sought = lookup.factors.names, start[again[0]].tolist()
        raise DataError(
            f"no further image for the one with {dict(zip(names, sought, strict=True))} was found "
            f"among the {len(lookup.rows)} training images in {TRIES} tries; add data.split=null, "
            "so that all images are training images, hold out fewer combinations, or choose "
            "another view"
        )
    partners = (
        [Plan(factors=torch.from_numpy(column)) for column in values.swapaxes(0, 1)]
        if lookup.factors.has_continuous
        else [Plan(torch.from_numpy(column)) for column in rows.T]
    )
    changed = torch.from_numpy(values[:, 0] != start)
    return Plan(index, partners=tuple(partners), known=Known(changed=changed))


def _look_up(
    start: np.ndarray, lookup: RowLookup, rng: np.random.Generator, propose: Propose
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Proposals `[n, P, K]`, their rows `[n, P]` and whether they will do `[n]`."""
    partners, fits = propose(start, rng)
    if lookup.factors.has_continuous:
        found = np.zeros(partners.shape[:2], dtype=np.int64)
        return partners, found, fits & lookup.admits(partners).all(1)
    found = lookup.find(partners, rng)
    return partners, found, fits & (found >= 0).all(1)
