"""Small additive images that turn principal directions away from the factors, or to them."""

from vaescope.modification.closed_form import Patterns
from vaescope.modification.making import Modification, modify
from vaescope.modification.references import Rotation, Widths
from vaescope.modification.schedule import Measurement, Schedule

__all__ = [
    "Measurement",
    "Modification",
    "Patterns",
    "Rotation",
    "Schedule",
    "Widths",
    "modify",
]
