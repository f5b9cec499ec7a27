"""All scores of one set of codes and factors, of any origin."""

from vaescope.panel.families import DEFAULT, FAMILIES, INFORMATION, Family
from vaescope.panel.panel import Measured, check_scores, panel
from vaescope.panel.sample import Sample

__all__ = [
    "DEFAULT",
    "FAMILIES",
    "INFORMATION",
    "Family",
    "Measured",
    "Sample",
    "check_scores",
    "panel",
]
