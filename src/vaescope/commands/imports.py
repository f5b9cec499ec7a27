"""Import torch, Lightning and wandb, which are half of a short run, in the time they need."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from vaescope.late_modules import loaded_when_used


@contextmanager
def lasting() -> Iterator[None]:
    """Modules imported within stay until the end, and no search for garbage goes through them."""
    gc.disable()
    try:
        # torchmetrics imports the whole of it to ask whether it has this
        with loaded_when_used("scipy.signal", is_package=True, hamming=None):
            yield
    finally:
        gc.freeze()
        gc.enable()


def import_wandb() -> None:
    """Import it before Lightning: its declarations look through all modules loaded so far."""
    import wandb  # noqa: F401
