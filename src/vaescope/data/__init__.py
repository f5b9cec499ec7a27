"""Data sets, most of them with known generative factors, and their batches."""

from vaescope.data.batches import EpochBatches
from vaescope.data.cache import default_data_dir
from vaescope.data.datamodule import FactorDataModule
from vaescope.data.dataset import FactorDataset
from vaescope.data.dsprites import DSprites, DSpritesDataModule
from vaescope.data.dsprites_files import Verification, verify
from vaescope.data.dsprites_renderer import RENDERER_VERSION, DSpritesRenderer
from vaescope.data.factors import Factors
from vaescope.data.mnist import MNIST, FashionMNIST, FashionMNISTDataModule, MNISTDataModule
from vaescope.data.synthetic import (
    SyntheticLinear,
    SyntheticLinearDataModule,
    SyntheticNonlinear,
    SyntheticNonlinearDataModule,
)
from vaescope.data.tiny import TinySquares, TinySquaresDataModule

__all__ = [
    "MNIST",
    "RENDERER_VERSION",
    "DSprites",
    "DSpritesDataModule",
    "DSpritesRenderer",
    "EpochBatches",
    "FactorDataModule",
    "FactorDataset",
    "Factors",
    "FashionMNIST",
    "FashionMNISTDataModule",
    "MNISTDataModule",
    "SyntheticLinear",
    "SyntheticLinearDataModule",
    "SyntheticNonlinear",
    "SyntheticNonlinearDataModule",
    "TinySquares",
    "TinySquaresDataModule",
    "Verification",
    "default_data_dir",
    "verify",
]
