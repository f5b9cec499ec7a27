"""Distributions over codes, q(z|x): the family is what the thesis turns on.

Each is made from the numbers ``[..., P]`` that an encoder gives out, ``P = num_parameters(D)``,
and works on batches of any shape, also under ``torch.func.vmap``.
"""

from vaescope.posteriors.box import Box
from vaescope.posteriors.gaussian import DiagonalGaussian, FullGaussian, divergence
from vaescope.posteriors.laplace import DiagonalLaplace
from vaescope.posteriors.point import Point

GaussianPosterior = DiagonalGaussian | FullGaussian
NoisyPosterior = GaussianPosterior | DiagonalLaplace | Box
Posterior = Point | NoisyPosterior

__all__ = [
    "Box",
    "DiagonalGaussian",
    "DiagonalLaplace",
    "FullGaussian",
    "GaussianPosterior",
    "NoisyPosterior",
    "Point",
    "Posterior",
    "divergence",
]
