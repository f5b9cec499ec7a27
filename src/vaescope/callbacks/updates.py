"""Which batches end in an update of the weights."""

import pytorch_lightning as pl


def made_update(trainer: pl.Trainer, batch_idx: int) -> bool:
    """Whether the batch just trained on completed an update; not each does if gradients accumulate.

    Args:
        trainer: of the run.
        batch_idx: position of the batch in its epoch.
    """
    return (batch_idx + 1) % trainer.accumulate_grad_batches == 0 or trainer.is_last_batch
