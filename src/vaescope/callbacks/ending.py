"""When a run is about to end."""

import pytorch_lightning as pl


def is_last_update(trainer: pl.Trainer) -> bool:
    """Whether no update follows the one just made; to be asked in ``on_train_batch_end``."""
    last_of_epoch = trainer.is_last_batch and trainer.current_epoch + 1 == trainer.max_epochs
    return trainer.global_step == trainer.max_steps or trainer.should_stop or last_of_epoch
