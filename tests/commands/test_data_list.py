"""The list of data sets is kept in a file; it is that of their records."""

from vaescope.commands import data_list
from vaescope.commands.data_table import rows
from vaescope.files import read_json, write_json


def test_the_kept_table_is_made_of_the_records(request):
    made = [list(row.cells) for row in rows()]
    if request.config.getoption("--update-tables"):
        write_json(data_list.TABLE, made)
    assert read_json(data_list.TABLE) == made, "pytest tests/commands --update-tables"
