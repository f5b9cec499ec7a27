"""Sweeps of wandb: what its agent would call, by its own functions, without a server."""

import itertools
from pathlib import Path

import pytest
import yaml
from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args
from wandb.sdk.lib import config_util

from builders.wandb_log import wandb_logs
from vaescope.config.checks import check
from vaescope.config.loading import config_dir
from vaescope.scores import direction_of

FILES = sorted(Path(config_dir(), "wandb_sweep").glob("*.yaml"))
TINY = ("experiment=tiny", "network=linear", "latent_dim=3", "trainer.max_steps=2", "threads=1")


def read(path):
    return yaml.safe_load(path.read_text())


def values(parameter):
    """All that a parameter may be, or the ends of its range."""
    if "value" in parameter:
        return [parameter["value"]]
    return parameter.get("values") or [parameter["min"], parameter["max"]]


def commands(sweep):
    """Arguments that the agent is given and the command that it makes of them, for each run."""
    names, offered = zip(*((n, values(p)) for n, p in sweep["parameters"].items()), strict=True)
    for chosen in itertools.product(*offered):
        given = {name: {"value": value} for name, value in zip(names, chosen, strict=True)}
        filled = create_sweep_command_args({"args": given}) | {"env": ["/usr/bin/env"]}
        words = []
        for word in create_sweep_command(list(sweep["command"])):
            words += filled[word[2:-1]] if word.startswith("${") else [word]
        yield given, words


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_run_of_a_sweep_can_be_trained(config, path):
    for _, (env, program, command, *words) in commands(read(path)):
        assert (env, program, command) == ("/usr/bin/env", "vaescope", "train")
        check(config(*words))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_sweep_knows_the_good_end_of_its_objective(path):
    sweep = read(path)
    objective = next(w for w in sweep["command"] if w.startswith("objective=")).split("=")[1]
    assert sweep["metric"] == {"name": "objective", "goal": direction_of(objective)}


@pytest.mark.slow
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_agents_run_belongs_to_its_sweep(process, tmp_path, path):
    given, words = next(commands(read(path)))
    parameters = tmp_path / "parameters.yaml"
    config_util.save_config_file_from_dict(str(parameters), given)
    agent = {"WANDB_SWEEP_ID": "s1", "WANDB_RUN_ID": "r1", "WANDB_MODE": "offline"}
    agent["WANDB_SWEEP_PARAM_PATH"] = str(parameters)
    words = [word for word in words[2:] if not word.startswith("data=")]  # a small set instead
    process(*words, *TINY, "hydra.run.dir=run", **agent)
    (logged,) = wandb_logs(tmp_path / "run")
    assert (logged.run["run_id"], logged.run["sweep_id"]) == ("r1", "s1")
    assert logged.config["seed"] == given["seed"]["value"]
    assert logged.config["model"] == given["model"]["value"]
    assert logged.config["model._target_"].startswith("vaescope.models.")
    assert logged.config["latent_dim"] == 3
    assert logged.summary["objective"] == pytest.approx(logged.curve("val/mig")[-1][1])
