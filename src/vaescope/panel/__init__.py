"""All scores of one set of codes and factors, of any origin."""

from vaescope.panel.families import DEFAULT, FAMILIES, INFORMATION, Family
from vaescope.panel.metric import PanelMetric
from vaescope.panel.panel import Measured, as_numbers, check_scores, panel
from vaescope.panel.sample import Sample

__all__ = [
    "DEFAULT",
    "FAMILIES",
    "INFORMATION",
    "Family",
    "Measured",
    "PanelMetric",
    "Sample",
    "as_numbers",
    "check_scores",
    "panel",
]
