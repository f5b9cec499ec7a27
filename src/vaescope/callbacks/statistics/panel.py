"""Any of the field's scores, by name."""

from collections.abc import Sequence
from typing import Literal

import torch

from vaescope.callbacks.held_out import Codes, HeldOut
from vaescope.callbacks.statistics.protocol import finite
from vaescope.panel import DEFAULT, Measured, as_numbers, check_scores, panel
from vaescope.posteriors import DiagonalGaussian

FEWEST = 50  # codes below which most scores say nothing


class Panel:
    """Chosen scores of the posterior means; codes, informations and probes are made once for all.

    Args:
        scores: names of scores and families, see ``vaescope.panel``.
        num_samples: held-out codes that are used, at most.
        repeats: shuffles and halves of the rows for chance and interval of quick scores; 0: none.
        costly_repeats: the same of slow scores.
        level: of the intervals.
        device: where scores are computed: ``cpu``, ``cuda``, or ``auto``, a GPU if there is one.

    Raises:
        ValueError: if a score or the device is unknown or a number out of range.
    """

    def __init__(
        self,
        scores: Sequence[str] = DEFAULT,
        num_samples: int = 10_000,
        repeats: int = 20,
        costly_repeats: int = 5,
        level: float = 0.95,
        device: Literal["auto", "cpu", "cuda"] = "auto",
    ) -> None:
        check_scores(scores)
        if num_samples < 4 or not 0 < level < 1:
            raise ValueError(
                f"num_samples={num_samples}, level={level}: give at least 4, and above 0, below 1"
            )
        if min(repeats, costly_repeats) < 0 or 1 in (repeats, costly_repeats):
            raise ValueError(
                f"repeats={repeats}, costly_repeats={costly_repeats}: give 0, or at least 2"
            )
        if device not in ("auto", "cpu", "cuda"):
            raise ValueError(f"device={device!r}: choose auto, cpu or cuda")
        self.device = device
        self.scores, self.num_samples, self.level = tuple(scores), num_samples, level
        self.repeats, self.costly_repeats = repeats, costly_repeats

    def __call__(self, held_out: HeldOut) -> dict[str, float]:
        """Each score, and with ``_chance``, ``_ceiling``, ``_low`` and ``_high`` what goes with it.

        Nothing without factors, of fewer than 50 codes, or of codes that are no numbers.
        """
        few = len(held_out.mean) < FEWEST
        if few or held_out.factors.shape[1] == 0 or not bool(held_out.mean.isfinite().all()):
            return {}
        return held_out.named("val", finite(as_numbers(self.measured(held_out))))

    def measured(self, codes: Codes) -> dict[str, Measured]:
        """Each score with its context and convention."""
        auto = "cuda" if torch.cuda.is_available() else "cpu"
        device = torch.device(auto if self.device == "auto" else self.device)
        mean, factors = (
            part[: self.num_samples].to(device) for part in (codes.mean, codes.factors)
        )
        variance = codes.variance if codes.posterior is DiagonalGaussian else None
        return panel(
            mean,
            factors,
            kinds=codes.factor_kinds,
            variance=None if variance is None else variance[: self.num_samples].to(device),
            scores=self.scores,
            repeats=self.repeats,
            costly_repeats=self.costly_repeats,
            level=self.level,
        )
