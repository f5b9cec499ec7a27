"""Tables in Markdown, and numbers in their cells."""

import math
from collections.abc import Sequence
from typing import Any

from vaescope.escaping import for_markdown


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    """Lines of a table in Markdown, all texts escaped."""
    head = [f"| {' | '.join(map(for_markdown, columns))} |", "|" + "---|" * len(columns)]
    cells = [[for_markdown(cell) for cell in row] for row in rows]
    return head + [f"| {' | '.join(row)} |" for row in cells]


def mean_and_std(mean: float, std: float | None) -> str:
    """``0.264 ± 0.124``: two digits of the std, the mean to the same place; 3 of a mean alone.

    Args:
        mean: any finite number.
        std: at least 0; None for a single value.
    """
    alone = f"{mean:.3g}" if abs(mean) < 1000 else f"{mean:.0f}"
    if not std:
        return alone if std is None else f"{alone} ± 0"
    decimals = 1 - math.floor(math.log10(std))
    if not 0 <= decimals <= 6:
        return f"{alone} ± {std:.2g}"
    return f"{mean:.{decimals}f} ± {std:.{decimals}f}"
