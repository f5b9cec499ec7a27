"""Scores of codes and factors of any origin, beside chance level, ceiling and interval."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape

import numpy as np
from torch import Tensor

from vaescope.errors import InputError, VaescopeError
from vaescope.panel import Measured, as_numbers, score_panel
from vaescope.scores import DEFAULT_SCORES

_COLUMNS = ("score", "value", "chance", "ceiling", "interval")


class MeasuredScores(Mapping[str, Measured]):
    """Scores by name; printed, a table.

    Args:
        found: the scores with their context.
        left_out: a sentence for each that these rows do not allow.
    """

    def __init__(self, found: Mapping[str, Measured], left_out: Sequence[str]) -> None:
        self._found, self.left_out = dict(found), tuple(left_out)

    def __getitem__(self, name: str) -> Measured:
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def numbers(self) -> dict[str, float]:
        """Every number by key: ``mig``, ``mig_chance``, ``mig_low``, ...; for tables of runs."""
        return as_numbers(self._found)

    def __repr__(self) -> str:
        rows = [_COLUMNS, *self._rows()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        return "\n".join([*lines, *(f"({sentence})" for sentence in self.left_out)])

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{column}</th>" for column in _COLUMNS)
        rows = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in self._rows())
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        told = "".join(f"<p>{escape(sentence)}</p>" for sentence in self.left_out)
        return f"<table><tr>{head}</tr>{body}</table>{told}"

    def _rows(self) -> list[tuple[str, ...]]:
        return [
            (
                name,
                _shown(found.score),
                _shown(found.chance),
                _shown(found.ceiling),
                "" if found.low is None else f"{_shown(found.low)} .. {_shown(found.high)}",
            )
            for name, found in self._found.items()
        ]


def evaluate(
    codes: Tensor | np.ndarray,
    factors: Tensor | np.ndarray,
    *,
    scores: str | Sequence[str] = DEFAULT_SCORES,
    kinds: Sequence[str] | None = None,
    variance: Tensor | np.ndarray | None = None,
    repeats: int = 20,
    costly_repeats: int = 5,
    level: float = 0.95,
    seed: int = 0,
) -> MeasuredScores:
    """The field's scores of codes and factors, of your own model or of anyone's.

    Args:
        codes: one number per latent ``[N, D]``; the field uses the posterior mean.
        factors: values of the factors ``[N, K]``.
        scores: one name or several, see ``vaescope.panel``.
        kinds: ``"ordinal"``, ``"circular"``, ``"categorical"`` or ``"continuous"`` per factor;
            None: guessed.
        variance: posterior variances ``[N, D]``, for the scores of q(z|x).
        repeats: shuffles and halves of the rows, for chance level and interval of quick scores; 0:
            neither.
        costly_repeats: the same of slow ones.
        level: of the intervals.
        seed: of all draws.

    Returns:
        Scores by name, each with ``score``, ``chance``, ``ceiling``, ``low``, ``high`` and
        ``convention``; a score that these rows do not allow is left out, and told.

    Raises:
        InputError: shapes that do not fit or look transposed, values that are not finite, an
            unknown score or a setting out of range.

    Example:
        >>> import torch
        >>> factors = torch.cartesian_prod(torch.arange(10), torch.arange(10))
        >>> found = evaluate(factors.double(), factors, scores="mig", repeats=0)
        >>> round(found["mig"].score, 3)
        1.0
    """
    left_out: list[str] = []
    try:
        found = score_panel(
            codes,
            factors,
            kinds=kinds,
            variance=variance,
            scores=scores,
            repeats=repeats,
            costly_repeats=costly_repeats,
            level=level,
            seed=seed,
            tell=left_out.append,
        )
    except VaescopeError:
        raise
    except ValueError as error:
        raise InputError(str(error)) from error
    return MeasuredScores(found, left_out)


def _shown(number: float | None) -> str:
    return "" if number is None else f"{number:.4g}"
