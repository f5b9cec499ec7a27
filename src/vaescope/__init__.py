"""Train VAEs, measure how their latents align with generative factors, and see why.

From Python: ``load_data``, the methods in ``models``, ``train``, ``load``, ``load_runs``,
``evaluate`` and ``alignment.dto``. Each is loaded when it is used; ``import vaescope`` loads no
torch.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vaescope import (
        alignment,
        callbacks,
        data,
        distributions,
        metrics,
        models,
        networks,
        panel,
        scores,
        statistics,
    )
    from vaescope.api.loading_data import load_data
    from vaescope.api.run_tables import load_runs
    from vaescope.api.runs import Run, load, train
    from vaescope.api.scoring_codes import evaluate

__all__ = [
    "Run",
    "alignment",
    "callbacks",
    "data",
    "distributions",
    "evaluate",
    "load",
    "load_data",
    "load_runs",
    "metrics",
    "models",
    "networks",
    "panel",
    "scores",
    "statistics",
    "train",
]
__version__ = version("vaescope")

# name -> module that has it; all others of ``__all__`` are modules themselves
_HOMES = {
    **dict.fromkeys(("Run", "load", "train"), "vaescope.api.runs"),
    "evaluate": "vaescope.api.scoring_codes",
    "load_data": "vaescope.api.loading_data",
    "load_runs": "vaescope.api.run_tables",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in __all__:
        return import_module(f"vaescope.{name}")
    from vaescope.errors import closest

    raise AttributeError(f"vaescope has no {name!r}{closest(name, __all__, 1, otherwise='')}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
