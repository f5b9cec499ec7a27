"""One job in the process that was made for it."""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from hydra import version
from hydra._internal.callbacks import Callbacks
from hydra._internal.hydra import Hydra
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.core.utils import JobStatus, run_job, setup_globals
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf

from vaescope.errors import first_line
from vaescope.stopping import stoppable

OUTPUT = "output.txt"  # what a job would have printed on a terminal


@dataclass(frozen=True)
class Task:
    """What a process needs to run one job.

    Attributes:
        config: of the job, with its number.
        search_path: where Hydra finds configurations.
        function: the program.
        environment: of the process.
    """

    config: DictConfig
    search_path: ConfigSearchPath
    function: Callable[[DictConfig], Any]
    environment: dict[str, str]


def run_task(task: Task, pipe: Connection) -> None:
    """Run a job and send whether it was completed, and its value or the error in words."""
    os.environ.clear()
    os.environ.update(task.environment)
    os.chdir(task.config.hydra.runtime.cwd)
    with stoppable():
        _end_with_the_launcher()
        _use_threads(int(task.environment["OMP_NUM_THREADS"]))
        version.setbase("1.3")
        setup_globals()
        Plugins.instance()
        _print_into(_folder(task.config) / OUTPUT)
        hydra = Hydra.create_main_hydra2(str(task.config.hydra.job.name), task.search_path)
        result = run_job(
            hydra_context=HydraContext(hydra.config_loader, Callbacks(task.config)),
            task_function=task.function,
            config=task.config,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
        )
        completed = result.status is JobStatus.COMPLETED
        value = result._return_value
        pipe.send((completed, value if completed else str(value) or first_line(value)))
        pipe.close()


def _folder(config: DictConfig) -> Path:
    HydraConfig.instance().set_config(config)
    folder = Path(config.hydra.sweep.dir) / str(OmegaConf.select(config, "hydra.sweep.subdir"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _print_into(path: Path) -> None:
    """Let everything that the process prints, libraries in C too, go to a file."""
    with path.open("ab") as file:
        for stream, number in ((sys.stdout, 1), (sys.stderr, 2)):
            stream.flush()
            os.dup2(file.fileno(), number)
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(line_buffering=True)


def _use_threads(number: int) -> None:
    """Before torch begins any; OpenMP has read the environment when torch was imported."""
    import torch

    torch.set_num_threads(number)


def _end_with_the_launcher() -> None:
    """Stop in order, with the state on file, if the process that asked for the job is gone."""
    launcher = multiprocessing.parent_process()
    if launcher is None:
        return

    def watch() -> None:
        launcher.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
