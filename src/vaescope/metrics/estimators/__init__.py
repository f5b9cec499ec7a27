"""The predictors behind scores: boosted trees, logistic, linear and hinge regression."""
