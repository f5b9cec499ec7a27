"""The tensors of a batch by name, to compare them; images by their factor values."""

import numpy as np
import torch
from torch import Tensor

from vaescope.data.row_lookup import RowLookup


def columns(tree, name=""):
    """Tensors by path: ``rows``, ``known.label``, ``partners.0.image``, ..."""
    if isinstance(tree, Tensor):
        return {name[1:]: tree}
    parts = {} if tree is None else tree._asdict() if hasattr(tree, "_asdict") else enumerate(tree)
    found = {}
    for key, part in dict(parts).items():
        found |= columns(part, f"{name}.{key}")
    return found


def rows_of(dataset, values, rng=None):
    """Rows that have factor values `[B, K]`, one of several at random; -1: none has."""
    lookup = RowLookup(dataset, torch.arange(len(dataset)))
    found = lookup.find(values.cpu().numpy(), rng or np.random.default_rng(0))
    return torch.from_numpy(found)


def images_of(dataset, values):
    """Images that a data set has of factor values."""
    rows = rows_of(dataset, values)
    return dataset.images_at(rows, rows)
