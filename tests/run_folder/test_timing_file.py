"""``timing.json``: sessions of a run, of which every second is counted once."""

import pytest

from vaescope.run_folder.timing_file import NAME, read_sessions, seconds_of, told, write_sessions
from vaescope.timing import PARTS

SESSION = {"from_step": 0, "to_step": 5, "seconds": dict.fromkeys(PARTS, 1.5)}


def test_sessions_add_up(tmp_path):
    longer = {"from_step": 5, "to_step": 9, "seconds": SESSION["seconds"] | {"training": 60}}
    write_sessions(tmp_path, [SESSION, longer])
    assert read_sessions(tmp_path) == [SESSION, longer]
    assert seconds_of([SESSION, longer]) == dict.fromkeys(PARTS, 3) | {"training": 61.5}
    assert told([SESSION, longer]).startswith("1 min 14 s in 2 sessions: training 1 min 2 s (84 %)")
    assert told([SESSION]).startswith("7.5 s: start 1.5 s (20 %)")


@pytest.mark.parametrize(
    "text", ["", "{}", "[1]", '[{"seconds": 1}]', '[{"seconds": {"start": "x"}}]', "[[[["]
)
def test_a_damaged_file_is_no_session(tmp_path, text):
    (tmp_path / NAME).write_text(text)
    assert read_sessions(tmp_path) == []
