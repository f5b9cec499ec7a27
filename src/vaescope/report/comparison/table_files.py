"""Tables for other programs: CSV and parquet of every seed, LaTeX of the groups."""

import csv
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from vaescope.errors import ConfigError
from vaescope.escaping import for_latex
from vaescope.files import replacing, write_text
from vaescope.report.comparison.seed_rows import rows_of_seeds
from vaescope.run_folder.runs import FoundRun

KINDS = ("csv", "parquet", "latex")


def check_table_files(plain: Mapping[str, Any]) -> None:
    """Refuse what cannot be written before anything is read.

    Raises:
        ConfigError: parquet without its packages, or one file for two tables.
    """
    lacking = [name for name in ("pandas", "pyarrow") if find_spec(name) is None]
    if plain.get("parquet") and lacking:
        raise ConfigError(
            f"parquet={plain['parquet']} needs {' and '.join(lacking)}: "
            "pip install 'vaescope[tables]', or ask for csv=FILE"
        )
    paths = [Path(plain[kind]).expanduser().absolute() for kind in KINDS if plain.get(kind)]
    if len({*paths}) < len(paths):
        raise ConfigError("csv, parquet and latex: two of them name one file; name another")


def write_table_files(
    plain: Mapping[str, Any],
    runs: Sequence[FoundRun],
    head: Sequence[str],
    body: Sequence[Sequence[str]],
) -> list[Path]:
    """Write the tables that were asked for, each whole or not at all.

    Args:
        plain: resolved ``report.yaml``.
        runs: all, for CSV and parquet.
        head: of the table of groups, for LaTeX.
        body: its rows.

    Returns:
        Paths of what was written.
    """
    paths = {kind: Path(plain[kind]).expanduser() for kind in KINDS if plain.get(kind)}
    if "csv" in paths or "parquet" in paths:
        columns, rows = rows_of_seeds(runs)
    if "csv" in paths:
        with replacing(paths["csv"]) as new, new.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(rows)
    if "parquet" in paths:
        from pandas import DataFrame  # of the extra `tables`

        with replacing(paths["parquet"]) as new:
            DataFrame(rows, columns=columns).to_parquet(new, index=False)
    if "latex" in paths:
        write_text(paths["latex"], latex_table(head, body))
    return list(paths.values())


def latex_table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    r"""A ``tabular`` that needs no package, all texts escaped.

    Example:
        >>> print(latex_table(["method", "MIG"], [["beta_vae", "0.26 ± 0.12"]]))
        \begin{tabular}{ll}
        \hline
        method & MIG \\
        \hline
        beta\_vae & 0.26 $\pm$ 0.12 \\
        \hline
        \end{tabular}
        <BLANKLINE>
    """
    lines = [" & ".join(map(for_latex, row)) + r" \\" for row in (head, *body)]
    return "\n".join(
        [
            rf"\begin{{tabular}}{{{'l' * len(head)}}}",
            *(r"\hline", lines[0], r"\hline", *lines[1:], r"\hline"),
            r"\end{tabular}",
            "",
        ]
    )
