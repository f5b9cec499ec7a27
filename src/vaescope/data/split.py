"""Training, validation and test part of a set of rows."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from vaescope.errors import ConfigError
from vaescope.streams import stream

SPLITS = ("train", "val", "test")


def draw_split(rows: Tensor, shares: Sequence[float] | None, seed: int) -> dict[str, Tensor]:
    """Random parts ``train``, ``val`` and ``test`` of the rows, each int64 `[n]`, rising.

    Args:
        rows: row numbers int64 `[N]`, rising.
        shares: of the three parts; None: each is the whole.
    """
    if shares is None:
        return dict.fromkeys(SPLITS, rows)
    n = len(rows)
    order = torch.from_numpy(stream(seed, "split").permutation(n))
    first, second = round(n * shares[0]), round(n * (shares[0] + shares[1]))
    parts = (order[:first], order[first:second], order[second:])
    if not all(len(part) for part in parts):
        raise ConfigError(
            f"split={list(shares)} of {n} examples leaves a part empty; give larger shares, or "
            "split=null to use the whole set for each"
        )
    return {name: rows[part.sort().values] for name, part in zip(SPLITS, parts, strict=True)}


def check_split(split: Sequence[float]) -> None:
    """Refuse what is not three positive shares of sum 1."""
    if len(split) != 3 or min(split) <= 0 or not math.isclose(sum(split), 1, abs_tol=1e-6):
        raise ConfigError(
            f"split={list(split)} was given; allowed are three positive shares (train, val, test) "
            "of sum 1, or null for the whole set three times"
        )
