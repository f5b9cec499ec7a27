"""Synthetic vector data whose mixing has a known IMA contrast."""

import copy
from dataclasses import dataclass
from typing import Annotated, Self

import numpy as np
import torch
from annotated_types import Interval
from torch import Tensor, nn

from vaescope.data.datamodule import data_module_of
from vaescope.data.factors import Factors
from vaescope.data.sets.synthetic.maps import (
    Activation,
    Linear,
    LinearMap,
    Weights,
    mlp_mixing,
    moebius_mixing,
    orthogonal_mixing,
)
from vaescope.data.sets.synthetic.vectors import Points
from vaescope.data.sources import source_of
from vaescope.ranges import Decay, NonNegative, Positive, Rows, Sources, Width
from vaescope.streams import stream


@dataclass(eq=False, repr=False)
class SyntheticMixing(Points):
    """Points of the unit cube behind a map; no noise. A subclass names the map.

    Args:
        num_points: size of the set, at least 2.
        data_seed: of the points and the map; the data set's, not the run's.
        num_sources: d, factors of the set and dimensions of the cube, at least 2; the factors are
            s1, ..., sd.
        num_observations: n, at least d; None: d.
        standardise: whether to subtract the mean of the set's vectors and to divide them by one
            number, so that the variances of the n observations have the mean 1; neither changes
            c_IMA.

    Attributes:
        mixing: the whole map, float64, on the CPU; ``images`` uses a float32 copy.

    Raises:
        ConfigError: an argument is out of range.
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
        self.image_shape = (n,)
        self.draw_mixing()

    def draw_mixing(self) -> nn.Sequential:
        """The float64 map `[..., d] -> [..., n]` before vectors are standardised."""
        raise NotImplementedError(f"{type(self).__name__} has to define draw_mixing()")

    def load(self) -> None:
        """Draw the points and the map."""
        super().load()
        mixing = self.draw_mixing()
        vectors = mixing(self._points.double())
        standardised = [_standardising(vectors)] if self.standardise else []
        self.mixing = nn.Sequential(*mixing, *standardised)
        self._rounded = copy.deepcopy(self.mixing).float()

    def images(self, values: Tensor) -> Tensor:
        """Vectors float32 `[B, n]` of factor values `[B, d]`."""
        return self._rounded(values.to(self.device, torch.float32))

    def to(self, device: torch.device | str) -> Self:
        """Move the points and the float32 map to ``device``, in place; returns the data set."""
        self._rounded.to(device)
        return super().to(device)

    def _sizes_and_stream(self) -> tuple[int, int, np.random.Generator]:
        rng = stream(self.data_seed, f"{self.name}/mixing")
        return self.num_sources, self.image_shape[0], rng


@dataclass(eq=False, repr=False)
class SyntheticMLP(SyntheticMixing):
    """Points of a cube behind a random dense network: c_IMA above 0.

    Args: ``layers``, ``hidden``, ``activation`` and ``weights`` see ``mlp_mixing``; the others are
    those of ``SyntheticMixing``.

    Source: ``data_source``. Differs: biases are from N(0, 0.15^2); there may be more
    observations than sources; vectors are divided by one number.
    """

    data_source = source_of("synthetic_mlp")

    name = "synthetic_mlp"

    layers: Annotated[int, Interval(ge=2, le=100)] = 3
    hidden: Width | None = None
    activation: Activation = "leaky_tanh"
    weights: Weights = "orthogonal"

    def draw_mixing(self) -> nn.Sequential:
        """The network `[..., d] -> [..., n]`."""
        return mlp_mixing(
            *self._sizes_and_stream(),
            layers=self.layers,
            hidden=self.hidden,
            activation=self.activation,
            weights=self.weights,
        )


@dataclass(eq=False, repr=False)
class SyntheticMoebius(SyntheticMixing):
    """Points of a cube behind a Möbius map, conformal: c_IMA 0, or a chosen one by a linear map.

    Args: ``c_ima``, ``pole`` and ``linear_map`` see ``moebius_mixing``; the others are those of
    ``SyntheticMixing``.

    Source: ``data_source``. Differs: the pole is at a given distance instead of a random one;
    that linear map has columns of equal cosines instead of random ones, and may stand before;
    there may be more observations than sources; vectors are divided by one number.
    """

    data_source = source_of("synthetic_moebius")

    name = "synthetic_moebius"

    c_ima: NonNegative = 0.0
    pole: Annotated[float, Interval(gt=1, le=100)] = 2.0
    linear_map: LinearMap = "before"

    def draw_mixing(self) -> nn.Sequential:
        """The map `[..., d] -> [..., n]`."""
        return moebius_mixing(
            *self._sizes_and_stream(),
            c_ima=self.c_ima,
            pole=self.pole,
            linear_map=self.linear_map,
        )


@dataclass(eq=False, repr=False)
class SyntheticOrthogonal(SyntheticMixing):
    """Points of a cube behind a map of orthogonal Jacobian columns, or of a chosen c_IMA.

    Args: ``c_ima``, ``stretch``, ``bend`` and ``pole`` see ``orthogonal_mixing``; the others are
    those of ``SyntheticMixing``.

    Source: ``data_source``. Differs: the map is ours.
    """

    data_source = source_of("synthetic_orthogonal")

    name = "synthetic_orthogonal"

    c_ima: NonNegative = 0.0
    stretch: Positive = 2.0
    bend: Decay = 0.5
    pole: Annotated[float, Interval(gt=1, le=100)] | None = None

    def draw_mixing(self) -> nn.Sequential:
        """The map `[..., d] -> [..., n]`."""
        return orthogonal_mixing(
            *self._sizes_and_stream(),
            c_ima=self.c_ima,
            stretch=self.stretch,
            bend=self.bend,
            pole=self.pole,
        )


SyntheticMLPDataModule = data_module_of(SyntheticMLP)
SyntheticMoebiusDataModule = data_module_of(SyntheticMoebius)
SyntheticOrthogonalDataModule = data_module_of(SyntheticOrthogonal)


def sources(num_sources: int) -> Factors:
    """The continuous factors s1, s2, ..., each in [0, 1]."""
    names = tuple(f"s{number}" for number in range(1, num_sources + 1))
    return Factors(names, (0,) * num_sources, ("continuous",) * num_sources)


def _standardising(vectors: Tensor) -> Linear:
    """Map to vectors of mean 0 whose n variances have the mean 1."""
    scale = vectors.var(0).mean().rsqrt()
    matrix = scale * torch.eye(vectors.shape[1]).double()
    return Linear(matrix.numpy(), (-scale * vectors.mean(0)).numpy())
