"""What a data set will do to a VAE, computed from its factors and images before any training."""

from vaescope.diagnosis.dataset_diagnosis import AtScale, Diagnosis, diagnose, factor_grams
from vaescope.diagnosis.rotations import PreferredRotation, preferred_rotation, rotation_loss

__all__ = [
    "AtScale",
    "Diagnosis",
    "PreferredRotation",
    "diagnose",
    "factor_grams",
    "preferred_rotation",
    "rotation_loss",
]
