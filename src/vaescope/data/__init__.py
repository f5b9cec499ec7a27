"""Data sets, most of them with known generative factors, and their batches."""

from vaescope.data.arrays import ArraysDataModule
from vaescope.data.batches import EpochBatches
from vaescope.data.cache import default_data_dir
from vaescope.data.cars3d import Cars3D, Cars3DDataModule
from vaescope.data.causal3dident import Causal3DIdent, Causal3DIdentDataModule
from vaescope.data.celeba import CelebA, CelebADataModule
from vaescope.data.combinations import Extrapolation, Hull, Interpolation, Recombination
from vaescope.data.converted import ConvertedDataModule, ConvertedDataset
from vaescope.data.datamodule import FactorDataModule
from vaescope.data.dataset import FactorDataset
from vaescope.data.digits import Digits, DigitsDataModule
from vaescope.data.dsprites import DSprites, DSpritesDataModule
from vaescope.data.dsprites_files import Verification, verify
from vaescope.data.dsprites_renderer import RENDERER_VERSION, DSpritesRenderer
from vaescope.data.dsprites_variants import (
    ColorDSprites,
    ColorDSpritesDataModule,
    NoisyDSprites,
    NoisyDSpritesDataModule,
    ScreamDSprites,
    ScreamDSpritesDataModule,
)
from vaescope.data.factor_statistics import factor_statistics
from vaescope.data.factors import Factors
from vaescope.data.groups import Groups, Labels
from vaescope.data.image_folder import ImageFolderDataModule
from vaescope.data.labelled import Labelled
from vaescope.data.mnist import MNIST, FashionMNIST, FashionMNISTDataModule, MNISTDataModule
from vaescope.data.mpi3d import MPI3D, MPI3DDataModule
from vaescope.data.published import PublishedFile
from vaescope.data.rendered_folders import Falcor3D, Falcor3DDataModule, Isaac3D, Isaac3DDataModule
from vaescope.data.sampling import Confounder, CorrelatedFactors
from vaescope.data.shapes3d import Shapes3D, Shapes3DDataModule
from vaescope.data.shapes3d_like import Shapes3DLike, Shapes3DLikeDataModule
from vaescope.data.smallnorb import SmallNORB, SmallNORBDataModule
from vaescope.data.squares import XYObject, XYObjectDataModule, XYSquares, XYSquaresDataModule
from vaescope.data.stored import StoredDataset
from vaescope.data.synthetic import (
    SyntheticLinear,
    SyntheticLinearDataModule,
    SyntheticNonlinear,
    SyntheticNonlinearDataModule,
)
from vaescope.data.synthetic_mixing import (
    SyntheticMixing,
    SyntheticMixingDataModule,
    SyntheticMLP,
    SyntheticMLPDataModule,
    SyntheticMoebius,
    SyntheticMoebiusDataModule,
    SyntheticOrthogonal,
    SyntheticOrthogonalDataModule,
)
from vaescope.data.temporal import LaplaceTransitions, UniformTransitions
from vaescope.data.three_dots import ThreeDots, ThreeDotsDataModule
from vaescope.data.tiny import TinySquares, TinySquaresDataModule
from vaescope.data.viewed import Viewed
from vaescope.data.views import Pairs, Triplets

__all__ = [
    "MNIST",
    "MPI3D",
    "RENDERER_VERSION",
    "ArraysDataModule",
    "Cars3D",
    "Cars3DDataModule",
    "Causal3DIdent",
    "Causal3DIdentDataModule",
    "CelebA",
    "CelebADataModule",
    "ColorDSprites",
    "ColorDSpritesDataModule",
    "Confounder",
    "ConvertedDataModule",
    "ConvertedDataset",
    "CorrelatedFactors",
    "DSprites",
    "DSpritesDataModule",
    "DSpritesRenderer",
    "Digits",
    "DigitsDataModule",
    "EpochBatches",
    "Extrapolation",
    "FactorDataModule",
    "FactorDataset",
    "Factors",
    "Falcor3D",
    "Falcor3DDataModule",
    "FashionMNIST",
    "FashionMNISTDataModule",
    "Groups",
    "Hull",
    "ImageFolderDataModule",
    "Interpolation",
    "Isaac3D",
    "Isaac3DDataModule",
    "Labelled",
    "Labels",
    "LaplaceTransitions",
    "MNISTDataModule",
    "MPI3DDataModule",
    "NoisyDSprites",
    "NoisyDSpritesDataModule",
    "Pairs",
    "PublishedFile",
    "Recombination",
    "ScreamDSprites",
    "ScreamDSpritesDataModule",
    "Shapes3D",
    "Shapes3DDataModule",
    "Shapes3DLike",
    "Shapes3DLikeDataModule",
    "SmallNORB",
    "SmallNORBDataModule",
    "StoredDataset",
    "SyntheticLinear",
    "SyntheticLinearDataModule",
    "SyntheticMLP",
    "SyntheticMLPDataModule",
    "SyntheticMixing",
    "SyntheticMixingDataModule",
    "SyntheticMoebius",
    "SyntheticMoebiusDataModule",
    "SyntheticNonlinear",
    "SyntheticNonlinearDataModule",
    "SyntheticOrthogonal",
    "SyntheticOrthogonalDataModule",
    "ThreeDots",
    "ThreeDotsDataModule",
    "TinySquares",
    "TinySquaresDataModule",
    "Triplets",
    "UniformTransitions",
    "Verification",
    "Viewed",
    "XYObject",
    "XYObjectDataModule",
    "XYSquares",
    "XYSquaresDataModule",
    "default_data_dir",
    "factor_statistics",
    "verify",
]
