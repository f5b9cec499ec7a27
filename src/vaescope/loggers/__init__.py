"""Loggers: where the numbers, figures and results of a run go."""

from vaescope.loggers.csv_file import MetricsFile
from vaescope.loggers.mlflow_runs import mlflow_logger
from vaescope.loggers.results import show_objective, show_results
from vaescope.loggers.tensorboard_events import tensorboard_logger
from vaescope.loggers.tracker import Tracker, closing, show_image, trackers
from vaescope.loggers.trackio_runs import trackio_logger
from vaescope.loggers.wandb_runs import wandb_logger
