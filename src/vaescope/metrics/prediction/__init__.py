"""Scores of predictors from codes to factors."""
