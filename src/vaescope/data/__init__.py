"""Data sets, most of them with known generative factors, and their batches.

An argument of one of these names means the same everywhere, unless more is said of it:

- ``index``: row numbers int64 `[B]`, on the data set's device.
- ``draw``: int64 `[B]`, one number per image; all of it that is no factor follows from this.
- ``factors``: what images vary in, `Factors`; ``values``: a value of each, `[N, K]`.
- ``lookup``: the rows of which partners may be taken, a `RowLookup`.
- ``rng``: source of the random numbers.
- ``seed``, ``data_seed``: of all random draws, of those that make the set, at least 0.
- ``num_points``: size of a set whose rows are drawn.
- ``data_dir``: folder of data files; None: ``$VAESCOPE_DATA_DIR`` or the user's cache folder.
- ``path``: of a file. ``title``: of the data set that published it; empty: it is the user's own.
- ``start``: the first row that is wanted.

Settings that cannot work are refused by a ``ConfigError``; files that are missing, damaged or not
the published ones, a full disk and a folder that cannot be written by a ``DataError``. Both say
what was given and what to do.
"""

from vaescope.data.batches import EpochBatches, EvaluationBatches
from vaescope.data.converted import ConvertedDataset
from vaescope.data.datamodule import FactorDataModule, data_module_of
from vaescope.data.dataset import FactorDataset, RenderedDataset
from vaescope.data.factor_distribution import factor_statistics
from vaescope.data.factors import Factors
from vaescope.data.files.cache import default_data_dir
from vaescope.data.files.published import PublishedFile
from vaescope.data.sets.balls import Balls, BallsDataModule
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
from vaescope.data.sets.modified.additive import stays_in_range
from vaescope.data.sets.modified.dataset import Modified, ModifiedDataModule
from vaescope.data.sets.modified.folders import write_modified
from vaescope.data.sets.modified.uniform_noise import UniformNoise, UniformNoiseDataModule
from vaescope.data.sets.mpi3d import MPI3D, MPI3DDataModule
from vaescope.data.sets.own.arrays import ArraysDataModule
from vaescope.data.sets.own.image_folder import ImageFolderDataModule
from vaescope.data.sets.panels import Panels, PanelsDataModule
from vaescope.data.sets.shapes3d import Shapes3D, Shapes3DDataModule
from vaescope.data.sets.shapes3d_like.dataset import Shapes3DLike, Shapes3DLikeDataModule
from vaescope.data.sets.smallnorb import SmallNORB, SmallNORBDataModule
from vaescope.data.sets.smooth_sprites import SmoothSprites, SmoothSpritesDataModule
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
from vaescope.data.views.sequences import Sequences
from vaescope.data.views.temporal import LaplaceTransitions, UniformTransitions
