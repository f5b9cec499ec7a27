"""The commands on a run's page: they are typed as the run was, and survive the shell."""

import shlex

from vaescope.report.run.repeating import commands


def test_commands_of_a_run(tmp_path):
    run = tmp_path / "it's a run"
    run.mkdir()
    first = ["/usr/bin/vaescope", "train", "model.name='a b'"]
    found = dict(commands(run, first, {"trainer": {"max_steps": 50}}, 40))
    words = [shlex.split(command) for command in found.values()]
    assert words[0] == ["vaescope", "train", "model.name='a b'"]
    assert words[1] == ["vaescope", "train", f"resume={run}", "trainer.max_steps=100"]
    assert words[2] == ["vaescope", "evaluate", f"checkpoint={run}/checkpoints/last.ckpt"]
    assert words[3][:3] == ["vaescope", "report", str(run)]


def test_a_job_of_a_sweep_is_repeated_by_its_own_words(tmp_path):
    run = tmp_path / "sweep" / "3"
    (run / ".hydra").mkdir(parents=True)
    (run.parent / "multirun.yaml").touch()
    (run / ".hydra" / "hydra.yaml").write_text(
        "hydra: {runtime: {choices: {}}, overrides: {task: [model=vae, seed=3]}}\n"
    )
    found = dict(commands(run, ["vaescope", "train", "-m", "seed=1,3"], {}, 40))
    assert found["The run again"] == "vaescope train model=vae seed=3"
    assert "Twice as long, from where it ended" not in found


def test_a_command_that_is_kept_as_one_word_is_typed_as_two(tmp_path):
    found = dict(commands(tmp_path, ["vaescope train", "seed=3"], {}, 40))
    assert found["The run again"] == "vaescope train seed=3"
