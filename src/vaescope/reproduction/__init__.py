"""Reproduce a paper's tables and figures: plan, run what is missing, compare, judge."""

from vaescope.reproduction.pipeline import reproduce

__all__ = ["reproduce"]
