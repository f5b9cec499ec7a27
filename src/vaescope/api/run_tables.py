"""Runs as a data frame, for one's own statistics and plots."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from vaescope.errors import ConfigError
from vaescope.report.comparison.seed_rows import rows_of_seeds
from vaescope.run_folder.runs import find_runs

if TYPE_CHECKING:
    from pandas import DataFrame


def load_runs(*folders: str | Path, settings: Sequence[str] = ()) -> "DataFrame":
    """All runs in some folders as a pandas ``DataFrame``, one row a run and seed.

    Files are only read: no code and no model of a run is loaded.

    Args:
        *folders: of runs, or folders that hold them at any depth.
        settings: to have as columns even where all runs agree: ``["beta"]``, ``["model"]``.

    Returns:
        Columns ``run`` (its folder), ``seed``, ``step``, ``model``, ``data``, settings in which
        the runs differ by dotted key (``model.beta``), final scores by log key (``test/mig``;
        ``test/over_pruned`` is 1 for fewer active latents than factors that vary, missing where
        that is not defined), and ``problem``: why a run or a seed has no scores, or what went
        wrong after them; else missing.

    Raises:
        ConfigError: pandas is not installed, a folder holds no runs, or no run has a setting.
    """
    if find_spec("pandas") is None:
        raise ConfigError("load_runs needs the package pandas: pip install 'vaescope[tables]'")
    from pandas import DataFrame

    found = find_runs([str(folder) for folder in folders])
    columns, rows = rows_of_seeds(found, settings)
    return DataFrame(rows, columns=columns)
