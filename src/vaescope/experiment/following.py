"""A process that follows: it makes the updates of a run from its own rows, and nothing else."""

import json
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import torch

from vaescope.callbacks.sessions import Begin
from vaescope.experiment.trainers import build_data_and_model, build_trainer, fit, prepare
from vaescope.minibatch import BatchSlice
from vaescope.stopping import SIGNALS

UNLIMITED = {"max_steps": -1, "max_epochs": -1, "max_time": None, "profiler": None}


def follow() -> None:
    """Do what the leader orders, in one line of JSON on the standard input, until it is gone.

    Evaluations, checkpoints, signals and the end are the leader's; it ends this process.
    """
    order: dict[str, Any] = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_the_leader, daemon=True).start()
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    torch.set_num_threads(order["threads"])
    plain = order["plain"] | {"trainer": order["plain"]["trainer"] | UNLIMITED}
    own = BatchSlice(order["rank"], order["ranks"])
    data, model = build_data_and_model(plain, order["follows"])
    begin = Begin(_ignore_signals)  # Lightning has set handlers of its own
    trainer = build_trainer(plain, data, own, callbacks=[begin], port=order["port"])
    prepare(model, plain)
    checkpoint = order["checkpoint"]
    fit(trainer, model, data, Path(checkpoint) if checkpoint else None)


def _ignore_signals() -> None:
    """A scheduler sends them to all processes of a job."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _end_with_the_leader() -> None:
    sys.stdin.read()  # until the leader's end of the pipe is closed, however that ended
    os._exit(1)
