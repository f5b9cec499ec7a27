"""Command and job: compose, run, tell errors, leave ``error.txt``, end cleanly."""

import logging
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException
from hydra.types import RunMode
from omegaconf import DictConfig, ListConfig, OmegaConf

from vaescope.commands.terminal_log import be_brief_on_terminals
from vaescope.config.loading import config_dir, register_schemas, unlinked
from vaescope.config.overrides import PATHS
from vaescope.config.refusals import refusal
from vaescope.errors import ConfigError, RunFolderError, VaescopeError
from vaescope.escaping import printable
from vaescope.files import why_not_written
from vaescope.run_folder.contents import (
    LEARNING,
    holds_run,
    holds_state,
    how_to_go_on,
    refuse_modification,
    refuse_run,
    write_error,
)
from vaescope.run_folder.locking import locked
from vaescope.stopping import Stopped, keep_stop, stoppable

log = logging.getLogger(__name__)

register_schemas()


def command(program: Callable[[DictConfig], Any]) -> Callable[[], Any]:
    """Make a program a command, whose configuration is the one that is called like its module."""
    name = program.__module__.rpartition(".")[2]

    @hydra.main(version_base="1.3", config_path=config_dir(), config_name=name)
    @wraps(program)
    def main(config: DictConfig) -> Any:
        return run_job(config, program)

    return main


def run_job(
    config: DictConfig, program: Callable[[DictConfig], Any], *, trains: bool = False
) -> Any:
    """Run one job so that its failure is on file and does not touch the next one.

    Args:
        config: composed configuration with ``output_dir``.
        program: the job.
        trains: whether it may work in the folder of a training run.

    Returns:
        What the program returns.

    Raises:
        CompactHydraException: for an error that the user can mend, as one message.
        Stopped: if a signal ended it.
    """
    be_brief_on_terminals()
    _name_files_as_the_command_did(config)
    folder = Path(config.output_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with stoppable(), locked(folder), keep_stop():
            (refuse_modification if trains else refuse_run)(folder)
            return program(config)
    except Stopped as stop:
        if holds_state(folder):
            stop.go_on = how_to_go_on(folder)
        elif (folder / LEARNING).is_file():
            stop.kept = "its state is kept"
        raise
    except Exception as error:
        told = _for_user(error, folder)
        record_failure(folder, error)
        _finish_wandb(exit_code=1)
        if told:
            raise CompactHydraException(printable(told, keep="\n")) from error
        raise
    finally:
        _finish_wandb()  # else the next job of a sweep would log into this one's run


def _name_files_as_the_command_did(config: DictConfig) -> None:
    """Under ``hydra.job.chdir=true``, a job's own folder is not what names are relative to."""
    here = Path(HydraConfig.get().runtime.cwd)
    if here == Path.cwd():
        return
    for key in PATHS:
        value = OmegaConf.select(config, key)
        if isinstance(value, str):
            OmegaConf.update(config, key, _seen_from(here, key, value))
        elif isinstance(value, ListConfig):
            OmegaConf.update(config, key, [_seen_from(here, key, str(entry)) for entry in value])


def _seen_from(here: Path, key: str, name: str) -> str:
    path = here / Path(name).expanduser()
    is_key = key.endswith(".factor_values") and not path.exists()  # of an array in the file
    return unlinked(name if is_key else str(path))


def record_failure(folder: Path, error: BaseException) -> None:
    """Leave the traceback in ``error.txt``; a run that was refused something stays as it is."""
    refused = isinstance(error, ConfigError) and holds_run(folder)
    if folder.is_dir() and not isinstance(error, RunFolderError) and not refused:
        try:
            write_error(folder, error)
        except OSError as another:  # a full disk: what was to be told is told on the terminal
            log.error("error.txt cannot be written: %s", another)
    if _in_sweep():  # Hydra itself tells only the first failure
        log.error("job failed: %s", error)


def _for_user(error: Exception, folder: Path) -> str:
    """The message for an error that the user can mend; nothing for a fault of the program."""
    if isinstance(error, VaescopeError):
        return str(error)
    if reason := why_not_written(error):
        return f"{reason}, then {how_to_go_on(folder)}"
    return str(refusal(error) or "")


def _in_sweep() -> bool:
    return HydraConfig.initialized() and HydraConfig.get().mode is RunMode.MULTIRUN


def _finish_wandb(exit_code: int = 0) -> None:
    if wandb := sys.modules.get("wandb"):
        try:
            wandb.finish(exit_code=exit_code)
        except Exception as error:  # what it has lost is no loss of the run
            log.warning("wandb: %s", error)
