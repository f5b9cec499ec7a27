"""Final scores on the terminal."""

from collections.abc import Mapping

from rich import box
from rich.console import Console
from rich.table import Table

from vaescope.report.glossary import GLOSSARY, in_order, name_of


def print_scores(scores: Mapping[str, float], title: str) -> None:
    """Print every score that the glossary explains, its chance level beside it.

    Args:
        scores: log keys and values.
        title: heading above the table.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("score", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("chance", justify="right", no_wrap=True)
    table.add_column("meaning")
    for key in in_order(list(scores)):
        if not key.endswith(("_chance", "_ratio")):
            chance = scores.get(f"{key}_chance")
            shown = "" if chance is None else f"{chance:.3g}"
            table.add_row(key, f"{scores[key]:.4g}", shown, GLOSSARY[name_of(key)])
    console = Console()
    console.print(f"\n{title}", highlight=False, soft_wrap=True)
    console.print(table)
