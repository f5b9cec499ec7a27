"""Scores that need no factor values."""
