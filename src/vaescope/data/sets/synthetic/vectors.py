"""The synthetic vector data of Rolinek, Zietlow and Martius (CVPR 2019)."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from vaescope.data.datamodule import data_module_of
from vaescope.data.dataset import RenderedDataset
from vaescope.data.factors import Factors
from vaescope.data.sources import source_of
from vaescope.memory import require_memory
from vaescope.ranges import Positive, Rows, Seed, Width
from vaescope.streams import stream

_FACTORS = Factors(("w1", "w2"), (0, 0), ("continuous", "continuous"))


@dataclass(eq=False, repr=False)
class Points(RenderedDataset):
    """Vectors made from points that are drawn once, uniformly in the unit cube of the factors.

    Args:
        num_points: size of the set.
        data_seed: of the points and of what maps them; the data set's, not the run's.

    Attributes:
        name: of the data set; its random numbers follow from it.
    """

    name: ClassVar[str]

    num_points: Rows = 50_000
    data_seed: Seed = 0

    def load(self) -> None:
        """Draw the points."""
        require_memory(16 * self.num_points * len(self.factors), f"num_points={self.num_points}")
        rng = stream(self.data_seed, f"{self.name}/points")
        self._points = self.factors.sample(self.num_points, rng)
        self._vectors: Tensor | None = None
        self.source = f"generated ({self.name}, seed {self.data_seed}, vaescope)"

    def __len__(self) -> int:
        return self.num_points

    def values(self, index: Tensor) -> Tensor:
        """Factor values float32 `[B, K]` in [0, 1] of the rows ``index`` `[B]`."""
        return self._points[index.to(self.device)]

    def images_at(self, index: Tensor, draw: Tensor) -> Tensor:
        """Vectors of the rows ``index`` `[B]`; they are few and are computed once."""
        if self._vectors is None:
            self._vectors = self.images(self._points)
        return self._vectors[index]


@dataclass(eq=False, repr=False)
class SyntheticLinear(Points):
    """Points in a plane in three dimensions, of variances ratio²/12 and 1/12 along its axes.

    Attributes:
        mixing: the matrix `[3, 2]` that makes a vector of the two factors.

    Args:
        ratio: by how much the first factor's axis is stretched; 1: all directions look the same.

    Source: ``data_source``. Differs: none known; the points' seed is not published.
    """

    data_source = source_of("synthetic_linear")

    factors = _FACTORS
    image_shape = (3,)
    name = "synthetic_linear"

    ratio: Positive = 2.0

    def load(self) -> None:
        """Draw the points and make the matrix."""
        super().load()
        embedding = np.array([[self.ratio, 0.0], [0.0, 1.0], [0.0, 0.0]])
        axis = np.array([1.0, -1.0, 1.0]) / math.sqrt(3)
        mixing = _rotation(axis, math.pi / 4) @ embedding
        self.mixing = torch.from_numpy(mixing).float()

    def images(self, values: Tensor) -> Tensor:
        """Vectors float32 `[B, 3]` of factor values `[B, 2]`."""
        return values.to(self.mixing) @ self.mixing.T


@dataclass(eq=False, repr=False)
class SyntheticNonlinear(Points):
    """Points of a curved surface in six dimensions: a fixed random network of two factors.

    Args:
        hidden: units of the hidden layer.

    Source: ``data_source``. Differs: the paper does not give the distribution of the weights;
    here weights ~ N(0, 1/fan_in), biases ~ N(0, 0.15²), tanh on the hidden layer only.
    """

    data_source = source_of("synthetic_nonlinear")

    factors = _FACTORS
    image_shape = (6,)
    name = "synthetic_nonlinear"

    hidden: Width = 10

    def load(self) -> None:
        """Draw the points and the network."""
        super().load()
        rng = stream(self.data_seed, f"{self.name}/network")
        self._weight1, self._bias1 = _random_layer(2, self.hidden, rng)
        self._weight2, self._bias2 = _random_layer(self.hidden, *self.image_shape, rng)

    def images(self, values: Tensor) -> Tensor:
        """Vectors float32 `[B, 6]` of factor values `[B, 2]`."""
        hidden = torch.tanh(values.to(self._weight1) @ self._weight1.T + self._bias1)
        return hidden @ self._weight2.T + self._bias2


SyntheticLinearDataModule = data_module_of(SyntheticLinear)
SyntheticNonlinearDataModule = data_module_of(SyntheticNonlinear)


def _rotation(axis: np.ndarray, angle: float) -> np.ndarray:
    """Rotation matrix `[3, 3]` about a unit vector (Rodrigues' formula)."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross


def _random_layer(fan_in: int, fan_out: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    weight = rng.normal(0, 1 / math.sqrt(fan_in), (fan_out, fan_in))
    bias = rng.normal(0, 0.15, fan_out)
    return torch.from_numpy(weight).float(), torch.from_numpy(bias).float()
