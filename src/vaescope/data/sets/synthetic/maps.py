"""Maps from the unit cube of independent sources to observations, with known IMA contrast.

The contrast of a Jacobian J `[n, d]` is c_IMA = sum_j log ||J_j|| - log det(J^T J) / 2, 0 where its
columns are orthogonal. A map of each source by itself before any other map leaves it as it is, at
every point; so does a conformal map, or an isometry, behind any other.

Each map is a module `[..., d] -> [..., n]` of float64 buffers, without parameters.
"""

import math
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

Activation = Literal["leaky_tanh", "tanh", "smooth_leaky_relu"]
Weights = Literal["orthogonal", "gaussian"]
LinearMap = Literal["before", "after"]


class Linear(nn.Module):
    """Matrix `[n, d]` times values plus offset `[n]`."""

    matrix: Tensor
    offset: Tensor

    def __init__(self, matrix: np.ndarray, offset: np.ndarray) -> None:
        super().__init__()
        self.register_buffer("matrix", torch.from_numpy(matrix))
        self.register_buffer("offset", torch.from_numpy(offset))

    def forward(self, values: Tensor) -> Tensor:
        """Values `[..., n]` of values `[..., d]`."""
        return values @ self.matrix.T + self.offset


class Activate(nn.Module):
    """A smooth, strictly increasing function of each value.

    Args:
        name: ``leaky_tanh``, tanh(x) + x / 10; ``tanh``; or ``smooth_leaky_relu``,
            x / 5 + (4 / 5) log(1 + e^x).
    """

    def __init__(self, name: Activation) -> None:
        super().__init__()
        self.name = name

    def forward(self, values: Tensor) -> Tensor:
        """Values `[..., n]` of values `[..., n]`."""
        if self.name == "smooth_leaky_relu":
            return 0.2 * values + 0.8 * F.softplus(values)
        bounded = torch.tanh(values)
        return bounded if self.name == "tanh" else bounded + 0.1 * values


class Stretch(nn.Module):
    """Each source s_j in [0, 1] onto the interval [-l_j / 2, l_j / 2], strictly increasing.

    The slope is l_j (1 + b cos(2 pi s_j + p_j)).

    Args:
        lengths: l, of the intervals `[d]`.
        bend: b in [0, 1), by how much the slope varies; 0: not at all.
        phases: p `[d]`.
    """

    lengths: Tensor
    phases: Tensor

    def __init__(self, lengths: np.ndarray, bend: float, phases: np.ndarray) -> None:
        super().__init__()
        self.bend = bend
        self.register_buffer("lengths", torch.from_numpy(lengths))
        self.register_buffer("phases", torch.from_numpy(phases))

    def forward(self, values: Tensor) -> Tensor:
        """Values `[..., d]` of sources `[..., d]`."""
        wave = torch.sin(2 * math.pi * values + self.phases) - torch.sin(self.phases)
        return self.lengths * (values - 0.5 + self.bend * wave / (2 * math.pi))


class Moebius(nn.Module):
    """Inversion about a pole, then a rotation: f(y) = t + r A (y - b) / ||y - b||^2.

    Conformal: its Jacobian is ||b||^2 / ||y - b||^2 times an orthogonal matrix. r = ||b||^2 and
    t = A b, so that f(0) = 0 and the Jacobian at 0 is orthogonal.

    Args:
        pole: b `[n]`, the point that has no image.
        rotation: A, orthogonal `[n, n]`.

    Source: Gresele et al. 2021, "Independent mechanism analysis, a new concept?",
    https://arxiv.org/abs/2106.05200, with the exponent 2. Differs: r and t.
    """

    pole: Tensor
    rotation: Tensor

    def __init__(self, pole: np.ndarray, rotation: np.ndarray) -> None:
        super().__init__()
        self.register_buffer("pole", torch.from_numpy(pole))
        self.register_buffer("rotation", torch.from_numpy(rotation))

    def forward(self, values: Tensor) -> Tensor:
        """Values `[..., n]` of values `[..., n]`, none of them the pole."""
        away = values - self.pole
        inverted = away * (self.pole @ self.pole) / away.square().sum(-1, keepdim=True)
        return (self.pole + inverted) @ self.rotation.T

    def frame(self, values: Tensor) -> Tensor:
        """Orthogonal factor `[N, n, n]` of the Jacobian at values `[N, n]`."""
        unit = F.normalize(values - self.pole, dim=-1)
        mirror = torch.eye(len(self.pole)).to(unit) - 2 * unit[:, :, None] * unit[:, None, :]
        return self.rotation @ mirror


def moebius_about(radius: float, n: int, pole: float, rng: np.random.Generator) -> Moebius:
    """A Möbius map with its pole in a random direction, outside the ball of ``radius`` about 0."""
    direction = rng.standard_normal(n)
    at = pole * radius * direction / np.linalg.norm(direction)
    return Moebius(at, isometry(n, n, rng))


def isometry(n: int, d: int, rng: np.random.Generator) -> np.ndarray:
    """Random matrix `[n, d]` of orthonormal columns, no direction preferred."""
    orthogonal, upper = np.linalg.qr(rng.standard_normal((n, d)))
    return orthogonal * np.sign(np.diag(upper))


def random_weights(
    kind: Weights, fan_out: int, fan_in: int, rng: np.random.Generator
) -> np.ndarray:
    """Matrix `[fan_out, fan_in]`: of orthonormal columns, or of numbers from N(0, 1/fan_in)."""
    if kind == "orthogonal":
        return isometry(fan_out, fan_in, rng)
    return rng.normal(0, 1 / math.sqrt(fan_in), (fan_out, fan_in))


def standardisation(vectors: Tensor) -> Linear:
    """Map to vectors of mean 0 whose n variances have the mean 1."""
    scale = vectors.var(0).mean().rsqrt()
    matrix = scale * torch.eye(vectors.shape[1]).double()
    return Linear(matrix.numpy(), (-scale * vectors.mean(0)).numpy())
