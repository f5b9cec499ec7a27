"""What a data set will do to a VAE, computed from its factors and images before any training."""

from vaescope.diagnosis.dataset_diagnosis import Diagnosis, diagnose
from vaescope.diagnosis.image_components import (
    Components,
    Spectra,
    principal_components,
    spectra_of,
)
from vaescope.diagnosis.overlap import Overlap
from vaescope.diagnosis.rotations import PreferredRotation, preferred_rotation, rotation_loss
from vaescope.diagnosis.widths import AtScale, factor_grams

__all__ = [
    "AtScale",
    "Components",
    "Diagnosis",
    "Overlap",
    "PreferredRotation",
    "Spectra",
    "diagnose",
    "factor_grams",
    "preferred_rotation",
    "principal_components",
    "rotation_loss",
    "spectra_of",
]
