"""``vaescope data list``, from a table that is kept, because making it loads torch.

Lines of the user's own sets are made anew.
"""

from pathlib import Path

from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from rich.table import Table

import vaescope
from vaescope.commands.imports import lasting
from vaescope.config.checks import check_keys
from vaescope.config.overrides import as_typed
from vaescope.escaping import for_terminal
from vaescope.files import read_json
from vaescope.report.terminal import wide_console

NARROW = 120  # columns below which all about a set is told in one cell
TABLE = Path(vaescope.__file__).parent / "data" / "sets" / "table.json"


def show_list(config: DictConfig) -> None:
    """Print every data set of the group ``data`` with its shape and factors."""
    check_keys(config)
    console = wide_console(160)
    table = Table(title="data sets: vaescope train data=<name>", title_justify="left")
    table.add_column("name", no_wrap=True)
    headings = ("observation", "factors (number of values)", "what it is", "source; licence")
    is_narrow = console.width < NARROW
    for heading in ["; ".join(headings)] if is_narrow else headings:
        table.add_column(heading)
    table.show_lines = is_narrow
    ours = read_json(TABLE)
    for name, *cells in (*ours, *_own({cells[0] for cells in ours})):
        shown = [f"{cells[0]}; {cells[1]}\n{cells[2]}\n{cells[3]}"] if is_narrow else cells
        table.add_row(*map(for_terminal, (name, *shown)))
    console.print(table)


def _own(ours: set[str]) -> list[tuple[str, ...]]:
    """Lines of the sets that plugins and the user's folders add."""
    if not GlobalHydra.instance().is_initialized():  # called from code: no folders were named
        return []
    loader = GlobalHydra.instance().config_loader()
    places = as_typed(HydraConfig.get().overrides.hydra)  # among them hydra.searchpath
    names = loader.get_group_options("data", None, "data", places)
    if not (own := [name for name in names if name not in ours]):
        return []
    with lasting():
        from vaescope.commands.data_table import cells_of  # imports torch
    return list(cells_of(own, loader, places))
