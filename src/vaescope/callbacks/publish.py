"""One way for numbers to leave a run."""

from collections.abc import Mapping

import pytorch_lightning as pl
import torch


def publish(trainer: pl.Trainer, numbers: Mapping[str, float], step: int) -> None:
    """Give ``numbers`` to every logger and to callbacks that monitor a key.

    ``LightningModule.log`` costs about 0.35 ms a call and step; this is called every k steps.
    """
    for logger in trainer.loggers:
        logger.log_metrics(dict(numbers), step)
    trainer.callback_metrics.update({key: torch.tensor(value) for key, value in numbers.items()})
