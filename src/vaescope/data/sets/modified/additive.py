"""Additive images: a data set whose images are those of another one plus a small change."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from vaescope.data.datamodule import FactorDataModule
from vaescope.data.dataset import FactorDataset
from vaescope.data.factors import Factors

_ROUNDING = 2.0**-22  # more than what rounding to float32 adds to a change of a pixel in [0, 1]


def stays_in_range(image_shape: tuple[int, ...]) -> bool:
    """Whether x' is kept in [0, 1]: of images it is, of vectors, which have no range, not.

    Pixels outside have no Bernoulli likelihood, whose loss would have no lower bound. A Gaussian
    takes them, so a set may be written without a bound, ``clip=False``, for that likelihood alone.
    """
    return len(image_shape) == 3


def reach(epsilon: float) -> float:
    """The largest change that is added, such that |x' - x| <= epsilon holds in float32, too."""
    return max(0.0, epsilon - _ROUNDING)


class AdditiveDataset(FactorDataset):
    """Another data set with a small change added to each image: x' = x + change(row).

    Factors, rows, labels and nuisance are the original's.

    Args:
        original: the data set, on the CPU.
        clip: keep x' in [0, 1].
    """

    def __init__(self, original: FactorDataset, clip: bool) -> None:
        self.original, self.clip = original, clip
        self.factors, self.image_shape = original.factors, original.image_shape
        self.has_nuisance, self.labels = original.has_nuisance, original.labels
        self.attribute_names, self.attributes = original.attribute_names, original.attributes
        own, theirs = type(self).data_source, original.data_source
        self.data_source = replace(
            own,
            title=f"{own.title}: {original.title}",
            publications=(*own.publications, *theirs.publications),
            licence=theirs.licence,
        )

    def change_at(self, index: Tensor) -> Tensor:
        """What is added to the images of the rows ``index`` `[B]`, new float32 `[B, *shape]`."""
        raise NotImplementedError(f"{type(self).__name__} has to define change_at(index)")

    def __len__(self) -> int:
        return len(self.original)

    def values(self, index: Tensor) -> Tensor:
        """Factor values `[B, K]` of the rows ``index`` `[B]`."""
        return self.original.values(index)

    def images_at(self, index: Tensor, draw: Tensor) -> Tensor:
        """Images float32 `[B, *image_shape]` of the rows ``index`` `[B]`."""
        image = self.change_at(index).add_(self.original.images_at(index, draw))
        return image.clamp_(0, 1) if self.clip else image

    def files_read(self) -> list[Path]:
        """Files that the original's images are read from."""
        return self.original.files_read()

    @property
    def num_bytes(self) -> int:
        """Bytes that ``to`` places on a device."""
        return super().num_bytes + self.original.num_bytes

    def to(self, device: torch.device | str) -> Self:
        """Move the original and all tensors to ``device``, in place; returns the data set."""
        self.original.to(device)
        return super().to(device)


@dataclass(kw_only=True, eq=False, repr=False)
class AdditiveDataModule(FactorDataModule):
    """Batches of an ``AdditiveDataset``; a subclass says which original.

    Args:
        original: the data module of the original; of its settings only those of its images count.
        data_dir: folder of the original's data files; None: its own.

    The other arguments are those of ``FactorDataModule``.
    """

    original: FactorDataModule | None = None
    data_dir: str | Path | None = None

    @cached_property
    def original_module(self) -> FactorDataModule:
        """The data module of the original, which looks for files in ``data_dir``."""
        module = self._found_original()
        if self.data_dir is not None and hasattr(module, "data_dir"):
            module.data_dir = self.data_dir
        return module

    @property
    def factors(self) -> Factors:
        """What the images vary in: the original's factors."""
        return self.original_module.factors

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of one image, ``(C, H, W)`` or ``(X,)``."""
        return self.original_module.image_shape

    def build_original(self) -> FactorDataset:
        """The original; it knows of the trainer, by which dSprites decides what to cache."""
        module = self.original_module
        module.trainer = self.trainer
        return module.build()

    def _found_original(self) -> FactorDataModule:
        raise NotImplementedError(f"{type(self).__name__} has to define _found_original")
