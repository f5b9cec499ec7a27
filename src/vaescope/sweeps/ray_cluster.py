"""The launcher ``ray``: jobs on a Ray cluster, each in a process of its own."""

import importlib.util
import logging
import os
import platform
import secrets
import socket
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, as_completed
from concurrent.futures import wait as wait_for
from dataclasses import replace
from itertools import count
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, configure_log
from omegaconf import DictConfig

from vaescope.errors import ConfigError, JobKilledError, RunFolderError, VaescopeError, first_line
from vaescope.run_folder.locking import wait_until_free
from vaescope.stopping import listen
from vaescope.sweeps.forked import Task
from vaescope.sweeps.forking import cores_here
from vaescope.sweeps.job_processes import JobProcess, Outcome, ProcessLauncher, stop
from vaescope.sweeps.journal import NAME, has_journal
from vaescope.sweeps.states import written_to

log = logging.getLogger(__name__)

# variables of the command that jobs get on any machine, besides hydra.job.env_copy
PASSED_ON = ("VAESCOPE_", "WANDB_", "MLFLOW_", "TRACKIO_")
# nothing is reported to Ray's makers; what it would print beside the jobs' table it does not
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS_SKIP_REGEX": "."}
_STORE = 100 * 2**20  # bytes of a local cluster's object store, which holds configurations
_LOOK = 0.5  # seconds between two chances to be told of a stop


class RayLauncher(ProcessLauncher):
    """Runs each job as one task of Ray, in a process of its own on the machine that Ray chooses.

    A task whose process or machine is lost is run again and goes on from its last checkpoint. What
    a job prints goes to ``output.txt`` in its folder.

    Args:
        address: of a cluster: ``auto``, ``host:port`` or ``ray://host:port``; None: one on this
            machine, which ends with the command.
        num_cpus: cores that Ray keeps for a job; also its torch threads, from 1.
        num_gpus: GPUs that Ray keeps for a job, parts of one as well; None: 1 if there are any.
        max_retries: of a job that was lost; -1: without end.

    Raises:
        ConfigError: for a number out of range, or without the package ray.
    """

    def __init__(
        self,
        address: str | None = None,
        num_cpus: float = 1,
        num_gpus: float | None = None,
        max_retries: int = 3,
    ) -> None:
        for name, value, least in (
            ("num_cpus", num_cpus, 0),
            ("num_gpus", num_gpus or 0, 0),
            ("max_retries", max_retries, -1),
        ):
            if not isinstance(value, int | float) or value < least:
                raise ConfigError(f"hydra.launcher.{name}={value}: give a number from {least}")
        if importlib.util.find_spec("ray") is None:
            raise ConfigError(
                "hydra/launcher=ray needs the package ray: pip install 'vaescope[ray]'"
            )
        self.address, self.max_retries = address, max_retries
        self.num_cpus, self.num_gpus = num_cpus, num_gpus

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Run the jobs; when this process is told to stop, those at work keep their states.

        Args:
            job_overrides: words of each job.
            initial_job_idx: number of the first.

        Returns:
            What came of each: its value, or the error of a job that failed or was lost.

        Raises:
            ConfigError: if there is no cluster, or a local one can never hold a job.
            RunFolderError: if a machine of the cluster does not have the folder of the sweep.
        """
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        ray = self._connect()
        folder = Path(self.config.hydra.sweep.dir).resolve()
        needs = self._needs(ray)
        remote = ray.remote(max_calls=0)(run_on_node).options(**needs)
        environment = self._environment(needs)
        futures: dict[Future[Outcome], tuple[int, DictConfig]] = {}
        references = []
        returned: dict[int, JobReturn] = {}
        try:
            for place, overrides in enumerate(job_overrides):
                task = self.composer.task(overrides, initial_job_idx + place, environment)
                references.append(remote.remote(task, folder, self.max_retries))
                futures[references[-1].future()] = place, task.config
            for future in as_completed(futures):
                place, config = futures[future]
                returned[place] = _outcome(future).returned(job_overrides[place], config)
        except BaseException:
            for reference in references:
                ray.cancel(reference, force=False)
            wait_for(futures)
            raise
        return [returned[place] for place in range(len(job_overrides))]

    def _connect(self) -> Any:
        """Ray, with a cluster behind it; the first launch of a command makes the connection."""
        local = self.address is None
        for name, value in (_QUIET | (_closed() if local else {})).items():
            os.environ.setdefault(name, value)
        import ray

        if ray.is_initialized():
            return ray
        given = {"address": self.address} if self.address else _local()
        try:
            _knock(self.address or "")
            ray.init(**given, log_to_driver=False, logging_level=logging.ERROR)
        except Exception as error:  # Ray raises plain ones, when it is late for example
            told = f"hydra.launcher.address={self.address}: no Ray cluster is there"
            more = "begin one with ray start --head, or leave the address out"
            if local:
                told, more = "Ray cannot begin on this machine", "hydra/launcher=fork does without"
            raise ConfigError(f"{told} ({first_line(error)}); {more}") from error
        listen()
        return ray

    def _needs(self, ray: Any) -> dict[str, Any]:
        """What Ray keeps for a job, and when it runs one again."""
        there = ray.cluster_resources()
        num_gpus = self.num_gpus
        if num_gpus is None:
            num_gpus = 1 if there.get("GPU", 0) >= 1 else 0
        needs = {"CPU": self.num_cpus, "GPU": num_gpus}
        log.info("each job on Ray: %s; the cluster has %s", _counted(needs), _counted(there))
        for name, key in (("CPU", "num_cpus"), ("GPU", "num_gpus")):
            if needs[name] <= max(node["Resources"].get(name, 0) for node in ray.nodes()):
                continue
            told = f"hydra.launcher.{key}={needs[name]}: no machine of the cluster has as many"
            if self.address is None:
                raise ConfigError(f"{told}; it has {there.get(name, 0):g}")
            log.warning("%s; jobs wait until one does", told)
        return {
            "num_cpus": self.num_cpus,
            "num_gpus": num_gpus,
            "max_retries": self.max_retries,
        }

    def _environment(self, needs: Mapping[str, Any]) -> dict[str, str]:
        """Variables that jobs get besides those of their machine."""
        copied = {*self.config.hydra.job.env_copy}
        passed = {k: v for k, v in os.environ.items() if k in copied or k.startswith(PASSED_ON)}
        if not needs["num_gpus"]:
            passed["CUDA_VISIBLE_DEVICES"] = ""
        return passed | {"OMP_NUM_THREADS": str(max(1, int(needs["num_cpus"])))}


def run_on_node(task: Task, sweep: Path, max_retries: int) -> Outcome:
    """Run a job on the machine that Ray has chosen, and stop it in order if Ray cancels the task.

    Args:
        task: the job, with the variables that it gets besides those of this machine.
        sweep: folder of the sweep.
        max_retries: if its process is killed; -1: without end.

    Raises:
        RunFolderError: if this machine does not have the folder of the sweep.
    """
    here = Path(task.config.hydra.runtime.cwd)
    if not has_journal(sweep) or not here.is_dir():
        lacking = here if has_journal(sweep) else sweep / NAME
        raise RunFolderError(
            f"{platform.node()} has no {lacking}: all machines of a Ray cluster have to share the "
            "folder of the command and that of the sweep; name one on a shared file system with "
            "hydra.sweep.dir=, or take a cluster whose machines share it"
        )
    place = written_to(sweep / str(task.config.hydra.sweep.subdir))
    task = replace(task, environment={**os.environ, **task.environment})
    for _ in range(max_retries + 1) if max_retries >= 0 else count():
        wait_until_free([place])  # where a worker was lost, its job may still keep its state
        outcome = _run(task)
        if not isinstance(outcome.value, JobKilledError):
            break
    return outcome


def _run(task: Task) -> Outcome:
    job = JobProcess(task)
    try:
        while not wait([job.end], _LOOK):
            pass
    except BaseException:
        stop([job])
        raise
    return job.outcome()


def _closed() -> dict[str, str]:
    """Variables by which a Ray of this machine listens to its command alone."""
    return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}


def _local() -> dict[str, Any]:
    """What ``ray.init`` is given for a Ray on this machine."""
    return {
        "address": "local",
        "num_cpus": cores_here(),
        "include_dashboard": False,
        "object_store_memory": _STORE,
    }


def _knock(address: str) -> None:
    """Open a connection to ``host:port`` and close it: Ray itself would wait for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()


def _outcome(future: Future[Outcome]) -> Outcome:
    """What came of a task.

    Raises:
        VaescopeError: that concerns all jobs.
    """
    from ray import exceptions

    try:
        return future.result()
    except exceptions.RayTaskError as error:
        if isinstance(error.cause, VaescopeError):
            raise error.cause from None
        raise
    except exceptions.RayError as error:
        return Outcome(False, JobKilledError(f"its worker was lost: {first_line(error)}"))


def _counted(resources: Mapping[str, float]) -> str:
    return ", ".join(f"{resources.get(name, 0):g} {name}s" for name in ("CPU", "GPU"))
