"""The synthetic vector data of Rolinek, Zietlow and Martius (CVPR 2019)."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vaescope.data.datamodule import FactorDataModule
from vaescope.data.dataset import FactorDataset
from vaescope.data.factors import Factors
from vaescope.errors import ConfigError
from vaescope.memory import require_memory
from vaescope.ranges import Positive, Rows, Seed, Width
from vaescope.streams import stream

_FACTORS = Factors(("w1", "w2"), (0, 0), ("continuous", "continuous"))


class Points(FactorDataset):
    """Vectors made from points that are drawn once, uniformly in the unit cube of the factors.

    A subclass sets ``factors`` and ``image_shape`` before this constructor runs.

    Args:
        num_points: size of the set.
        seed: of the points; the data set's, not the run's.
        name: of the data set; its random numbers follow from it.

    Raises:
        ConfigError: an argument is out of range.
    """

    computes = True

    def __init__(self, num_points: int, seed: int, name: str) -> None:
        require(num_points >= 1, f"num_points={num_points}", "at least 1")
        require(seed >= 0, f"seed={seed}", "at least 0")
        require_memory(16 * num_points * len(self.factors), f"num_points={num_points}")
        self._points = self.factors.sample(num_points, stream(seed, f"{name}/points"))
        self._vectors: Tensor | None = None
        self.source = f"generated ({name}, seed {seed}, vaescope)"

    def __len__(self) -> int:
        return len(self._points)

    def values(self, index: Tensor) -> Tensor:
        """Factor values float32 `[B, K]` in [0, 1] of the rows ``index`` `[B]`."""
        return self._points[index.to(self.device)]

    def images_at(self, index: Tensor, draw: Tensor) -> Tensor:
        """Vectors of the rows ``index`` `[B]`; they are few and are computed once."""
        if self._vectors is None:
            self._vectors = self.images(self._points)
        return self._vectors[index]


class SyntheticLinear(Points):
    """Points in a plane in three dimensions, of variances ratio²/12 and 1/12 along its axes.

    Args:
        num_points: size of the set.
        ratio: by how much the first factor's axis is stretched; 1: all directions look the same.
        seed: of the points; the data set's, not the run's.

    Raises:
        ConfigError: an argument is out of range.

    Source: Rolinek, Zietlow, Martius 2019, "Variational Autoencoders Pursue PCA Directions (by
    Accident)", https://arxiv.org/abs/1812.06775, section 4. Differs: none known; the points' seed
    is not published.
    """

    factors = _FACTORS
    image_shape = (3,)

    def __init__(self, num_points: int = 50_000, ratio: float = 2.0, seed: int = 0) -> None:
        require(0 < ratio < math.inf, f"ratio={ratio}", "a positive number")
        super().__init__(num_points, seed, "synthetic_linear")
        embedding = np.array([[ratio, 0.0], [0.0, 1.0], [0.0, 0.0]])
        axis = np.array([1.0, -1.0, 1.0]) / math.sqrt(3)
        mixing = _rotation(axis, math.pi / 4) @ embedding
        self._mixing = torch.from_numpy(mixing).float()

    @property
    def mixing(self) -> Tensor:
        """The matrix `[3, 2]` that makes a vector of the two factors."""
        return self._mixing

    def images(self, values: Tensor) -> Tensor:
        """Vectors float32 `[B, 3]` of factor values `[B, 2]`."""
        return values.to(self._mixing) @ self._mixing.T


class SyntheticNonlinear(Points):
    """Points of a curved surface in six dimensions: a fixed random network of two factors.

    Args:
        num_points: size of the set.
        hidden: units of the hidden layer.
        seed: of the points and the network; the data set's, not the run's.

    Raises:
        ConfigError: an argument is out of range.

    Source: Rolinek, Zietlow, Martius 2019, "Variational Autoencoders Pursue PCA Directions (by
    Accident)", https://arxiv.org/abs/1812.06775, section 4. Differs: the paper does not give the
    distribution of the weights; here weights ~ N(0, 1/fan_in), biases ~ N(0, 0.15²), tanh on the
    hidden layer only.
    """

    factors = _FACTORS
    image_shape = (6,)

    def __init__(self, num_points: int = 50_000, hidden: int = 10, seed: int = 0) -> None:
        require(hidden >= 1, f"hidden={hidden}", "at least 1")
        super().__init__(num_points, seed, "synthetic_nonlinear")
        rng = stream(seed, "synthetic_nonlinear/network")
        self._weight1, self._bias1 = _random_layer(2, hidden, rng)
        self._weight2, self._bias2 = _random_layer(hidden, *self.image_shape, rng)

    def images(self, values: Tensor) -> Tensor:
        """Vectors float32 `[B, 6]` of factor values `[B, 2]`."""
        hidden = torch.tanh(values.to(self._weight1) @ self._weight1.T + self._bias1)
        return hidden @ self._weight2.T + self._bias2


@dataclass(kw_only=True, eq=False, repr=False)
class SyntheticLinearDataModule(FactorDataModule):
    """Batches of ``SyntheticLinear``.

    Args:
        num_points: size of the set.
        ratio: by how much the first factor's axis is stretched.
        data_seed: of the points.

    The other arguments are those of ``FactorDataModule``.
    """

    dataset_class = SyntheticLinear

    num_points: Rows = 50_000
    ratio: Positive = 2.0
    data_seed: Seed = 0

    def build(self) -> SyntheticLinear:
        """The data set."""
        return SyntheticLinear(self.num_points, self.ratio, self.data_seed)


@dataclass(kw_only=True, eq=False, repr=False)
class SyntheticNonlinearDataModule(FactorDataModule):
    """Batches of ``SyntheticNonlinear``.

    Args:
        num_points: size of the set.
        hidden: units of the hidden layer of the mixing network.
        data_seed: of the points and the network.

    The other arguments are those of ``FactorDataModule``.
    """

    dataset_class = SyntheticNonlinear

    num_points: Rows = 50_000
    hidden: Width = 10
    data_seed: Seed = 0

    def build(self) -> SyntheticNonlinear:
        """The data set."""
        return SyntheticNonlinear(self.num_points, self.hidden, self.data_seed)


def _rotation(axis: np.ndarray, angle: float) -> np.ndarray:
    """Rotation matrix `[3, 3]` about a unit vector (Rodrigues' formula)."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross


def _random_layer(fan_in: int, fan_out: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    weight = rng.normal(0, 1 / math.sqrt(fan_in), (fan_out, fan_in))
    bias = rng.normal(0, 0.15, fan_out)
    return torch.from_numpy(weight).float(), torch.from_numpy(bias).float()


def require(holds: bool, given: str, allowed: str) -> None:
    """Refuse a setting unless it ``holds``.

    Raises:
        ConfigError: names what was given and what is allowed.
    """
    if not holds:
        raise ConfigError(f"{given} was given; it must be {allowed}")
