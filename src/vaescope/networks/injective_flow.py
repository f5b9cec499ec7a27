"""Injective flow: an encoder that goes back through the decoder's own layers."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vaescope.errors import ConfigError
from vaescope.ranges import AtLeastTwo, Depth, Width, in_range


@in_range
def coupling_flow(
    image_shape: tuple[int, ...],
    num_parameters: int,
    latent_dim: int,
    *,
    num_components: AtLeastTwo = 64,
    num_layers: Depth = 4,
    width: Width = 64,
) -> tuple[nn.Module, nn.Module]:
    """Encoder and decoder of one flow: encoding a decoded code gives the code.

    The decoder fills codes up with zeros to H = min(``num_components``, X) dimensions, in which
    rotations and couplings take turns, and puts these into the X dimensions of an observation by
    orthonormal columns. The encoder goes back through the same layers and drops what was filled
    up. With D = H = X latents it is a bijection.

    Args:
        num_parameters: equal to ``latent_dim``: it is a code, no posterior.
        num_components: of the observations in which the flow lies, at least 2.
        num_layers: couplings.
        width: units of the two hidden layers of each.

    Raises:
        ConfigError: for other parameters, more latents than H, or observations of one number.

    Source: Dinh, Sohl-Dickstein & Bengio 2017, https://arxiv.org/abs/1605.08803, affine couplings;
    Brehmer & Cranmer 2020, https://arxiv.org/abs/2003.13913, codes filled up with zeros.
    Differs: logarithms of scales are kept in [-1, 1] by a tanh; rotations stand for permutations.

    Example:
        >>> encoder, decoder = coupling_flow((5,), 2, 2, num_layers=4, width=8)
        >>> z = torch.randn(3, 2)
        >>> torch.allclose(encoder(decoder(z)), z, atol=1e-5)
        True
    """
    size = math.prod(image_shape)
    inner = min(num_components, size)
    if num_parameters != latent_dim or latent_dim > inner or size < 2:
        raise ConfigError(
            f"a flow of {inner} components of observations {list(image_shape)} takes at most "
            f"{inner} latents, and codes of as many numbers; {latent_dim} latents of "
            f"{num_parameters} numbers were given: choose a smaller latent_dim"
        )
    layers: list[Frame | Coupling] = []
    for _ in range(num_layers):
        layers += [Frame(inner, inner), Coupling(inner, width)]
    encoder = FlowEncoder([*layers, Frame(size, inner)], latent_dim)
    return encoder, FlowDecoder(encoder, inner, tuple(image_shape))


class Frame(nn.Module):
    """Orthonormal columns Q, and a shift: lengths and angles stay what they are.

    Args:
        outputs: X, rows of Q.
        inputs: H, columns of Q, at most X.
    """

    def __init__(self, outputs: int, inputs: int) -> None:
        super().__init__()
        self.matrix = nn.Parameter(nn.init.orthogonal_(torch.empty(outputs, inputs)))
        self.shift = nn.Parameter(torch.zeros(outputs))

    @property
    def columns(self) -> Tensor:
        """Q ``[X, H]`` of the matrix' QR decomposition with a positive diagonal of R."""
        wide = torch.promote_types(self.matrix.dtype, torch.float32)  # QR has no half precision
        q, r = torch.linalg.qr(self.matrix.to(wide))
        q = q * r.diagonal().sign()  # else columns would jump where an entry passes 0
        return q.to(self.matrix.dtype)

    def forward(self, v: Tensor) -> Tensor:
        """Vectors ``[B, H]`` on the way to an image, ``[B, X]``."""
        return v @ self.columns.T + self.shift

    def inverse(self, v: Tensor) -> Tensor:
        """Vectors ``[B, X]`` on the way to a code, ``[B, H]``; what is orthogonal to Q is lost."""
        return (v - self.shift) @ self.columns


class Coupling(nn.Module):
    """The second half of a vector, scaled and shifted by what a network makes of the first.

    Args:
        size: H, of the vectors.
        width: units of both hidden layers.
    """

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.kept = size // 2
        last = nn.Linear(width, 2 * (size - self.kept))
        nn.init.normal_(last.weight, std=0.01)  # it begins near the identity
        nn.init.zeros_(last.bias)
        self.network = nn.Sequential(
            nn.Linear(self.kept, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), last
        )

    def _parts(self, v: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        kept, moved = v[:, : self.kept], v[:, self.kept :]
        log_scale, shift = self.network(kept).chunk(2, -1)
        return kept, moved, log_scale.tanh(), shift

    def forward(self, v: Tensor) -> Tensor:
        """Vectors ``[B, H]`` on the way to an image."""
        kept, moved, log_scale, shift = self._parts(v)
        return torch.cat([kept, moved * log_scale.exp() + shift], -1)

    def inverse(self, v: Tensor) -> Tensor:
        """Vectors ``[B, H]`` on the way to a code."""
        kept, moved, log_scale, shift = self._parts(v)
        return torch.cat([kept, (moved - shift) * (-log_scale).exp()], -1)


class FlowEncoder(nn.Module):
    """Codes of images ``[B, *image_shape]``: the first latents of the inverse, ``[B, D]``."""

    def __init__(self, layers: Sequence[Frame | Coupling], latent_dim: int) -> None:
        super().__init__()
        self.layers, self.latent_dim = nn.ModuleList(layers), latent_dim

    def forward(self, image: Tensor) -> Tensor:
        """Images ``[B, *image_shape]`` to codes ``[B, D]``."""
        v = image.flatten(1)
        for layer in reversed(self.layers):
            v = layer.inverse(v)  # type: ignore[operator] # of all layers it is made from
        return v[:, : self.latent_dim]


class FlowDecoder(nn.Module):
    """Images ``[B, *image_shape]`` of codes ``[B, D]``.

    Args:
        encoder: whose weights these are: it has none of its own.
        inner: H, to which codes are filled up.
        image_shape: of one observation.
    """

    def __init__(self, encoder: FlowEncoder, inner: int, image_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.inner, self.image_shape = inner, image_shape
        self._encoder = [encoder]  # in a list: a weight of two names cannot be batched

    def forward(self, z: Tensor) -> Tensor:
        """Codes ``[B, D]`` to images ``[B, *image_shape]``."""
        layers = self._encoder[0].layers
        v = F.pad(z, (0, self.inner - z.shape[-1]))
        for layer in layers:
            v = layer(v)
        return v.unflatten(1, self.image_shape)
