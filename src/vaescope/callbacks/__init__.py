"""Watch a run and report."""

from vaescope.callbacks.checkpoint import AtomicCheckpointIO, Checkpoint, KeepConfig
from vaescope.callbacks.evaluation import Evaluation, history_of, scores_of_members
from vaescope.callbacks.finite import FiniteTerms
from vaescope.callbacks.held_out import Codes, HeldOut, look
from vaescope.callbacks.metrics_file import MetricsFile
from vaescope.callbacks.objective import Objective
from vaescope.callbacks.pictures import Pictures
from vaescope.callbacks.progress import Progress
from vaescope.callbacks.publish import publish, summary
from vaescope.callbacks.statistics import (
    Agreement,
    Alignment,
    Disentanglement,
    Drift,
    Gaps,
    GroupStatistic,
    Identifiability,
    IntrinsicDimension,
    Latents,
    LatentTypes,
    LocalDisentanglement,
    LocalPCA,
    Neighbours,
    OffAxis,
    Panel,
    PolarizedRegime,
    Spectrum,
    Statistic,
    Statistics,
)
from vaescope.callbacks.wandb_run import wandb_logger

__all__ = [
    "Agreement",
    "Alignment",
    "AtomicCheckpointIO",
    "Checkpoint",
    "Codes",
    "Disentanglement",
    "Drift",
    "Evaluation",
    "FiniteTerms",
    "Gaps",
    "GroupStatistic",
    "HeldOut",
    "Identifiability",
    "IntrinsicDimension",
    "KeepConfig",
    "LatentTypes",
    "Latents",
    "LocalDisentanglement",
    "LocalPCA",
    "MetricsFile",
    "Neighbours",
    "Objective",
    "OffAxis",
    "Panel",
    "Pictures",
    "PolarizedRegime",
    "Progress",
    "Spectrum",
    "Statistic",
    "Statistics",
    "history_of",
    "look",
    "publish",
    "scores_of_members",
    "summary",
    "wandb_logger",
]
