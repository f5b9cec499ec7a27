"""Record of a score: its meaning, range, good end, symbol, log key and what computes it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

GoodEnd = Literal["high", "low"]


@dataclass(frozen=True)
class Family:
    """A computation of the score panel, from which one score comes or several."""

    name: str  # by which it is chosen: `scores=[dci_gbt]`
    convention: str  # which of the field's readings it follows, in a line
    # what computes it, from a `vaescope.panel.Sample`: a function, or the name of one in
    # `vaescope.panel.computations`; empty: `name`. It returns a number, or numbers by score
    function: str | Callable[..., Any] = ""
    options: Mapping[str, Any] = field(default_factory=dict)  # of the function
    # `high` if shuffles and halves of the sample should be few
    cost: Literal["low", "high"] = "low"
    supervised: bool = True  # whether factors enter, so that there is a chance level
    ceiling: bool = True  # whether a perfect code may stay below the best value


@dataclass(frozen=True)
class Score:
    """One number that is logged, and all that is said of it anywhere."""

    # what its log keys end with: `mig` of `val/mig`. Of numbers that each latent or rank has it
    # ends with `_*`: `kl_latent_*` of `val/kl_latent_03`
    name: str
    meaning: str  # what it is, or the question that it answers, in a line
    range: str = ""  # its values in words
    good: GoodEnd | None = None  # which end is good; None: neither by itself
    moved_by: str = ""  # what changes it beside what it measures
    symbol: str = ""  # how papers write it, for headings; empty: as its name
    chance: str = ""  # what `<name>_chance` is, where a statistic logs it
    ceiling: str = ""  # what `<name>_ceiling` is, where a statistic logs it
    # what its log keys begin with while training; final scores begin with the split
    group: Literal["val", "align"] = "val"
    family: Family | None = None  # of the score panel; None: the panel has it not

    @property
    def range_and_good_end(self) -> str:
        """``0 to 1, high is good``."""
        return f"{self.range}, {self.good} is good" if self.good else self.range


def high(name: str, meaning: str, **words: str) -> Score:
    """A score whose high end is good."""
    return Score(name, meaning, good="high", **words)  # type: ignore[arg-type]


def low(name: str, meaning: str, **words: str) -> Score:
    """A score whose low end is good."""
    return Score(name, meaning, good="low", **words)  # type: ignore[arg-type]


def panel_score(
    family: Family,
    name: str,
    meaning: str,
    moved_by: str,
    range: str = "0 to 1",
    *,
    good: GoodEnd | None = "high",
    **words: str,
) -> Score:
    """A score of the panel; of most the range is 0 to 1 and the high end good."""
    return Score(name, meaning, range, good, moved_by, family=family, **words)  # type: ignore[arg-type]
