"""Watch a run and report."""

from vaescope.callbacks.checkpoint import AtomicCheckpointIO, Checkpoint, KeepConfig
from vaescope.callbacks.csv_logger import MetricsFile
from vaescope.callbacks.evaluation import Evaluation, history_of, scores_of_members
from vaescope.callbacks.nan_guard import FiniteTerms
from vaescope.callbacks.objective import Objective
from vaescope.callbacks.pictures import Pictures
from vaescope.callbacks.progress import Progress
from vaescope.callbacks.publish import publish, summary
from vaescope.callbacks.wandb_logger import wandb_logger

__all__ = [
    "AtomicCheckpointIO",
    "Checkpoint",
    "Evaluation",
    "FiniteTerms",
    "KeepConfig",
    "MetricsFile",
    "Objective",
    "Pictures",
    "Progress",
    "history_of",
    "publish",
    "scores_of_members",
    "summary",
    "wandb_logger",
]
