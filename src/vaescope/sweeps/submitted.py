"""One job in a process that submitit has started, perhaps on another machine."""

import os
import signal
import sys
from dataclasses import dataclass, field
from typing import Any

from hydra.core.utils import JobStatus

from vaescope.errors import RunsFailedError, first_line
from vaescope.stopping import REQUEUE, SIGNALS, Stopped, stoppable
from vaescope.sweeps.forking import threads_of_each


@dataclass(frozen=True)
class SubmittedJob:
    """What submitit calls there, with the words of a job.

    A signal makes the run keep its state and end. Before a time limit and at a preemption the job
    is queued again and goes on from there.

    Attributes:
        launcher: of Hydra's plugin, which composes a job and runs it.
        environment: of the job, set before torch is imported.
    """

    launcher: Any
    environment: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: Any) -> None:
        """Run the job; what came of it is in its folder.

        Raises:
            RunsFailedError: for the scheduler, that the job has failed.
            Stopped: if a signal ended it.
        """
        os.environ.update(self.environment)
        if cores := os.environ.get("SLURM_CPUS_ON_NODE", ""):  # the job's share of them
            os.environ["OMP_NUM_THREADS"] = str(min(threads_of_each(1), int(cores)))
        for number in SIGNALS:  # submitit would end the run in the midst of an update
            if callable(signal.getsignal(number)):
                signal.signal(number, signal.SIG_DFL)
        try:
            with stoppable():
                result = self.launcher(*arguments)
        except Stopped as stop:
            if os.environ.get("SUBMITIT_EXECUTOR") != "local":
                print(f"vaescope: {stop.told()}", file=sys.stderr, flush=True)
            elif stop.name in REQUEUE:  # as submitit tells its controller to run it again
                from submitit.local.local import LOCAL_REQUEUE_RETURN_CODE

                raise SystemExit(LOCAL_REQUEUE_RETURN_CODE) from None
            raise
        if result.status is JobStatus.FAILED:
            raise RunsFailedError(first_line(result._return_value))
