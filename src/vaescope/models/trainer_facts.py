"""What models ask of the trainer that they are in."""

from typing import Any

import pytorch_lightning as pl


def batches_before(module: pl.LightningModule, batch_idx: int) -> int:
    """How many batches a run has trained on; without accumulated gradients, its updates."""
    accumulated = module.trainer.accumulate_grad_batches
    return module.global_step * accumulated + batch_idx % accumulated


def num_images_of(trainer: pl.Trainer) -> int | None:
    """Size of the training set; None: the trainer has no data module of ours."""
    rows: Any = getattr(getattr(trainer, "datamodule", None), "rows", None)
    return None if rows is None else len(rows["train"])
