"""Score panel: the scores of one set of codes and factors, of any origin, computed together."""

from vaescope.panel.context import Measured, as_numbers, check_repeats, score_names, score_panel
from vaescope.panel.messages import LogOnce
from vaescope.panel.metric import PanelMetric
from vaescope.panel.sample import FEWEST, Sample, looks_transposed
from vaescope.scores import DEFAULT_SCORES, FAMILIES, INFORMATION_SCORES, Family
