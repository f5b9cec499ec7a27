"""Scores of codes against factors: tensors in, numbers out."""

from vaescope.metrics.codes import HeldOutCodes, OnCodes
from vaescope.metrics.mig import (
    InformationGaps,
    information_gaps,
    mig_ceiling,
    mig_chance,
    mutual_information_gap,
)
from vaescope.metrics.mutual_information import discretise, entropy, mutual_information
from vaescope.metrics.neighbours import NeighbourScore, neighbour_chance, neighbour_score
from vaescope.metrics.udr import udr

__all__ = [
    "HeldOutCodes",
    "InformationGaps",
    "NeighbourScore",
    "OnCodes",
    "discretise",
    "entropy",
    "information_gaps",
    "mig_ceiling",
    "mig_chance",
    "mutual_information",
    "mutual_information_gap",
    "neighbour_chance",
    "neighbour_score",
    "udr",
]
