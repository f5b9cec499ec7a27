"""Distributions over codes (posteriors, priors) and over pixels (likelihoods)."""
