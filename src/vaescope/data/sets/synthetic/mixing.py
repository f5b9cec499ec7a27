"""Synthetic vector data whose mixing has a known IMA contrast."""

import copy
from dataclasses import dataclass
from typing import Annotated, ClassVar, Self

import torch
from annotated_types import Interval
from torch import Tensor, nn

from vaescope.data.datamodule import FactorDataModule
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
from vaescope.data.sets.synthetic.vectors import Points, require
from vaescope.ranges import Decay, NonNegative, Positive, Rows, Seed, Sources, Width
from vaescope.streams import stream


class SyntheticMixing(Points):
    """Points of the unit cube behind a map; no noise.

    Args:
        mixing: float64 map `[..., d] -> [..., n]`.
        num_sources: d; the factors are s1, ..., sd.
        num_points: size of the set, at least 2.
        standardise: whether to subtract the mean of the set's vectors and to divide them by one
            number, so that the variances of the n observations have the mean 1; neither changes
            c_IMA.
        seed: of the points; the data set's, not the run's.

    Attributes:
        mixing: the whole map, float64, on the CPU; ``images`` uses a float32 copy.
        name: of the data set; the points follow from it.

    Raises:
        ConfigError: an argument is out of range.
    """

    name: ClassVar[str] = "synthetic_mixing"

    def __init__(
        self,
        mixing: nn.Sequential,
        num_sources: int,
        num_points: int = 60_000,
        standardise: bool = True,
        seed: int = 0,
    ) -> None:
        require(num_points >= 2, f"num_points={num_points}", "at least 2")
        self.factors = sources(num_sources)
        super().__init__(num_points, seed, self.name)
        vectors = mixing(self._points.double())
        self.image_shape = (vectors.shape[1],)
        self.mixing = nn.Sequential(*mixing, _standardising(vectors)) if standardise else mixing
        self._rounded = copy.deepcopy(self.mixing).float()

    def images(self, values: Tensor) -> Tensor:
        """Vectors float32 `[B, n]` of factor values `[B, d]`."""
        return self._rounded(values.to(self.device, torch.float32))

    def to(self, device: torch.device | str) -> Self:
        """Move the points and the float32 map to ``device``, in place; returns the data set."""
        self._rounded.to(device)
        return super().to(device)


class SyntheticMLP(SyntheticMixing):
    """Points of a cube behind a random dense network: c_IMA above 0.

    Args: see ``SyntheticMixing``; the map is ``mlp_mixing``.

    Source: Gresele et al. 2021, "Independent mechanism analysis, a new concept?",
    https://arxiv.org/abs/2106.05200, and Reizinger et al. 2022, "Embrace the Gap: VAEs Perform
    Independent Mechanism Analysis", https://arxiv.org/abs/2206.02416. Differs: biases are from
    N(0, 0.15^2); there may be more observations than sources; vectors are divided by one number.
    """

    name = "synthetic_mlp"


class SyntheticMoebius(SyntheticMixing):
    """Points of a cube behind a Möbius map, conformal: c_IMA 0, or a chosen one by a linear map.

    Args: see ``SyntheticMixing``; the map is ``moebius_mixing``.

    Source: Gresele et al. 2021, "Independent mechanism analysis, a new concept?",
    https://arxiv.org/abs/2106.05200; a linear map behind it as in Reizinger et al. 2022, "Embrace
    the Gap: VAEs Perform Independent Mechanism Analysis", https://arxiv.org/abs/2206.02416.
    Differs: the pole is at a given distance instead of a random one; that linear map has columns
    of equal cosines instead of random ones, and may stand before; there may be more observations
    than sources; vectors are divided by one number.
    """

    name = "synthetic_moebius"


class SyntheticOrthogonal(SyntheticMixing):
    """Points of a cube behind a map of orthogonal Jacobian columns, or of a chosen c_IMA.

    Args: see ``SyntheticMixing``; the map is ``orthogonal_mixing``.

    Source: Gresele et al. 2021, "Independent mechanism analysis, a new concept?",
    https://arxiv.org/abs/2106.05200, the contrast. Differs: the map is ours.
    """

    name = "synthetic_orthogonal"


@dataclass(kw_only=True, eq=False, repr=False)
class SyntheticMixingDataModule(FactorDataModule):
    """Batches of a ``SyntheticMixing``; a subclass names its data set and writes ``mixing``.

    Args:
        num_points: size of the set, at least 2.
        num_sources: d, factors of the set and dimensions of the cube, at least 2.
        num_observations: n, at least d; None: d.
        standardise: whether vectors are centred and scaled, see ``SyntheticMixing``.
        data_seed: of the points and the map.

    The other arguments are those of ``FactorDataModule``.
    """

    dataset_class: ClassVar[type[SyntheticMixing]]

    num_points: Rows = 60_000
    num_sources: Sources = 3
    num_observations: Sources | None = None
    standardise: bool = True
    data_seed: Seed = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.mixing()  # refuses sizes and options that cannot work

    @property
    def factors(self) -> Factors:
        """The sources s1, ..., sd, each in [0, 1]."""
        return sources(self.num_sources)

    @property
    def image_shape(self) -> tuple[int, ...]:
        """``(n,)``."""
        return (self.num_sources if self.num_observations is None else self.num_observations,)

    def mixing(self) -> nn.Sequential:
        """The map `[..., d] -> [..., n]` before vectors are standardised."""
        raise NotImplementedError(f"{type(self).__name__} has to define mixing()")

    def build(self) -> SyntheticMixing:
        """The data set."""
        return self.dataset_class(
            self.mixing(), self.num_sources, self.num_points, self.standardise, self.data_seed
        )


@dataclass(kw_only=True, eq=False, repr=False)
class SyntheticMLPDataModule(SyntheticMixingDataModule):
    """Batches of ``SyntheticMLP``.

    Args: ``layers``, ``hidden``, ``activation`` and ``weights`` see ``mlp_mixing``; the others are
    those of ``SyntheticMixingDataModule``.
    """

    dataset_class = SyntheticMLP

    layers: Annotated[int, Interval(ge=2, le=100)] = 3
    hidden: Width | None = None
    activation: Activation = "leaky_tanh"
    weights: Weights = "orthogonal"

    def mixing(self) -> nn.Sequential:
        """The network `[..., d] -> [..., n]`."""
        return mlp_mixing(
            self.num_sources,
            self.image_shape[0],
            stream(self.data_seed, "synthetic_mlp/mixing"),
            layers=self.layers,
            hidden=self.hidden,
            activation=self.activation,
            weights=self.weights,
        )


@dataclass(kw_only=True, eq=False, repr=False)
class SyntheticMoebiusDataModule(SyntheticMixingDataModule):
    """Batches of ``SyntheticMoebius``.

    Args: ``c_ima``, ``pole`` and ``linear_map`` see ``moebius_mixing``; the others are those of
    ``SyntheticMixingDataModule``.
    """

    dataset_class = SyntheticMoebius

    c_ima: NonNegative = 0.0
    pole: Annotated[float, Interval(gt=1, le=100)] = 2.0
    linear_map: LinearMap = "before"

    def mixing(self) -> nn.Sequential:
        """The map `[..., d] -> [..., n]`."""
        return moebius_mixing(
            self.num_sources,
            self.image_shape[0],
            stream(self.data_seed, "synthetic_moebius/mixing"),
            c_ima=self.c_ima,
            pole=self.pole,
            linear_map=self.linear_map,
        )


@dataclass(kw_only=True, eq=False, repr=False)
class SyntheticOrthogonalDataModule(SyntheticMixingDataModule):
    """Batches of ``SyntheticOrthogonal``.

    Args: ``c_ima``, ``stretch``, ``bend`` and ``pole`` see ``orthogonal_mixing``; the others are
    those of ``SyntheticMixingDataModule``.
    """

    dataset_class = SyntheticOrthogonal

    c_ima: NonNegative = 0.0
    stretch: Positive = 2.0
    bend: Decay = 0.5
    pole: Annotated[float, Interval(gt=1, le=100)] | None = None

    def mixing(self) -> nn.Sequential:
        """The map `[..., d] -> [..., n]`."""
        return orthogonal_mixing(
            self.num_sources,
            self.image_shape[0],
            stream(self.data_seed, "synthetic_orthogonal/mixing"),
            c_ima=self.c_ima,
            stretch=self.stretch,
            bend=self.bend,
            pole=self.pole,
        )


def sources(num_sources: int) -> Factors:
    """The continuous factors s1, s2, ..., each in [0, 1]."""
    names = tuple(f"s{number}" for number in range(1, num_sources + 1))
    return Factors(names, (0,) * num_sources, ("continuous",) * num_sources)


def _standardising(vectors: Tensor) -> Linear:
    """Map to vectors of mean 0 whose n variances have the mean 1."""
    scale = vectors.var(0).mean().rsqrt()
    matrix = scale * torch.eye(vectors.shape[1]).double()
    return Linear(matrix.numpy(), (-scale * vectors.mean(0)).numpy())
