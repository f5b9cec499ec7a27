"""Encoders and decoders: each function builds a pair for given sizes."""

from vaescope.networks.broadcast_decoder import spatial_broadcast
from vaescope.networks.code_discriminator import discriminator
from vaescope.networks.convolutional import burgess64, conv64
from vaescope.networks.fully_connected import linear, mlp
from vaescope.networks.initial_weights import initialise
from vaescope.networks.wide_resnet import wide_residual

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
