"""Scores from the mutual information between latents and factors."""
