"""Two whole commands that search on one storage at the same time."""

import json

import optuna
import pytest

from builders.killed_sweeps import start

NUMBER = 6
WORDS = (
    *("train", "-m", "experiment=tiny", "network=linear", "latent_dim=2", "logger=[]"),
    *("threads=1", "trainer.accelerator=cpu", "trainer.max_steps=3", "callbacks=[evaluation]"),
    *("statistics=[latents]", "hydra/sweeper=optuna", f"hydra.sweeper.n_trials={NUMBER}"),
    *("objective=val/reconstruction", "optimizer.lr=tag(log,interval(1e-4,1e-2))"),
)


@pytest.mark.slow
@pytest.mark.parametrize("folders", ["aa", "ab"], ids=["one folder", "a folder each"])
def test_two_commands_make_each_trial_of_a_study_once(tmp_path, folders):
    url = f"sqlite:///{tmp_path}/study.db"
    words = (*WORDS, f"hydra.sweeper.storage={url}")
    commands = [start(tmp_path, *words, f"hydra.sweep.dir={folder}") for folder in folders]
    told = [command.communicate(timeout=300)[0] for command in commands]
    assert [command.returncode for command in commands] == [0, 0], told
    (study,) = optuna.get_all_study_names(url)
    trials = optuna.load_study(study_name=study, storage=url).trials
    assert [trial.number for trial in trials] == [*range(NUMBER)]
    assert {trial.state.name for trial in trials} == {"COMPLETE"}
    assert len({trial.user_attrs["owner"][0] for trial in trials}) == 2  # each has made some
    jobs = {job.parent.name: job.parent for job in tmp_path.glob("[ab]/*/report.html")}
    assert len([*tmp_path.glob("[ab]/*/report.html")]) == len(jobs) == NUMBER  # none twice
    for trial in trials:
        (row,) = json.loads((jobs[str(trial.number)] / "objective.json").read_text())["rows"]
        assert trial.value == row["val/reconstruction"]
