"""Watch a run and report."""

from vaescope.callbacks.checkpoint import AtomicCheckpointIO, Checkpoint, KeepConfig
from vaescope.callbacks.evaluation import Evaluation, scores_of
from vaescope.callbacks.finite import FiniteTerms
from vaescope.callbacks.held_out import HeldOut, look
from vaescope.callbacks.metrics_file import MetricsFile
from vaescope.callbacks.pictures import Pictures
from vaescope.callbacks.progress import Progress
from vaescope.callbacks.statistics import (
    Alignment,
    Disentanglement,
    Latents,
    PolarizedRegime,
    Statistic,
)
from vaescope.callbacks.wandb_run import wandb_logger

__all__ = [
    "Alignment",
    "AtomicCheckpointIO",
    "Checkpoint",
    "Disentanglement",
    "Evaluation",
    "FiniteTerms",
    "HeldOut",
    "KeepConfig",
    "Latents",
    "MetricsFile",
    "Pictures",
    "PolarizedRegime",
    "Progress",
    "Statistic",
    "look",
    "scores_of",
    "wandb_logger",
]
