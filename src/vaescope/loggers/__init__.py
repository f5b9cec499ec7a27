"""Loggers: where the numbers of a run go."""

from vaescope.loggers.csv_file import MetricsFile
from vaescope.loggers.wandb_runs import wandb_logger
