"""Ctrl-C in any command: one line that names the command that goes on, and the signal's code."""

import os
import shlex
import signal

import pytest

KEPT = {"fetch": "what has arrived is kept", "reproduce": "what its runs have made is kept"}


def interrupt(*args, **given):
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize(
    ("words", "inner"),
    [
        ("data show tiny", "vaescope.commands.data_sets.show"),
        ("data fetch shapes3d data_dir=.", "vaescope.commands.fetching._download"),
        ("diagnose tiny", "vaescope.diagnosis.diagnose"),
        ("modify panels output_dir=out", "vaescope.modification.modify"),
        ("export run", "vaescope.export.program.load_models"),
        ("evaluate run", "vaescope.experiment.evaluation.load_models"),
        ("report run", "vaescope.report.run.finishing.finish_reports"),
        ("reproduce cvpr2019", "vaescope.reproduction.reproduce"),
        ("audit seed=1", "vaescope.audit.measuring.measure_codes"),
        ("dashboard", "vaescope.dashboard.wandb_views.write_views"),
        ("sweep status", "vaescope.commands.sweep.find_sweep"),
        ("train data=tiny seed=3", "vaescope.experiment.training.train"),
    ],
)
def test_it_names_the_command_that_goes_on(words, inner, command, tmp_path, monkeypatch):
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    (tmp_path / "run" / "checkpoints" / "last.ckpt").touch()
    monkeypatch.setattr(inner, interrupt)
    told = command(*shlex.split(words), code=130).err
    (line,) = [line for line in told.splitlines() if "stopped by" in line]
    kept = [text for name, text in KEPT.items() if name in words]
    how = f"{kept[0]}; go on with" if kept else "it is not finished; start again with"
    assert line == f"vaescope: stopped by SIGINT; {how}: vaescope {words}"
    assert not list(tmp_path.rglob("error.txt"))
