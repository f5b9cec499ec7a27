"""Scores from groups of observations that share or change one factor."""
