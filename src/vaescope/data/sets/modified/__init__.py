"""Data sets that are another set, their original, plus a small additive image."""
