"""Statistic of the score panel: any of the field's scores, by name."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

import torch
from annotated_types import Interval, MinLen

from vaescope.distributions.posteriors import DiagonalGaussian
from vaescope.errors import ConfigError
from vaescope.panel import (
    DEFAULT_SCORES,
    FEWEST,
    LogOnce,
    Measured,
    as_numbers,
    check_repeats,
    score_names,
    score_panel,
)
from vaescope.ranges import MOST, Repeats, Share
from vaescope.scores import Score, add_score
from vaescope.statistics.encoded_split import Codes, EncodedSplit
from vaescope.statistics.protocol import Options, finite_numbers

_INFINITE = "some latents are copies or mixtures of others, or there are too few codes for so many"


@dataclass
class PanelScores(Options):
    """The field's scores of the posterior means, chosen by name; probes are made once for all.

    Raises:
        ValueError: if a score is unknown, an own one is none or is called as one of ours, or a
            single repetition is asked for.
    """

    # names of scores and families, see `vaescope.panel`
    scores: Annotated[Sequence[str], MinLen(1)] = DEFAULT_SCORES
    num_samples: Annotated[int, Interval(ge=4, le=MOST)] = 10_000  # codes that are used, at most
    # shuffles and halves of the rows for chance and interval of quick scores; 0: none
    repeats: Repeats = 20
    costly_repeats: Repeats = 5  # the same of slow scores
    level: Share = 0.95  # of the intervals
    # where scores are computed: `cpu`, `cuda`, or `auto`, a GPU if there is one
    device: Literal["auto", "cpu", "cuda"] = "auto"
    own: Mapping[str, Score] = field(default_factory=dict)  # the user's, besides `scores`

    def __post_init__(self) -> None:
        super().__post_init__()
        for key, score in self.own.items():
            if not isinstance(score, Score):
                given = type(score).__name__
                raise ConfigError(
                    f"own.{key}: {given} is no score; name a function that returns a "
                    "vaescope.scores.Score"
                )
            add_score(score)
        self.scores = score_names([*self.scores, *(score.name for score in self.own.values())])
        check_repeats(self.repeats, self.costly_repeats)
        self.tell = LogOnce()

    def __call__(self, encoded: EncodedSplit) -> dict[str, float]:
        """Each score, and with ``_chance``, ``_ceiling``, ``_low`` and ``_high`` what goes with it.

        Nothing of fewer than 50 codes, or of codes that are no numbers. What is left out is told,
        each sentence once.
        """
        return encoded.by_log_key(finite_numbers(as_numbers(self.measure(encoded))))

    def measure(self, codes: Codes) -> dict[str, Measured]:
        """Each score that is a number, with its context and convention."""
        lack = ""
        if len(codes.mean) < FEWEST:
            lack = (
                f"{len(codes.mean)} codes, at least {FEWEST} are needed; give the {codes.split} "
                "part more images (data.split=[...], num_samples), or evaluate another (split=...)"
            )
        elif not bool(codes.mean.isfinite().all()):
            lack = "codes hold NaN or infinite values; check the encoder"
        if lack:
            self.tell(f"scores are left out: {lack}")
            return {}
        auto = "cuda" if torch.cuda.is_available() else "cpu"
        device = torch.device(auto if self.device == "auto" else self.device)
        variance = codes.variance if codes.posterior is DiagonalGaussian else None
        found = score_panel(
            codes.mean[: self.num_samples].to(device),
            codes.factors[: self.num_samples].to(device),
            kinds=codes.factor_kinds,
            variance=None if variance is None else variance[: self.num_samples].to(device),
            scores=self.scores,
            repeats=self.repeats,
            costly_repeats=self.costly_repeats,
            level=self.level,
            tell=self.tell,
        )
        for name, each in found.items():
            if math.isinf(each.score):  # it has no mean over seeds
                self.tell(f"score {name} is left out: it is infinite; {_INFINITE}")
        return {name: each for name, each in found.items() if not math.isinf(each.score)}
