"""What every command does around its program: messages, ``error.txt``, a clean end."""

import logging
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException
from hydra.types import RunMode
from omegaconf import DictConfig, ListConfig, OmegaConf

from vaescope.config import unlinked
from vaescope.errors import RunFolderError, VaescopeError
from vaescope.escaping import printable
from vaescope.overrides import PATHS

log = logging.getLogger(__name__)


def run_job(config: DictConfig, program: Callable[[DictConfig], Any]) -> Any:
    """Run one job so that its failure is on file and does not touch the next one.

    Args:
        config: composed configuration with ``output_dir``.
        program: the job.

    Returns:
        What the program returns.

    Raises:
        CompactHydraException: for an error that the user can mend, as one message.
    """
    _name_files_as_the_command_did(config)
    folder = Path(config.output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return program(config)
    except Exception as error:
        record_failure(folder, error)
        _finish_wandb(exit_code=1)
        if isinstance(error, VaescopeError):
            raise CompactHydraException(printable(error, keep="\n")) from error
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
    is_key = key == "data.factor_values" and not path.exists()  # of an array in the file
    return unlinked(name if is_key else str(path))


def record_failure(folder: Path, error: BaseException) -> None:
    """Leave the traceback in ``error.txt``; a run that was refused its folder leaves nothing."""
    if not isinstance(error, RunFolderError):
        text = "".join(traceback.format_exception(error))
        (folder / "error.txt").write_text(text, encoding="utf-8")
    if HydraConfig.get().mode is RunMode.MULTIRUN:  # Hydra itself tells only the first failure
        log.error("job failed: %s", error)


def _finish_wandb(exit_code: int = 0) -> None:
    if wandb := sys.modules.get("wandb"):
        wandb.finish(exit_code=exit_code)
