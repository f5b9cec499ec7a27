"""Named groups of numbers about looks at held-out data; the numbers themselves are elsewhere."""

from vaescope.callbacks.statistics.agreement import Agreement, Drift
from vaescope.callbacks.statistics.decoder import Alignment, Gaps, OffAxis, Spectrum
from vaescope.callbacks.statistics.disentanglement import (
    Disentanglement,
    Identifiability,
    Neighbours,
)
from vaescope.callbacks.statistics.latents import (
    IntrinsicDimension,
    Latents,
    LatentTypes,
    PolarizedRegime,
)
from vaescope.callbacks.statistics.local import LocalDisentanglement
from vaescope.callbacks.statistics.panel import Panel
from vaescope.callbacks.statistics.principal_axes import LocalPCA
from vaescope.callbacks.statistics.protocol import GroupStatistic, Statistic, Statistics

__all__ = [
    "Agreement",
    "Alignment",
    "Disentanglement",
    "Drift",
    "Gaps",
    "GroupStatistic",
    "Identifiability",
    "IntrinsicDimension",
    "LatentTypes",
    "Latents",
    "LocalDisentanglement",
    "LocalPCA",
    "Neighbours",
    "OffAxis",
    "Panel",
    "PolarizedRegime",
    "Spectrum",
    "Statistic",
    "Statistics",
]
