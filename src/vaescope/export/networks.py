"""Encoder and decoder as modules of tensors alone, as other programs run them."""

from torch import Tensor, nn

from vaescope.distributions.posteriors import Point
from vaescope.models import LatentModel


class Encoder(nn.Module):
    """Images ``[B, ...]`` to posterior means ``[B, D]`` and, of noisy posteriors, variances."""

    def __init__(self, model: LatentModel) -> None:
        super().__init__()
        self.model = model
        self.outputs = ("mean",) if model.posterior is Point else ("mean", "variance")

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """The numbers in ``outputs``."""
        q = self.model.encode(image)
        return tuple(getattr(q, name) for name in self.outputs)


class Decoder(nn.Module):
    """Codes ``[B, D]`` to expected images ``[B, ...]``."""

    def __init__(self, model: LatentModel) -> None:
        super().__init__()
        self.model = model
        self.outputs = ("image",)

    def forward(self, codes: Tensor) -> tuple[Tensor, ...]:
        """The numbers in ``outputs``."""
        return (self.model.decode_mean(codes),)
