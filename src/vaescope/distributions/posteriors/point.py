"""A code without noise."""

from typing import Self

from torch import Tensor


class Point:
    """A single code per image, without noise: the posterior of an autoencoder.

    Example:
        >>> Point.num_parameters(10)
        10
    """

    def __init__(self, mean: Tensor) -> None:
        self.mean = mean

    @staticmethod
    def num_parameters(latent_dim: int) -> int:
        """Numbers that an encoder must give for one image: D."""
        return latent_dim

    @classmethod
    def from_parameters(cls, parameters: Tensor, latent_dim: int) -> Self:
        """Read the posterior off the encoder's output ``[..., D]``."""
        return cls(parameters)

    def rsample(self, noise: Tensor) -> Tensor:
        """The code itself, ``[..., D]``; the noise is not used."""
        return self.mean
