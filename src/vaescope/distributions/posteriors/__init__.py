"""Distributions over codes, q(z|x): the family is what the thesis turns on.

Each is made from the numbers ``[..., P]`` that an encoder gives out, ``P = num_parameters(D)``,
and works on batches of any shape, also under ``torch.func.vmap``.
"""

from vaescope.distributions.posteriors.box import Box
from vaescope.distributions.posteriors.gaussian import DiagonalGaussian, FullGaussian, divergence
from vaescope.distributions.posteriors.laplace import DiagonalLaplace
from vaescope.distributions.posteriors.point import Point

GaussianPosterior = DiagonalGaussian | FullGaussian
NoisyPosterior = GaussianPosterior | DiagonalLaplace | Box
Posterior = Point | NoisyPosterior
