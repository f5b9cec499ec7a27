"""Data sets, most of them with known generative factors, and their batches."""

from vaescope.data.batches import EpochBatches, EvaluationBatches
from vaescope.data.converted import ConvertedDataset
from vaescope.data.datamodule import FactorDataModule, data_module_of
from vaescope.data.dataset import FactorDataset, RenderedDataset
from vaescope.data.factor_distribution import factor_statistics
from vaescope.data.factors import Factors
from vaescope.data.files.cache import default_data_dir
from vaescope.data.files.published import PublishedFile
from vaescope.data.sets.cars3d import Cars3D, Cars3DDataModule
from vaescope.data.sets.causal3dident import Causal3DIdent, Causal3DIdentDataModule
from vaescope.data.sets.celeba import CelebA, CelebADataModule
from vaescope.data.sets.digits import Digits, DigitsDataModule
from vaescope.data.sets.dsprites.dataset import DSprites, DSpritesDataModule
from vaescope.data.sets.dsprites.files import Verification, verify
from vaescope.data.sets.dsprites.renderer import RENDERER_VERSION, DSpritesRenderer
from vaescope.data.sets.dsprites.variants import (
    ColorDSprites,
    ColorDSpritesDataModule,
    NoisyDSprites,
    NoisyDSpritesDataModule,
    ScreamDSprites,
    ScreamDSpritesDataModule,
)
from vaescope.data.sets.falcor3d_isaac3d import (
    Falcor3D,
    Falcor3DDataModule,
    Isaac3D,
    Isaac3DDataModule,
)
from vaescope.data.sets.mnist import MNIST, FashionMNIST, FashionMNISTDataModule, MNISTDataModule
from vaescope.data.sets.mpi3d import MPI3D, MPI3DDataModule
from vaescope.data.sets.own.arrays import ArraysDataModule
from vaescope.data.sets.own.image_folder import ImageFolderDataModule
from vaescope.data.sets.panels import Panels, PanelsDataModule
from vaescope.data.sets.shapes3d import Shapes3D, Shapes3DDataModule
from vaescope.data.sets.shapes3d_like.dataset import Shapes3DLike, Shapes3DLikeDataModule
from vaescope.data.sets.smallnorb import SmallNORB, SmallNORBDataModule
from vaescope.data.sets.synthetic.mixing import (
    SyntheticMixing,
    SyntheticMLP,
    SyntheticMLPDataModule,
    SyntheticMoebius,
    SyntheticMoebiusDataModule,
    SyntheticOrthogonal,
    SyntheticOrthogonalDataModule,
)
from vaescope.data.sets.synthetic.vectors import (
    SyntheticLinear,
    SyntheticLinearDataModule,
    SyntheticNonlinear,
    SyntheticNonlinearDataModule,
)
from vaescope.data.sets.three_dots import ThreeDots, ThreeDotsDataModule
from vaescope.data.sets.tiny import TinySquares, TinySquaresDataModule
from vaescope.data.sets.xy_squares_xy_object import (
    XYObject,
    XYObjectDataModule,
    XYSquares,
    XYSquaresDataModule,
)
from vaescope.data.shifts.correlated import Confounder, CorrelatedFactors
from vaescope.data.shifts.held_out_combinations import (
    Extrapolation,
    Hull,
    Interpolation,
    Recombination,
)
from vaescope.data.sources import DataSource, Publication
from vaescope.data.stored import StoredDataset
from vaescope.data.views.groups import Groups, Labels
from vaescope.data.views.labelled import Labelled
from vaescope.data.views.pairs import Pairs, Triplets
from vaescope.data.views.temporal import LaplaceTransitions, UniformTransitions

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
    "ConvertedDataset",
    "CorrelatedFactors",
    "DSprites",
    "DSpritesDataModule",
    "DSpritesRenderer",
    "DataSource",
    "Digits",
    "DigitsDataModule",
    "EpochBatches",
    "EvaluationBatches",
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
    "Panels",
    "PanelsDataModule",
    "Publication",
    "PublishedFile",
    "Recombination",
    "RenderedDataset",
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
    "XYObject",
    "XYObjectDataModule",
    "XYSquares",
    "XYSquaresDataModule",
    "data_module_of",
    "default_data_dir",
    "factor_statistics",
    "verify",
]
