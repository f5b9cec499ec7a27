"""Import torch, Lightning and wandb, which are half of a short run, in the time they need."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def lasting() -> Iterator[None]:
    """Modules imported within stay until the end, and no search for garbage goes through them."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def import_wandb() -> None:
    """Import it before Lightning: its declarations look through all modules loaded so far."""
    import wandb.apis.public  # noqa: F401 # loaded by wandb.init() in any case
