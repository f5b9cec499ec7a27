"""``vaescope train``: compose, check, build, train, report."""

import logging
import shlex
import sys
from functools import partial
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from vaescope.commands.imports import import_wandb, lasting
from vaescope.commands.job import run_job
from vaescope.config.devices import refuse_in_sweep
from vaescope.config.loading import config_dir
from vaescope.run_folder.contents import write_pruned
from vaescope.run_folder.scores import read_validated
from vaescope.scores import direction_of
from vaescope.scores.objective import DEFAULT, names_of, no_score, objective_keys, objective_values
from vaescope.stopping import Stopped
from vaescope.sweeps.launching import RecordedLauncher
from vaescope.sweeps.search import is_search

log = logging.getLogger(__name__)


def _program(config: DictConfig) -> Any:
    with lasting():  # not for --help and --cfg
        if "wandb" in (config.logger or {}):
            import_wandb()
        from vaescope.config.checks import check
        from vaescope.config.choices import choices_made, open_network
        from vaescope.experiment.training import train

    again = HydraConfig.get().mode is RunMode.MULTIRUN
    run = partial(train, config, again=again, chosen=choices_made(), open_network=open_network())
    if again:
        refuse_in_sweep(config.trainer)
    if config.objective is None:
        return run()
    check(config)
    callback = {
        "_target_": "vaescope.callbacks.Objective",
        "keys": config.objective if OmegaConf.is_list(config.objective) else [config.objective],
        "folder": "${output_dir}",
        "statistics": "${statistics}",
    }
    if config.callbacks is None:
        config.callbacks = {}
    OmegaConf.update(config, "callbacks.objective", callback, force_add=True)
    trial = OmegaConf.select(config, "sweep.trial")  # a run that is resumed has no such section
    if trial is None or HydraConfig.get().sweeper.get("pruner") is None:
        return _objective(config, run())
    from vaescope.callbacks.pruning import PrunedError, Pruning
    from vaescope.sweeps.reporting import TrialReports

    hydra = HydraConfig.get()
    reports = TrialReports(hydra.sweeper, Path(hydra.sweep.dir).resolve(), trial)
    pruning = Pruning(objective_keys(config.objective)[0], reports)
    try:
        return _objective(config, run(watchers=[pruning]))
    except PrunedError as end:
        log.info("%s: %s", end, f"{pruning.key} = {end.value:.6g}")
        write_pruned(Path(config.output_dir), end.step, end.value)
        return end.value


def _objective(config: DictConfig, rows: list[dict[str, Any]]) -> float | tuple[float, ...]:
    """What a sweeper gets.

    Raises:
        ConfigError: for a score that the run does not have.
    """
    keys = objective_keys(config.objective)
    validated = read_validated(Path(config.output_dir))
    values = []
    for key, value in objective_values(keys, rows, validated).items():
        if value is None:
            raise no_score(key, names_of(rows if key.startswith("test/") else validated))
        log.info("objective %s = %.6g (direction: %s)", key, value, direction_of(key) or "unknown")
        values.append(value)
    return values[0] if len(values) == 1 else tuple(values)


def job(config: DictConfig) -> float | tuple[float, ...] | None:
    """Train one model, once a job of a sweep; what ``objective`` names is for sweepers."""
    if config.objective is None and is_search(HydraConfig.get()):
        config.objective = DEFAULT
    result = run_job(config, _program, trains=True)
    return None if config.objective is None else result


def main() -> None:
    """Train one model or a sweep of them."""
    RecordedLauncher.folder = None
    try:
        hydra.main(version_base="1.3", config_path=config_dir(), config_name="train")(job)()
    except Stopped as stop:
        if RecordedLauncher.folder is not None:
            words = ["vaescope", "sweep", "resume", str(RecordedLauncher.folder)]
            stop.go_on = f"the sweep goes on with: {shlex.join(words)}"
        raise
    finally:
        _end_sweep()


def _end_sweep() -> None:
    """Tell what came of the jobs, those that failed as well; nothing after a single run.

    Hydra's own callback at the end is not reached if a job fails.

    Raises:
        SystemExit: if the table cannot be written.
    """
    folder, RecordedLauncher.folder = RecordedLauncher.folder, None
    if folder is None:
        return
    from vaescope.sweeps.table import summarise  # imports rich: not for --help and --cfg

    try:
        summarise(folder)
    except OSError as error:
        print(f"vaescope: no table of the sweep in {folder}: {error}", file=sys.stderr)
        raise SystemExit(1) from error
