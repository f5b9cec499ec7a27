"""A score of ours."""

import torch

from vaescope.panel import Sample
from vaescope.scores import Family, Score, panel_score


def mean_best_correlation(sample: Sample) -> float:
    """Mean over factors of the largest absolute correlation with a latent."""
    codes, factors = sample.ordered.codes, sample.ordered.factors
    both = torch.corrcoef(torch.cat([codes, factors], 1).double().T).nan_to_num()
    return float(both[: codes.shape[1], codes.shape[1] :].abs().amax(0).mean())


def best_correlation() -> Score:
    """The record: what the score is, for tables, reports and sweepers."""
    return panel_score(
        Family("best_correlation", "Pearson's", mean_best_correlation),
        "best_correlation",
        "is each factor linear in some latent?",
        "one latent may serve several factors",
    )
