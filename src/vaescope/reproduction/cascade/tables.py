"""The table of thresholds: when each latent dies and comes back, beside its eigenvalue."""

from collections.abc import Mapping

import numpy as np

from vaescope.reproduction.cascade.sweeps import DIRECTIONS, MODELS, ordered_deaths, sweeps_of
from vaescope.reproduction.claims import Measured
from vaescope.reproduction.paper import OwnTable
from vaescope.reproduction.results import Results

COLUMNS = (
    *("model", "order of death", "2 x eigenvalue"),
    *(f"beta of {what}, {way}" for what, way in (("death", "up"), ("return", "down"))),
    *("up / theory", "down / theory", "seeds"),
)


def tables_of(results: Results, measured: Measured) -> Mapping[str, OwnTable]:
    """``thresholds``: means and standard deviations over seeds."""
    rows = []
    for model, sweeps in sweeps_of(results, measured).items():
        some = next(iter(sweeps.values()))
        every = {way: list(ordered_deaths(sweep)) for way, sweep in sweeps.items()}
        for place, (theory, alive) in enumerate(zip(some.thresholds, some.in_reach, strict=True)):
            found = [every[way][place] if way in every else np.array([]) for way in DIRECTIONS]
            ratios = [values / theory if alive else np.array([]) for values in found]
            cells = [f"{theory:.3g}", *map(_shown, (*found, *ratios)), str(len(some.shares))]
            rows.append([MODELS[model], str(place + 1), *cells])
    return {"thresholds": (COLUMNS, rows)} if rows else {}


def _shown(values: np.ndarray) -> str:
    if not len(values):
        return ""
    if not np.isfinite(values).all():
        return f"not below the highest beta in {int(np.isinf(values).sum())} of {len(values)}"
    if not values.any():
        return "never alive"
    spread = f" ± {values.std(ddof=1):.2g}" if len(values) > 1 else ""
    return f"{values.mean():.3g}{spread}"
