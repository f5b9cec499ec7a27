"""``vaescope data list``, from a table that is kept, because making it loads torch."""

from pathlib import Path

from omegaconf import DictConfig
from rich.table import Table

import vaescope
from vaescope.escaping import for_terminal
from vaescope.files import read_json
from vaescope.report.terminal import wide_console

TABLE = Path(vaescope.__file__).parent / "data" / "sets" / "table.json"


def show_list(config: DictConfig) -> None:
    """Print every data set of the group ``data`` with its shape and factors."""
    table = Table(title="data sets: vaescope train data=<name>", title_justify="left")
    table.add_column("name", no_wrap=True)
    for heading in ("observation", "factors (number of values)", "what it is", "source; licence"):
        table.add_column(heading)
    for cells in read_json(TABLE):
        table.add_row(*map(for_terminal, cells))
    wide_console(160).print(table)
