"""Encoders and decoders: each function builds a pair for given sizes."""

from vaescope.networks.burgess64 import burgess64
from vaescope.networks.conv64 import conv64
from vaescope.networks.discriminator import discriminator
from vaescope.networks.initialise import initialise
from vaescope.networks.mlp import linear, mlp
from vaescope.networks.spatial_broadcast import spatial_broadcast
from vaescope.networks.wide_residual import wide_residual

__all__ = [
    "burgess64",
    "conv64",
    "discriminator",
    "initialise",
    "linear",
    "mlp",
    "spatial_broadcast",
    "wide_residual",
]
