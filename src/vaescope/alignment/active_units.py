"""Which latents carry information: the active sets of the two papers."""

from torch import Tensor

from vaescope.tensor_checks import check_matrix


def active_by_mean(mean: Tensor, threshold: float = 0.5) -> Tensor:
    """Latents whose posterior mean varies over the data: True for active.

    Args:
        mean: posterior means [N, D].
        threshold: least standard deviation over the data, in units of the prior's.

    Returns:
        Booleans [D].

    Source: Rolinek et al. 2019, https://arxiv.org/abs/1812.06775, the set V_a behind the simplified
    KL. Differs: none.
    """
    check_matrix("mean", mean)
    return mean.double().std(0, correction=0) > threshold


def active_by_variance(variance: Tensor, threshold: float = 0.8) -> Tensor:
    """Latents whose posterior is narrower than the prior: True for active.

    Args:
        variance: posterior variances [N, D].
        threshold: the mean variance over the data lies below it, in units of the prior's.

    Returns:
        Booleans [D].

    Source: Zietlow et al. 2021, https://arxiv.org/abs/2102.06822, the rule for over-pruned runs.
    Differs: none.
    """
    check_matrix("variance", variance)
    return variance.double().mean(0) < threshold
