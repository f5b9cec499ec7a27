"""Encoders and decoders: each function builds a pair for given sizes.

All networks take ``image_shape``, ``(C, H, W)`` or ``(X,)``; ``num_parameters``, the P numbers that
the posterior needs from the encoder for one image; ``latent_dim`` D; and ``initialisation``, the
rule for the initial weights (see `initialise`), but for `additive`, which is made of another. They
return an encoder ``[B, *image_shape] -> [B, P]`` and a decoder ``[B, D] -> [B, *image_shape]``.
Images of another size than a network takes, and options out of range, are refused by a
``ValueError``.
"""

from vaescope.networks.additive_decoder import additive
from vaescope.networks.broadcast_decoder import spatial_broadcast
from vaescope.networks.convolutional import burgess64, conv, conv64
from vaescope.networks.fully_connected import discriminator, linear, mlp
from vaescope.networks.initial_weights import initialise
from vaescope.networks.pair_discriminator import PairDiscriminator
from vaescope.networks.wide_resnet import wide_residual
