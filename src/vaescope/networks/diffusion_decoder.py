"""Diffusion decoder: a small U-Net that takes noise out of images and attends to a code's tokens.

A noisy image of angle a is cos(a) y + sin(a) eps, y the image in [-1, 1] and eps standard normal
noise: its variance stays about 1, and a goes from 0 (no noise) to pi/2 (nothing else).
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vaescope.errors import ConfigError
from vaescope.networks.wide_resnet import GroupNorm

LOWEST, HIGHEST = 0.02, math.pi / 2 - 0.03  # angles that are learnt
_GROUP = 8  # channels that are normalised together
_GRID = 16  # places a side at which the U-Net begins, at least
_MOST_HALVINGS = 2
_FREQUENCIES, _EMBEDDED = 16, 64  # numbers that tell the angle
_HIDDEN = 64  # units of the network that makes a token


def noisy_images(images: Tensor, eps: Tensor, angle: Tensor) -> Tensor:
    """cos(a) y + sin(a) eps of images in [-1, 1] and noise ``[B, ...]``, and angles ``[B]``."""
    a = _beside(images, angle)
    return a.cos() * images + a.sin() * eps


def clean_images(noisy: Tensor, eps: Tensor, angle: Tensor) -> Tensor:
    """The images in [-1, 1] of ``noisy_images``, for the noise that was found."""
    a = _beside(noisy, angle)
    return ((noisy - a.sin() * eps) / a.cos()).clamp(-1, 1)


def follow_noise(
    find_noise: Callable[[Tensor, Tensor], Tensor], noisy: Tensor, angles: Sequence[float]
) -> Tensor:
    """Images of the last angle, from noisy images of the first, by deterministic steps (DDIM).

    Args:
        find_noise: noise in noisy images ``[B, ...]`` of angles ``[B]``.
        noisy: of the first angle, ``[B, ...]``.
        angles: in the order of the steps, each but the last above 0 and below pi/2.

    Source: Song, Meng & Ermon 2021, https://arxiv.org/abs/2010.02502, eq. 12 with sigma 0; images
    are kept in [-1, 1], and the noise is what is then left, as is usual.

    Example:
        >>> grey = torch.full((1, 2), 0.5)  # where all images are grey, one step finds them
        >>> find = lambda noisy, a: (noisy - a.cos() * grey) / a.sin()
        >>> follow_noise(find, torch.randn(1, 2), (1.5, 0.0)).allclose(grey, atol=1e-5)
        True
    """
    for a, b in pairwise(angles):
        angle = noisy.new_full((len(noisy),), a)
        clean = clean_images(noisy, find_noise(noisy, angle), angle)
        eps = (noisy - math.cos(a) * clean) / math.sin(a)
        noisy = math.cos(b) * clean + math.sin(b) * eps
    return noisy


class DiffusionDecoder(nn.Module):
    """Images of codes, by a denoiser that starts at one noise image, always the same.

    Args:
        denoiser: see ``Denoiser``.
        num_steps: of ``follow_noise``, evenly from the highest angle to 0.
    """

    def __init__(self, denoiser: "Denoiser", num_steps: int) -> None:
        super().__init__()
        self.denoiser, self.num_steps = denoiser, num_steps
        self.start = nn.Parameter(torch.randn(denoiser.image_shape), requires_grad=False)

    def forward(self, z: Tensor) -> Tensor:
        """Images in [0, 1] ``[B, *image_shape]`` of codes ``[B, D]``."""
        angles = [HIGHEST * (1 - step / self.num_steps) for step in range(self.num_steps + 1)]
        start = self.start.expand(len(z), *self.start.shape)
        images = follow_noise(lambda noisy, a: self.denoiser(noisy, a, z), start, angles)
        return (images + 1) / 2


class Denoiser(nn.Module):
    """Noise in a noisy image, given its angle and the tokens of a code.

    Squares of 1, 2, 4, ... pixels a side are the places where the U-Net begins, 16 a side or more;
    these are halved up to twice, where that is possible. A vector is one place. The layers give
    v = cos(a) eps - sin(a) y, and so the noise, sin(a) times the noisy image + cos(a) v, which is
    nearly right from the start where nearly all is noise.

    Args:
        image_shape: ``(C, H, W)`` or any other.
        latent_dim: D, of the codes.
        channels: at the first places, a multiple of 8; twice as many where they are halved.
        token_dim: numbers of a token.
        num_heads: of the attention, a divisor of ``channels``.

    Source: Ronneberger, Fischer & Brox 2015, https://arxiv.org/abs/1505.04597; blocks that are told
    the noise and attend to tokens as in Rombach et al. 2022, https://arxiv.org/abs/2112.10752;
    v of Salimans & Ho 2022, https://arxiv.org/abs/2202.00512, appendix D. Differs: one block for
    each size and direction, no attention of places to each other.
    """

    def __init__(
        self,
        image_shape: tuple[int, ...],
        latent_dim: int,
        *,
        channels: int,
        token_dim: int,
        num_heads: int,
    ) -> None:
        super().__init__()
        if channels % _GROUP or channels % num_heads:
            raise ConfigError(
                f"channels={channels}, num_heads={num_heads}: channels is a multiple of {_GROUP}, "
                "which are normalised together, and of num_heads"
            )
        self.image_shape = image_shape
        apart, together, numbers, halvings = _places(image_shape)
        widths = [channels, *[2 * channels] * halvings]
        wiring = {"token_dim": token_dim, "num_heads": num_heads}
        self.tokens = Tokens(latent_dim, token_dim)
        self.level = nn.Sequential(nn.Linear(2 * _FREQUENCIES, _EMBEDDED), nn.SiLU())
        self.first = nn.Sequential(apart, nn.Conv2d(numbers, channels, 3, padding=1))
        self.down = nn.ModuleList(Block(wide, wide, **wiring) for wide in widths)
        self.shrink = nn.ModuleList(
            nn.Conv2d(a, b, 4, stride=2, padding=1) for a, b in pairwise(widths)
        )
        self.middle = Block(widths[-1], widths[-1], **wiring)
        self.up = nn.ModuleList(Block(2 * wide, wide, **wiring) for wide in widths)
        self.grow = nn.ModuleList(
            nn.ConvTranspose2d(b, a, 4, stride=2, padding=1) for a, b in pairwise(widths)
        )
        last = nn.Conv2d(channels, numbers, 3, padding=1)
        self.last = nn.Sequential(_normalised(channels), nn.SiLU(), last, together)

    def forward(self, noisy: Tensor, angle: Tensor, z: Tensor) -> Tensor:
        """Noise ``[B, *image_shape]`` in noisy images of angles ``[B]``, given codes ``[B, D]``."""
        told = (self.level(_embedded(angle)), self.tokens(z))
        h, skips = self.first(noisy), []
        for number, block in enumerate(self.down):
            h = block(self.shrink[number - 1](h) if number else h, *told)
            skips.append(h)
        h = self.middle(h, *told)
        for number in range(len(self.up) - 1, -1, -1):
            h = self.up[number](torch.cat([h, skips[number]], 1), *told)
            h = self.grow[number - 1](h) if number else h
        a = _beside(noisy, angle)
        eps: Tensor = a.sin() * noisy + a.cos() * self.last(h)
        return eps


class Tokens(nn.Module):
    """Tokens ``[B, D, E]`` of codes ``[B, D]``, each of one latent by a small network of its own.

    Args:
        latent_dim: D.
        token_dim: E.

    Source: Yang et al. 2024, https://arxiv.org/abs/2402.09712, and its published code.
    Differs: one hidden layer, there two.
    """

    def __init__(self, latent_dim: int, token_dim: int) -> None:
        super().__init__()
        self.hidden = nn.Conv1d(latent_dim, latent_dim * _HIDDEN, 1, groups=latent_dim)
        self.tokens = nn.Conv1d(latent_dim * _HIDDEN, latent_dim * token_dim, 1, groups=latent_dim)

    def forward(self, z: Tensor) -> Tensor:
        """Codes ``[B, D]`` to tokens ``[B, D, E]``."""
        tokens = self.tokens(F.elu(self.hidden(z.unsqueeze(-1))))
        return tokens.unflatten(1, (z.shape[-1], -1)).squeeze(-1)


class Block(nn.Module):
    """Residual convolutions that are told the angle, and attention of all places to the tokens.

    Args:
        inputs: channels that come in.
        outputs: channels that go out.
        token_dim: numbers of a token.
        num_heads: of the attention.
    """

    def __init__(self, inputs: int, outputs: int, *, token_dim: int, num_heads: int) -> None:
        super().__init__()
        self.before = nn.Sequential(
            _normalised(inputs), nn.SiLU(), nn.Conv2d(inputs, outputs, 3, padding=1)
        )
        self.normalised = _normalised(outputs)
        self.level = nn.Linear(_EMBEDDED, 2 * outputs)
        self.after = nn.Sequential(nn.SiLU(), nn.Conv2d(outputs, outputs, 3, padding=1))
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        self.attention = CrossAttention(outputs, token_dim, num_heads)

    def forward(self, h: Tensor, level: Tensor, tokens: Tensor) -> Tensor:
        """Features ``[B, C, H, W]``, the embedded angle ``[B, 64]`` and tokens ``[B, D, E]``."""
        scale, shift = self.level(level)[..., None, None].chunk(2, 1)
        changed = self.after(self.normalised(self.before(h)) * (1 + scale) + shift)
        return self.attention(self.skip(h) + changed, tokens)


class CrossAttention(nn.Module):
    """Features plus what each place takes from the tokens, by softmax of products with them.

    Args:
        channels: C, of the features.
        token_dim: numbers of a token.
        num_heads: parts of the channels that attend by themselves.

    Source: Vaswani et al. 2017, https://arxiv.org/abs/1706.03762, eq. 1; Rombach et al. 2022,
    https://arxiv.org/abs/2112.10752, section 3.3. Differs: no dense layers behind it.
    """

    def __init__(self, channels: int, token_dim: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.normalised = _normalised(channels)
        self.queries = nn.Linear(channels, channels, bias=False)
        self.keys = nn.Linear(token_dim, channels, bias=False)
        self.values = nn.Linear(token_dim, channels, bias=False)
        self.output = nn.Linear(channels, channels)

    def forward(self, h: Tensor, tokens: Tensor) -> Tensor:
        """Features ``[B, C, H, W]`` and tokens ``[B, D, E]`` to features of the same shape."""
        places = self.normalised(h).flatten(2).transpose(1, 2)
        q, k, v = (
            part.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for part in (self.queries(places), self.keys(tokens), self.values(tokens))
        )
        shares = (q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])).softmax(-1)
        taken = self.output((shares @ v).transpose(1, 2).flatten(2))
        return h + taken.transpose(1, 2).unflatten(2, h.shape[2:])


def _places(image_shape: tuple[int, ...]) -> tuple[nn.Module, nn.Module, int, int]:
    """Images to places and back; the numbers of one place, and how often places are halved."""
    if len(image_shape) != 3:
        size = math.prod(image_shape)
        apart = nn.Sequential(nn.Flatten(), nn.Unflatten(1, (size, 1, 1)))
        return apart, nn.Sequential(nn.Flatten(), nn.Unflatten(1, image_shape)), size, 0
    sides, patch, halvings = image_shape[1:], 1, 0
    while all(side % (2 * patch) == 0 and side // (2 * patch) >= _GRID for side in sides):
        patch *= 2
    while halvings < _MOST_HALVINGS and all(
        side // patch % 2 ** (halvings + 1) == 0 for side in sides
    ):
        halvings += 1
    numbers = image_shape[0] * patch**2
    return nn.PixelUnshuffle(patch), nn.PixelShuffle(patch), numbers, halvings


def _beside(images: Tensor, angle: Tensor) -> Tensor:
    return angle.reshape(-1, *[1] * (images.ndim - 1))


def _embedded(angle: Tensor) -> Tensor:
    """Sines and cosines of 16 multiples of angles ``[B]``, ``[B, 32]``."""
    octaves = torch.arange(_FREQUENCIES, device=angle.device, dtype=angle.dtype) / 2
    turned = angle.unsqueeze(-1) * octaves.exp2()
    return torch.cat([turned.sin(), turned.cos()], -1)


def _normalised(channels: int) -> nn.Module:
    return GroupNorm(channels // _GROUP, channels)
