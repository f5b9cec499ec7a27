"""Statistics: named numbers of an encoded split; each number is defined elsewhere."""

from vaescope.statistics.agreement import Agreement, Drift
from vaescope.statistics.decoder import Alignment, Gaps, OffAxis, Spectrum
from vaescope.statistics.disentanglement import (
    Disentanglement,
    Identifiability,
    Neighbours,
)
from vaescope.statistics.encoded_split import Codes, EncodedSplit, encode_split
from vaescope.statistics.factor_axes import FactorAxes
from vaescope.statistics.indifference import PIPE
from vaescope.statistics.latents import (
    Collapse,
    IntrinsicDimension,
    Latents,
    LatentTypes,
    PolarizedRegime,
)
from vaescope.statistics.local import LocalDisentanglement
from vaescope.statistics.panel import PanelScores
from vaescope.statistics.principal_axes import LocalPCA
from vaescope.statistics.protocol import GroupStatistic, Statistic, Statistics
from vaescope.statistics.static_dynamic import StaticDynamic
