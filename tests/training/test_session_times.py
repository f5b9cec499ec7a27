"""A run says what its time was spent on, over all of its sessions."""

import json
import time

import pytest

from vaescope.experiment.training import train
from vaescope.run_folder.timing_file import NAME, told
from vaescope.timing import PARTS


@pytest.mark.usefixtures("no_figures")
def test_a_resumed_run_keeps_the_time_of_each_session(tiny, tmp_path, caplog):
    started = time.perf_counter()
    train(tiny(tmp_path, "trainer.max_steps=6"))
    between = time.perf_counter()
    with caplog.at_level("INFO"):
        train(tiny(tmp_path, "trainer.max_steps=12", f"resume='{tmp_path}'"))
    ended = time.perf_counter()
    first, second = json.loads((tmp_path / NAME).read_text())
    assert [(s["from_step"], s["to_step"]) for s in (first, second)] == [(0, 6), (6, 12)]
    for session, took in ((first, between - started), (second, ended - between)):
        assert all(seconds > 0 for seconds in session["seconds"].values())
        assert 0.5 * took < sum(session["seconds"].values()) < took + 0.001 * len(PARTS)
    assert f"time: {told([first, second])}" in caplog.text
