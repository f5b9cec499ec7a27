"""A family of scores computed of a sample, of shuffles and of halves of it, side by side."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import isnan

import torch

from vaescope.errors import NoScoreError
from vaescope.panel import computations
from vaescope.panel.computations import Numbers
from vaescope.panel.sample import Sample
from vaescope.panel.side_by_side import call_side_by_side
from vaescope.scores import Family

Tell = Callable[[str], None]
NO_FACTORS = "it needs factors, and these data have none"
# what a score outcomes that these rows cannot have; anything else is a bug and ends the panel
REFUSALS = (ValueError, torch.linalg.LinAlgError, torch.OutOfMemoryError)
_MOST_ROWS = 100_000  # for which computations go side by side; each has its own memory

Outcome = Numbers | Exception  # the scores, or why these rows have none


def compute_family(family: Family, sample: Sample) -> Numbers:
    """The scores of a family by name, some of them with the reason why there are none."""
    chosen = family.function or family.name
    function = getattr(computations, chosen) if isinstance(chosen, str) else chosen
    found = function(sample, **family.options)
    return found if isinstance(found, Mapping) else {family.name: float(found)}


class Repetitions:
    """What is computed of one family: its scores of a sample, then of changed ones.

    Args:
        name: of the family.
        family: its record.
        sample: of which the scores are wanted.
        repeats: number of shuffles and of halves.
    """

    def __init__(self, name: str, family: Family, sample: Sample, repeats: int) -> None:
        self.name, self.family, self._sample = name, family, sample
        self._refusal: Exception | None = None
        # ways to change the sample, by what they tell of the scores
        self.changes: dict[str, list[Callable[[], Sample]]] = {}
        if family.supervised:
            self.changes["chance level"] = [partial(sample.shuffled, n) for n in range(repeats)]
            self.changes["ceiling"] = [sample.perfect] if family.ceiling else []
        self.changes["interval"] = [partial(sample.half, n) for n in range(repeats)]

    @property
    def calls(self) -> list[Callable[[], Outcome]]:
        """The computations: of the sample first, of no changed one once that is refused."""
        every = [make for several in self.changes.values() for make in several]
        return [self._of_sample, *(partial(self._of_changed, make) for make in every)]

    @property
    def shares_threads(self) -> bool:
        """Whether its calls may go side by side; a user's function may keep things between them."""
        return isinstance(self.family.function, str)

    def numbers(
        self, outcomes: Sequence[Outcome], tell: Tell
    ) -> tuple[dict[str, float], dict[str, list[dict[str, float]]]]:
        """The scores of the sample, and by what the changes tell those of the changed samples.

        Args:
            outcomes: of all `calls`.
            tell: gets the reasons of what there is not.

        Raises:
            ValueError, LinAlgError, OutOfMemoryError: the refusal of the sample itself.
        """
        own, *rest = outcomes
        if isinstance(own, Exception):
            raise own
        scores, left = _keep_numbers(own, tell), iter(rest)
        changed: dict[str, list[dict[str, float]]] = {}
        for what, several in self.changes.items():
            given = [next(left) for _ in several]
            found = [outcome for outcome in given if not isinstance(outcome, Exception)]
            changed[what] = [_keep_numbers(numbers, lambda _: None) for numbers in found]
            reasons = [outcome for outcome in given if isinstance(outcome, Exception)]
            if reasons and not found:
                tell(f"{what} of {self.name} is left out: {reasons[-1]}")
        return scores, changed

    def _of_sample(self) -> Outcome:
        if self.family.supervised and not self._sample.kinds:
            self._refusal = NoScoreError(NO_FACTORS)
            return self._refusal
        try:
            return compute_family(self.family, self._sample)
        except REFUSALS as error:
            self._refusal = error
            return error

    def _of_changed(self, make: Callable[[], Sample]) -> Outcome:
        if self._refusal is not None:
            return self._refusal
        try:
            return compute_family(self.family, make())
        except REFUSALS as error:
            return error


def compute_all(every: Sequence[Repetitions], sample: Sample) -> list[list[Outcome]]:
    """Answers of all calls of several families; cores that one leaves idle work on the next.

    Args:
        every: the families.
        sample: of which they are.
    """
    together: list[Repetitions] = []
    if not sample.codes.is_cuda and len(sample.codes) <= _MOST_ROWS and torch.get_num_threads() > 1:
        # the longest first: the last call that begins keeps one core alone busy
        together = sorted(
            (e for e in every if e.shares_threads), key=lambda e: e.family.cost != "high"
        )
    outcomes = iter(call_side_by_side([call for one in together for call in one.calls]))
    shared = {one.name: [next(outcomes) for _ in one.calls] for one in together}
    return [shared.get(one.name) or [call() for call in one.calls] for one in every]


def _keep_numbers(scores: Numbers, tell: Tell) -> dict[str, float]:
    """The scores that are numbers, after telling why others are not."""
    found = {}
    for key, score in scores.items():
        if isinstance(score, NoScoreError):
            tell(f"score {key} is left out: {score}")
        elif isnan(score):
            why = "it is no number at this scale of the codes; rescale them"
            tell(f"score {key} is left out: {why}")
        else:
            found[key] = float(score)
    return found
