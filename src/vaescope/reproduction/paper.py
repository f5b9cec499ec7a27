"""What a paper adds to its plan: claims, figures, and what is measured on the weights of its runs.

The plan is ``conf/paper/NAME.yaml``; the rest is the object ``PAPER`` of the package
``vaescope.reproduction.NAME``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from torch import Tensor

from vaescope.data import FactorDataModule
from vaescope.experiment.assembly import build_data, load_models
from vaescope.minibatch import Batch
from vaescope.models import LatentModel
from vaescope.reproduction.claims import Claim, Measured
from vaescope.reproduction.plan import Run
from vaescope.reproduction.results import Result, Results
from vaescope.reproduction.tables import FurtherLines, no_lines

Numbers = dict[str, list[float]]  # one value a seed, by name
OwnTable = tuple[Sequence[str], list[list[str]]]  # headings, and cells of each row


@dataclass(frozen=True)
class Workplace:
    """Where and how a reproduction makes what it needs.

    Attributes:
        plan: content of ``conf/paper/NAME.yaml``.
        scale: a key of its ``scales``.
        folder: of the reproduction.
        jobs: processes at a time.
        threads: torch threads of each; None: as many as it chooses.
        data_dir: where data sets lie; None: the user's cache folder.
        make: whether what is missing is made.
    """

    plan: Mapping[str, Any]
    scale: str
    folder: Path
    jobs: int = 1
    threads: int | None = 1
    data_dir: str | None = None
    make: bool = True


# trainings -> the same with overrides that follow from what was made before them
Decide = Callable[[Sequence[Run], Workplace], Sequence[Run]]


@dataclass(frozen=True)
class Opened:
    """A finished run's models, data and step."""

    models: list[LatentModel]
    data: FactorDataModule
    step: int

    def rows(self, num_samples: int) -> Tensor:
        """Random rows of the test part int64 `[n]`, all of them if there are fewer."""
        count = min(num_samples, len(self.data.rows["test"]))
        return self.data.evaluation_rows("test", count)

    def batch(self, num_samples: int) -> Batch:
        """A batch of the test part."""
        return self.data.dataset.batch(self.rows(num_samples))


def opened(result: Result, data_dir: str | None) -> Opened:
    """Load a run's checkpoint and data."""
    models, saved = load_models(result.checkpoint)
    return Opened(models, build_data(saved["vaescope"]["config"], data_dir), saved["global_step"])


@dataclass(frozen=True)
class Drawing:
    """A figure, or numbers of weights that claims are about.

    Attributes:
        draw: the figure from the finished runs and from what was taken of weights, both by the
            run's name; None of it: there is nothing to draw.
        opens: patterns of the runs whose weights it needs.
        take: what it takes from an opened run.
        numbers: of what was taken, for claims.
        caption: what there is to see.
        of_numbers: whether the numbers are all that it draws of what was taken, so that a
            ``results.json`` will do.
    """

    draw: Callable[[Results, Mapping[str, Any]], Figure | None] = lambda results, taken: None
    opens: Sequence[str] = ()
    take: Callable[[Opened], Any] = lambda run: None
    numbers: Callable[[Any], Numbers] = lambda taken: {}
    caption: str = ""
    of_numbers: bool = False

    def needs(self, name: str) -> bool:
        """Whether it takes something from this run."""
        return any(fnmatchcase(name, pattern) for pattern in self.opens)


@dataclass(frozen=True)
class Paper:
    """All that a paper adds.

    Attributes:
        claims: in the order of their numbers.
        drawings: by the part of the plan that asks for them.
        always: measured on weights whatever parts are asked for.
        lines: further lines of a table, behind those of a run: the part, the run and the plan.
        decide: overrides that follow from the sets or from pilots: trainings, once their modified
            sets are there, and the same with these.
        beside: what else is known of a run, from the reproduction's folder and the run's name.
        own_tables: headings and cells by name, behind the paper's tables, of the finished runs and
            of what was measured on their weights.
    """

    claims: Sequence[Claim] = ()
    drawings: Mapping[str, Drawing] = field(default_factory=dict)
    always: Sequence[Drawing] = ()
    lines: FurtherLines = no_lines
    decide: Decide | None = None
    beside: Callable[[Path, str], Mapping[str, Any]] = lambda folder, name: {}
    own_tables: Callable[[Results, Measured], Mapping[str, OwnTable]] = lambda results, of: {}
