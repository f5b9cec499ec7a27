"""The list of data sets is kept in a file; it is that of their records."""

import io

import pytest
from rich.console import Console

from vaescope.commands import data_list
from vaescope.commands.data_table import rows
from vaescope.errors import ConfigError
from vaescope.files import read_json, write_json


def test_the_kept_table_is_made_of_the_records(request):
    made = [list(row.cells) for row in rows()]
    if request.config.getoption("--update-tables"):
        write_json(data_list.TABLE, made)
    assert read_json(data_list.TABLE) == made, "pytest tests/commands --update-tables"


def test_it_fits_a_narrow_terminal(config, monkeypatch):
    printed = io.StringIO()
    narrow = Console(file=printed, width=80, force_terminal=True, no_color=True)
    monkeypatch.setattr(data_list, "wide_console", lambda width: narrow)
    data_list.show_list(config("action=list", name="data"))
    text = printed.getvalue()
    assert len(text.splitlines()) < 240
    assert "737,280 images 64 × 64; shape 3" in text


def test_keys_that_it_does_not_have_are_refused(config):
    with pytest.raises(ConfigError, match="no 'foo'"):
        data_list.show_list(config("action=list", "+foo=3", name="data"))
