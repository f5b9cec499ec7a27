"""Named groups of numbers about looks at held-out data; the numbers themselves are elsewhere."""

from vaescope.statistics.agreement import Agreement, Drift
from vaescope.statistics.decoder import Alignment, Gaps, OffAxis, Spectrum
from vaescope.statistics.disentanglement import (
    Disentanglement,
    Identifiability,
    Neighbours,
)
from vaescope.statistics.held_out import Codes, HeldOut, look
from vaescope.statistics.latents import (
    IntrinsicDimension,
    Latents,
    LatentTypes,
    PolarizedRegime,
)
from vaescope.statistics.local import LocalDisentanglement
from vaescope.statistics.panel import Panel
from vaescope.statistics.principal_axes import LocalPCA
from vaescope.statistics.protocol import GroupStatistic, Statistic, Statistics

__all__ = [
    "Agreement",
    "Alignment",
    "Codes",
    "Disentanglement",
    "Drift",
    "Gaps",
    "GroupStatistic",
    "HeldOut",
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
    "look",
]
