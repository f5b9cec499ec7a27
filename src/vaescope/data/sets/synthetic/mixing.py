"""Synthetic vector data whose mixing has a known IMA contrast."""

import copy
import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Self

import numpy as np
import torch
from annotated_types import Interval
from torch import Tensor, nn

from vaescope.data.datamodule import data_module_of
from vaescope.data.factors import Factors
from vaescope.data.sets.synthetic.maps import (
    Activate,
    Activation,
    Linear,
    LinearMap,
    Stretch,
    Weights,
    isometry,
    moebius_about,
    random_weights,
    standardisation,
)
from vaescope.data.sets.synthetic.oblique import equal_cosines, oblique_matrix, obliqueness
from vaescope.data.sets.synthetic.vectors import Points
from vaescope.data.sources import source_of
from vaescope.errors import ConfigError
from vaescope.ranges import Decay, NonNegative, Positive, Rows, Sources, Width
from vaescope.streams import stream

_NUM_NODES = 4096
_BIAS = 0.15


@dataclass(eq=False, repr=False)
class SyntheticMixing(Points):
    """Points of the unit cube behind a map; no noise. A subclass names the map.

    Args:
        num_sources: d, factors of the set and dimensions of the cube, at least 2; the factors are
            s1, ..., sd.
        num_observations: n, at least d; None: d.
        standardise: whether to subtract the mean of the set's vectors and to divide them by one
            number, so that the variances of the n observations have the mean 1; neither changes
            c_IMA.

    Attributes:
        mixing: the whole map, float64, on the CPU; ``images`` uses a float32 copy.
    """

    num_points: Rows = 60_000
    num_sources: Sources = 3
    num_observations: Sources | None = None
    standardise: bool = True

    def prepare(self) -> None:
        """Refuse sizes and options that cannot work, and name the sources s1, ..., sd."""
        super().prepare()
        self.factors = sources(self.num_sources)
        n = self.num_sources if self.num_observations is None else self.num_observations
        if n < self.num_sources:
            raise ConfigError(
                f"num_observations={n} was given; it must be at least num_sources="
                f"{self.num_sources}, or null for as many"
            )
        self.image_shape = (n,)

    def draw_mixing(self, rng: np.random.Generator) -> nn.Sequential:
        """The float64 map `[..., d] -> [..., n]` before vectors are standardised."""
        raise NotImplementedError(f"{type(self).__name__} has to define draw_mixing(rng)")

    def load(self) -> None:
        """Draw the points and the map."""
        super().load()
        mixing = self.draw_mixing(stream(self.data_seed, f"{self.name}/mixing"))
        vectors = mixing(self._points.double())
        standardised = [standardisation(vectors)] if self.standardise else []
        self.mixing = nn.Sequential(*mixing, *standardised)
        self._rounded = copy.deepcopy(self.mixing).float()

    def images(self, values: Tensor) -> Tensor:
        """Vectors float32 `[B, n]` of factor values `[B, d]`."""
        return self._rounded(values.to(self.device, torch.float32))

    def to(self, device: torch.device | str) -> Self:
        """Move the points and the float32 map to ``device``, in place; returns the data set."""
        self._rounded.to(device)
        return super().to(device)

    def _require_contrast(self, c_ima: float) -> None:
        highest = 4 * (self.num_sources - 1)  # beyond it columns are all but parallel
        if not c_ima <= highest:
            raise ConfigError(
                f"c_ima={c_ima} was given; it must be from 0 to {highest}, 4 (num_sources - 1)"
            )


@dataclass(eq=False, repr=False)
class SyntheticMLP(SyntheticMixing):
    """Points of a cube behind a random dense network: c_IMA above 0.

    Injective, and c_IMA varies.

    Args:
        layers: number of matrices, at least 2; each but the last has an activation behind it.
        hidden: width of the hidden layers, d..n, so that the map is injective; None: n.
        activation: see ``Activate``.
        weights: ``orthogonal``, random orthonormal columns; ``gaussian``, each number from
            N(0, 1/fan_in). Biases are from N(0, 0.15^2).

    The other arguments are those of ``SyntheticMixing``.

    Source: ``data_source``. Differs: biases are from N(0, 0.15^2); there may be more
    observations than sources; vectors are divided by one number.
    """

    data_source = source_of("synthetic_mlp")

    name = "synthetic_mlp"

    layers: Annotated[int, Interval(ge=2, le=100)] = 3
    hidden: Width | None = None
    activation: Activation = "leaky_tanh"
    weights: Weights = "orthogonal"

    def prepare(self) -> None:
        """Refuse sizes that cannot work."""
        super().prepare()
        (n,) = self.image_shape
        if self.hidden is not None and not self.num_sources <= self.hidden <= n:
            raise ConfigError(
                f"hidden={self.hidden} was given; it must be from num_sources={self.num_sources} "
                f"to num_observations={n}, or null"
            )

    def draw_mixing(self, rng: np.random.Generator) -> nn.Sequential:
        """The network `[..., d] -> [..., n]`."""
        d, (n,) = self.num_sources, self.image_shape
        widths = [d, *[n if self.hidden is None else self.hidden] * (self.layers - 1), n]
        maps: list[nn.Module] = [Linear(np.eye(d), np.full(d, -0.5))]
        for fan_in, fan_out in pairwise(widths):
            matrix = random_weights(self.weights, fan_out, fan_in, rng)
            maps += [Linear(matrix, rng.normal(0, _BIAS, fan_out)), Activate(self.activation)]
        return nn.Sequential(*maps[:-1])


@dataclass(eq=False, repr=False)
class SyntheticMoebius(SyntheticMixing):
    """Points of a cube behind a Möbius map, conformal: c_IMA 0, or a chosen one by a linear map.

    The cube lies in a random d-dimensional subspace of the observations'.

    Args:
        c_ima: expected contrast, 0..4 (d - 1), beyond which columns are all but parallel.
        pole: distance of the pole from the centre; above 1, none of the cube is farther; to 100.
        linear_map: where the linear map that makes the contrast stands. ``before`` the Möbius map:
            c_IMA is the same at every point. ``after`` it: c_IMA varies, with ``c_ima`` its mean.

    The other arguments are those of ``SyntheticMixing``.

    Source: ``data_source``. Differs: the pole is at a given distance instead of a random one;
    that linear map has columns of equal cosines instead of random ones, and may stand before;
    there may be more observations than sources; vectors are divided by one number.
    """

    data_source = source_of("synthetic_moebius")

    name = "synthetic_moebius"

    c_ima: NonNegative = 0.0
    pole: Annotated[float, Interval(gt=1, le=100)] = 2.0
    linear_map: LinearMap = "before"

    def prepare(self) -> None:
        """Refuse options that cannot work."""
        super().prepare()
        self._require_contrast(self.c_ima)

    def draw_mixing(self, rng: np.random.Generator) -> nn.Sequential:
        """The map `[..., d] -> [..., n]`."""
        d, (n,), before = self.num_sources, self.image_shape, self.linear_map == "before"
        columns = oblique_matrix(self.c_ima if before else 0.0, d)
        embedding = isometry(n, d, rng) @ columns
        centred = Linear(embedding, -embedding.sum(axis=1) / 2)
        radius = float(np.linalg.norm(columns, 2)) * math.sqrt(d) / 2
        inversion = moebius_about(radius, n, self.pole, rng)
        if before or self.c_ima == 0:
            return nn.Sequential(centred, inversion)
        nodes = torch.quasirandom.SobolEngine(d).draw(_NUM_NODES, dtype=torch.float64)
        frames = inversion.frame(centred(nodes)) @ centred.matrix  # [N, n, d]
        matrix = equal_cosines(obliqueness(self.c_ima, frames.sum(1).numpy()), n)
        return nn.Sequential(centred, inversion, Linear(matrix, np.zeros(n)))


@dataclass(eq=False, repr=False)
class SyntheticOrthogonal(SyntheticMixing):
    """Points of a cube behind a map of orthogonal Jacobian columns, or of a chosen c_IMA.

    Each source is stretched by itself, then all are mixed by a matrix whose columns have length 1
    and equal cosines; the contrast of that matrix is that of the whole map, at every point.

    Args:
        c_ima: contrast at every point, 0..4 (d - 1), beyond which columns are all but parallel.
        stretch: length of the first source's interval; the others' fall geometrically to 1.
        bend: by how much a source's slope varies about its mean, 0 (linear) to below 1.
        pole: of a Möbius map behind all that, see ``SyntheticMoebius``; column lengths then depend
            on all sources. None: no such map, and each depends on its own source.

    The other arguments are those of ``SyntheticMixing``.

    Source: ``data_source``. Differs: the map is ours.
    """

    data_source = source_of("synthetic_orthogonal")

    name = "synthetic_orthogonal"

    c_ima: NonNegative = 0.0
    stretch: Positive = 2.0
    bend: Decay = 0.5
    pole: Annotated[float, Interval(gt=1, le=100)] | None = None

    def prepare(self) -> None:
        """Refuse options that cannot work."""
        super().prepare()
        self._require_contrast(self.c_ima)

    def draw_mixing(self, rng: np.random.Generator) -> nn.Sequential:
        """The map `[..., d] -> [..., n]`."""
        d, (n,) = self.num_sources, self.image_shape
        lengths = np.geomspace(self.stretch, 1.0, d)
        stretched = Stretch(lengths, self.bend, rng.uniform(0, 2 * math.pi, d))
        columns = oblique_matrix(self.c_ima, d)
        mixed = Linear(isometry(n, d, rng) @ columns, np.zeros(n))
        if self.pole is None:
            return nn.Sequential(stretched, mixed)
        radius = float(np.linalg.norm(columns, 2) * np.linalg.norm(lengths)) / 2
        return nn.Sequential(stretched, mixed, moebius_about(radius, n, self.pole, rng))


SyntheticMLPDataModule = data_module_of(SyntheticMLP)
SyntheticMoebiusDataModule = data_module_of(SyntheticMoebius)
SyntheticOrthogonalDataModule = data_module_of(SyntheticOrthogonal)


def sources(num_sources: int) -> Factors:
    """The continuous factors s1, s2, ..., each in [0, 1]."""
    names = tuple(f"s{number}" for number in range(1, num_sources + 1))
    return Factors(names, (0,) * num_sources, ("continuous",) * num_sources)
