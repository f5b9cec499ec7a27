"""Final scores on the terminal."""

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from vaescope.report.glossary import GLOSSARY, in_order, name_of


def print_scores(scores: Mapping[str, float], title: str) -> None:
    """Print every score that the glossary explains, with its meaning.

    Args:
        scores: log keys and values.
        title: heading of the table.
    """
    table = Table(title=title, title_justify="left")
    table.add_column("score", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("meaning")
    for key in in_order(list(scores)):
        table.add_row(key, f"{scores[key]:.4g}", GLOSSARY[name_of(key)])
    Console().print(table)
