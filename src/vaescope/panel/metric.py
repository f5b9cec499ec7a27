"""Any score of the panel as a torchmetrics object."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torchmetrics.utilities import dim_zero_cat

from vaescope.factor_kinds import KINDS
from vaescope.metrics.collected_codes import CollectedCodes
from vaescope.panel.context import as_numbers, score_names, score_panel
from vaescope.panel.messages import LogOnce


class PanelMetric(CollectedCodes):
    """Chosen scores of all codes and factors given by ``update``, over batches and processes.

    Args:
        scores: a name, or names, of ``vaescope.panel``.
        kinds: kind of each factor [K]; None: as in `vaescope.metrics.kinds.resolved_kinds`.
        context: also return chance level, ceiling and interval, by ``<score>_chance`` and so on.
        seed: of all draws.

    Raises:
        ValueError: if a score or a kind is unknown, or no score is named.
    """

    variances: list[Tensor]

    def __init__(
        self,
        scores: str | Sequence[str],
        *,
        kinds: Sequence[str] | None = None,
        context: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.scores = score_names(scores)
        if unknown := set(kinds or ()) - set(KINDS):
            raise ValueError(f"kinds {sorted(unknown)} are unknown; choose {', '.join(KINDS)}")
        self.kinds, self.context, self.seed = kinds, context, seed
        self.tell = LogOnce()
        self.add_state("variances", default=[], dist_reduce_fx="cat")

    def update(self, codes: Tensor, factors: Tensor, variance: Tensor | None = None) -> None:
        """Keep one batch.

        Args:
            codes: one number per latent [n, D].
            factors: values of the factors [n, K].
            variance: posterior variances [n, D], for the scores of q(z|x); always or never.

        Raises:
            ValueError: if shapes do not fit.
        """
        if variance is not None and variance.shape != codes.shape:
            shapes = f"{tuple(variance.shape)} and codes {tuple(codes.shape)}"
            raise ValueError(f"variance {shapes} given, but both have to be [n, D]")
        super().update(codes, factors)
        if variance is not None:
            self.variances.append(variance.detach())

    def compute(self) -> Any:
        """Every number of the chosen scores by name.

        Returns:
            Float64 tensors of no dimension on the metric's device.

        Raises:
            ValueError: if nothing was collected or variances were given for some batches only.
        """
        codes, factors = super().compute()
        variance = dim_zero_cat(self.variances) if self.variances else None
        if variance is not None and len(variance) != len(codes):
            given = f"variances of {len(variance)} of {len(codes)} rows"
            raise ValueError(f"{given} given: give all or none")
        repeats = (20, 5) if self.context else (0, 0)
        found = score_panel(
            codes,
            factors,
            kinds=self.kinds,
            variance=variance,
            scores=self.scores,
            repeats=repeats[0],
            costly_repeats=repeats[1],
            seed=self.seed,
            tell=self.tell,
        )
        numbers = as_numbers(found) if self.context else {n: m.score for n, m in found.items()}
        options = {"dtype": torch.float64, "device": codes.device}
        return {name: torch.tensor(value, **options) for name, value in numbers.items()}
