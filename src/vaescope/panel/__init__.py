"""All scores of one set of codes and factors, of any origin."""

from vaescope.panel.families import DEFAULT, FAMILIES, INFORMATION, Family
from vaescope.panel.metric import PanelMetric
from vaescope.panel.panel import Measured, as_numbers, panel, score_names
from vaescope.panel.sample import FEWEST, Sample, looks_transposed
from vaescope.panel.told import ToldOnce

__all__ = [
    "DEFAULT",
    "FAMILIES",
    "FEWEST",
    "INFORMATION",
    "Family",
    "Measured",
    "PanelMetric",
    "Sample",
    "ToldOnce",
    "as_numbers",
    "looks_transposed",
    "panel",
    "score_names",
]
