"""Uniform noise of a given amplitude on any data set: the control of a modification."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from vaescope.data.datamodule import FactorDataModule
from vaescope.data.dataset import FactorDataset
from vaescope.data.files.verification import FileCheck
from vaescope.data.nuisance import uniform
from vaescope.data.sets.modified.additive import (
    AdditiveDataModule,
    AdditiveDataset,
    reach,
    stays_in_range,
)
from vaescope.data.sources import source_of
from vaescope.errors import ConfigError
from vaescope.ranges import Epsilon, Seed
from vaescope.streams import stream


class UniformNoise(AdditiveDataset):
    """Another data set with noise, uniform in [-epsilon, epsilon] for each pixel of each row.

    Unlike nuisance the noise of a row is always the same: it is part of the data set, as in an
    image file to which it was added once.

    Args:
        original: the data set.
        epsilon: largest change of a pixel, in (0, 1].
        noise_seed: of the noise; the data set's, not the run's.
        clip: keep x' in [0, 1]; None: of images yes, of vectors no.

    Source: ``data_source``, the control "noise". Differs: whether the paper keeps x' in [0, 1] is
    not known; the noise has 2^16 levels.
    """

    data_source = source_of("uniform_noise")

    def __init__(
        self,
        original: FactorDataset,
        epsilon: float,
        noise_seed: int = 0,
        clip: bool | None = None,
    ) -> None:
        super().__init__(original, stays_in_range(original.image_shape) if clip is None else clip)
        self.epsilon = epsilon
        self.source = (
            f"{original.source}, plus uniform noise in [-{epsilon:g}, {epsilon:g}] "
            f"(seed {noise_seed})"
        )
        self._key = int(stream(noise_seed, "uniform_noise").integers(2**63))

    def change_at(self, index: Tensor) -> Tensor:
        """Noise float32 `[B, *image_shape]` of the rows ``index`` `[B]`."""
        numbers = uniform(index ^ self._key, torch.Size(self.image_shape).numel())
        centred = numbers.sub_(0.5 - 2**-17).mul_(2 * reach(self.epsilon))
        return centred.view(-1, *self.image_shape)


@dataclass(kw_only=True, eq=False, repr=False)
class UniformNoiseDataModule(AdditiveDataModule):
    """Batches of another data set with uniform noise.

    Args:
        epsilon: largest change of a pixel, in (0, 1].
        noise_seed: of the noise; the data set's, not the run's.
        clip: keep x' in [0, 1]; None: of images yes, of vectors no.

    The other arguments are those of ``AdditiveDataModule``; ``original`` is needed.

    Raises:
        ConfigError: a setting cannot work.
    """

    dataset_class = UniformNoise

    epsilon: Epsilon = 0.1
    noise_seed: Seed = 0
    clip: bool | None = None

    def build(self) -> UniformNoise:
        """The data set; files of the original are read here and not before."""
        return UniformNoise(self.build_original(), self.epsilon, self.noise_seed, self.clip)

    def verify(self) -> Iterator[FileCheck]:
        """Checks of the original's files."""
        yield from self.original_module.verify()

    def _found_original(self) -> FactorDataModule:
        if self.original is None:
            raise ConfigError("data.original: none was given; say data.original=NAME of a data set")
        return self.original
