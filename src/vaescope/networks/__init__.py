"""Encoders and decoders: each function builds a pair for given sizes."""

from vaescope.networks.conv64 import conv64
from vaescope.networks.discriminator import discriminator
from vaescope.networks.initialise import initialise
from vaescope.networks.mlp import linear, mlp

__all__ = ["conv64", "discriminator", "initialise", "linear", "mlp"]
