"""Scores: one record for every number that is logged; no torch."""

from vaescope.scores.groups import GROUPS, YOUR_OWN, group_of
from vaescope.scores.information import INFORMATION
from vaescope.scores.lookup import (
    CHIEF_SCORES,
    CONTEXT,
    DEFAULT_SCORES,
    FAMILIES,
    INFORMATION_SCORES,
    LOGGED,
    PANEL_SCORES,
    add_score,
    chief_keys,
    direction_of,
    heading,
    name_of,
    record_of,
    sort_keys,
    table_keys,
)
from vaescope.scores.loss_terms import LOSS_TERMS
from vaescope.scores.over_pruning import (
    OVER_PRUNED,
    OVER_PRUNING,
    flag_of,
    is_over_pruned,
    over_pruned_share,
    over_pruning_note,
)
from vaescope.scores.record import Family, Score, panel_score
from vaescope.scores.statistics import STATISTICS
