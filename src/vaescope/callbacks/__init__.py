"""Lightning callbacks of a run."""

from vaescope.callbacks.base import publish, summary
from vaescope.callbacks.checkpoint import AtomicCheckpointIO, Checkpoint, KeepConfig
from vaescope.callbacks.evaluate_split import Evaluation
from vaescope.callbacks.nan_guard import FiniteTerms
from vaescope.callbacks.objective import Objective
from vaescope.callbacks.progress import Progress
from vaescope.callbacks.save_figures import SaveFigures
