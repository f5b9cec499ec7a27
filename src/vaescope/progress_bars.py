"""Progress bars: live on a terminal, a line now and then in a file that takes the output."""

import sys
from typing import Any

from tqdm.auto import tqdm


def progress_bar(
    total: int | None,
    unit: str,
    *,
    done: int = 0,
    title: str | None = None,
    shown: bool = True,
    scaled: bool = False,
) -> "tqdm[Any]":
    """A bar on standard error.

    Args:
        total: number of units; None if it is not known.
        unit: what is counted.
        done: units of before.
        title: what stands before the bar.
        shown: False: nothing is drawn.
        scaled: whether numbers get prefixes, as in 12.3M.
    """
    seconds = 0.5 if sys.stderr.isatty() else 30
    return tqdm(
        total=total,
        initial=done,
        unit=unit,
        desc=title,
        unit_scale=scaled,
        mininterval=seconds,
        maxinterval=max(10, seconds),
        dynamic_ncols=True,
        disable=not shown,
    )
