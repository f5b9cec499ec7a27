"""Maps from the unit cube of independent sources to observations, with known IMA contrast.

The contrast of a Jacobian J `[n, d]` is c_IMA = sum_j log ||J_j|| - log det(J^T J) / 2, 0 where its
columns are orthogonal. A map of each source by itself before any other map leaves it as it is, at
every point; so does a conformal map, or an isometry, behind any other.

Each map is a module `[..., d] -> [..., n]` of float64 buffers, without parameters.
"""

import math
from itertools import pairwise
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vaescope.data.sets.synthetic.oblique import equal_cosines, oblique_matrix, obliqueness
from vaescope.data.sets.synthetic.vectors import require

Activation = Literal["leaky_tanh", "tanh", "smooth_leaky_relu"]
Weights = Literal["orthogonal", "gaussian"]
LinearMap = Literal["before", "after"]

_NUM_NODES = 4096
_BIAS = 0.15


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


def mlp_mixing(
    num_sources: int,
    num_observations: int,
    rng: np.random.Generator,
    *,
    layers: int = 3,
    hidden: int | None = None,
    activation: Activation = "leaky_tanh",
    weights: Weights = "orthogonal",
) -> nn.Sequential:
    """A random dense network, injective, its c_IMA above 0 and varying.

    Args:
        num_sources: d.
        num_observations: n, at least d.
        rng: source of the weights.
        layers: number of matrices, at least 2; each but the last has an activation behind it.
        hidden: width of the hidden layers, d..n, so that the map is injective; None: n.
        activation: see ``Activate``.
        weights: ``orthogonal``, random orthonormal columns; ``gaussian``, each number from
            N(0, 1/fan_in). Biases are from N(0, 0.15^2).

    Raises:
        ConfigError: a setting is out of range.
    """
    hidden = num_observations if hidden is None else hidden
    _require_sizes(num_sources, num_observations)
    require(layers >= 2, f"layers={layers}", "at least 2")
    require(
        num_sources <= hidden <= num_observations,
        f"hidden={hidden}",
        f"from num_sources={num_sources} to num_observations={num_observations}, or null",
    )
    _require_choice("activation", activation, Activation)
    _require_choice("weights", weights, Weights)
    widths = [num_sources, *[hidden] * (layers - 1), num_observations]
    centre = Linear(np.eye(num_sources), np.full(num_sources, -0.5))
    maps: list[nn.Module] = [centre]
    for fan_in, fan_out in pairwise(widths):
        matrix = _weights(weights, fan_out, fan_in, rng)
        maps += [Linear(matrix, rng.normal(0, _BIAS, fan_out)), Activate(activation)]
    return nn.Sequential(*maps[:-1])


def moebius_mixing(
    num_sources: int,
    num_observations: int,
    rng: np.random.Generator,
    *,
    c_ima: float = 0.0,
    pole: float = 2.0,
    linear_map: LinearMap = "before",
) -> nn.Sequential:
    """A Möbius map of the cube, which is conformal; with c_IMA above 0 also a linear map.

    Args:
        num_sources: d; the cube lies in a random d-dimensional subspace of the observations'.
        num_observations: n, at least d.
        rng: source of rotations and of the pole.
        c_ima: expected contrast, 0..4 (d - 1), beyond which columns are all but parallel.
        pole: distance of the pole from the centre; above 1, none of the cube is farther; to 100.
        linear_map: where the linear map that makes the contrast stands. ``before`` the Möbius map:
            c_IMA is the same at every point. ``after`` it: c_IMA varies, with ``c_ima`` its mean.

    Raises:
        ConfigError: a setting is out of range.
    """
    _require_sizes(num_sources, num_observations, c_ima)
    _require_choice("linear_map", linear_map, LinearMap)
    before = linear_map == "before"
    columns = oblique_matrix(c_ima if before else 0.0, num_sources)
    embedding = _isometry(num_observations, num_sources, rng) @ columns
    centred = Linear(embedding, -embedding.sum(axis=1) / 2)
    radius = float(np.linalg.norm(columns, 2)) * math.sqrt(num_sources) / 2
    inversion = _moebius_about(radius, num_observations, pole, rng)
    if before or c_ima == 0:
        return nn.Sequential(centred, inversion)
    nodes = torch.quasirandom.SobolEngine(num_sources).draw(_NUM_NODES, dtype=torch.float64)
    frames = inversion.frame(centred(nodes)) @ centred.matrix  # [N, n, d]
    matrix = equal_cosines(obliqueness(c_ima, frames.sum(1).numpy()), num_observations)
    return nn.Sequential(centred, inversion, Linear(matrix, np.zeros(num_observations)))


def orthogonal_mixing(
    num_sources: int,
    num_observations: int,
    rng: np.random.Generator,
    *,
    c_ima: float = 0.0,
    stretch: float = 2.0,
    bend: float = 0.5,
    pole: float | None = None,
) -> nn.Sequential:
    """A map of orthogonal Jacobian columns of different lengths; with a c_IMA above 0 oblique ones.

    Each source is stretched by itself, then all are mixed by a matrix whose columns have length 1
    and equal cosines; the contrast of that matrix is that of the whole map, at every point.

    Args:
        num_sources: d.
        num_observations: n, at least d.
        rng: source of phases, rotations and of the pole.
        c_ima: contrast at every point, 0..4 (d - 1), beyond which columns are all but parallel.
        stretch: length of the first source's interval; the others' fall geometrically to 1.
        bend: by how much a source's slope varies about its mean, 0 (linear) to below 1.
        pole: of a Möbius map behind all that, see ``moebius_mixing``; column lengths then depend
            on all sources. None: no such map, and each depends on its own source.

    Raises:
        ConfigError: a setting is out of range.
    """
    _require_sizes(num_sources, num_observations, c_ima)
    require(0 < stretch < math.inf, f"stretch={stretch}", "a positive number")
    require(0 <= bend < 1, f"bend={bend}", "at least 0 and below 1")
    lengths = np.geomspace(stretch, 1.0, num_sources)
    stretched = Stretch(lengths, bend, rng.uniform(0, 2 * math.pi, num_sources))
    columns = oblique_matrix(c_ima, num_sources)
    embedding = _isometry(num_observations, num_sources, rng) @ columns
    mixed = Linear(embedding, np.zeros(num_observations))
    if pole is None:
        return nn.Sequential(stretched, mixed)
    radius = float(np.linalg.norm(columns, 2) * np.linalg.norm(lengths)) / 2
    return nn.Sequential(stretched, mixed, _moebius_about(radius, num_observations, pole, rng))


def _moebius_about(radius: float, n: int, pole: float, rng: np.random.Generator) -> Moebius:
    """A Möbius map with its pole in a random direction, outside the ball of ``radius`` about 0."""
    require(1 < pole <= 100, f"pole={pole}", "above 1, up to 100")
    direction = rng.standard_normal(n)
    at = pole * radius * direction / np.linalg.norm(direction)
    return Moebius(at, _isometry(n, n, rng))


def _isometry(n: int, d: int, rng: np.random.Generator) -> np.ndarray:
    """Random matrix `[n, d]` of orthonormal columns, no direction preferred."""
    orthogonal, upper = np.linalg.qr(rng.standard_normal((n, d)))
    return orthogonal * np.sign(np.diag(upper))


def _weights(kind: Weights, fan_out: int, fan_in: int, rng: np.random.Generator) -> np.ndarray:
    if kind == "orthogonal":
        return _isometry(fan_out, fan_in, rng)
    return rng.normal(0, 1 / math.sqrt(fan_in), (fan_out, fan_in))


def _require_sizes(num_sources: int, num_observations: int, c_ima: float = 0.0) -> None:
    require(num_sources >= 2, f"num_sources={num_sources}", "at least 2")
    require(
        num_observations >= num_sources,
        f"num_observations={num_observations}",
        f"at least num_sources={num_sources}, or null for as many",
    )
    highest = 4 * (num_sources - 1)
    allowed = f"from 0 to {highest}, 4 (num_sources - 1)"
    require(0 <= c_ima <= highest, f"c_ima={c_ima}", allowed)


def _require_choice(name: str, given: str, allowed: object) -> None:
    choices = get_args(allowed)
    require(given in choices, f"{name}={given!r}", f"one of {', '.join(choices)}")
