"""What the job of a trial tells its study, and what it is told."""

import numpy as np
import pytest
from omegaconf import OmegaConf
from optuna.exceptions import StorageInternalError

from builders.search_process import run_search, surface, trials
from vaescope.errors import ConfigError
from vaescope.sweeps.reporting import TrialReports
from vaescope.sweeps.states import State


def test_pruning_stops_bad_trials_alone(tmp_path, capsys):
    options = {"pruner": "median", "pruner_options": {"n_startup_trials": 4}}
    sweeper = OmegaConf.create({"storage": None, "study_name": "vaescope", **options})
    stopped = {}

    def befalls(number, words):
        reports = TrialReports(sweeper, tmp_path, number)
        for step in range(1, 6):
            if reports(step, surface(words)["val/mig"] * step):
                stopped[number] = step
                return State.PRUNED
        return None

    run_search(tmp_path, befalls=befalls, n_trials=16, sampler="random", **options)
    made = trials(tmp_path)
    assert {trial.number for trial in made if trial.state.name == "PRUNED"} == stopped.keys()
    assert 3 <= len(stopped) <= 12
    for number, step in stopped.items():
        before = [t for t in made[:number] if t.state.name == "COMPLETE"]
        middle = np.median([trial.intermediate_values[step] for trial in before])
        assert max(made[number].intermediate_values.values()) < middle
    assert f"{16 - len(stopped)} of 16 trials finished, {len(stopped)} pruned" in (
        capsys.readouterr().out
    )
    late = TrialReports(sweeper, tmp_path, 0)  # of a job that is run again by hand
    assert late(9, -99.0) is False


def test_a_job_that_does_not_see_its_study_says_so(tmp_path):
    sweeper = {"storage": None, "study_name": "of another machine", "pruner": "median"}
    settings = OmegaConf.create(sweeper | {"pruner_options": {}})
    with pytest.raises(ConfigError, match=r"not see the study 'of another machine'.*all machines"):
        TrialReports(settings, tmp_path, 0)


def test_a_trial_goes_on_while_its_study_is_out_of_reach(tmp_path, monkeypatch):
    def befalls(number, words):
        settings = {"storage": None, "study_name": "vaescope", "pruner": "threshold"}
        options = {"pruner_options": {"lower": 0.0}}
        reports = TrialReports(OmegaConf.create(settings | options), tmp_path, number)
        assert reports(1, 0.5) is False
        assert reports(1, -9.0) is False  # a step that was told before the job was killed
        assert reports(2, -9.0) is True
        with monkeypatch.context() as patch:
            patch.setattr(reports.trial, "report", _lost)
            assert reports(3, -9.0) is False

    run_search(tmp_path, befalls=befalls, n_trials=1)


def _lost(value, step):
    raise StorageInternalError("no route to it")
