"""Active units: which latents carry information."""

from torch import Tensor

from vaescope.tensor_checks import check_matrix


def active_by_mean(mean: Tensor, threshold: float = 0.5) -> Tensor:
    """Latents whose posterior mean varies over the data, booleans [D].

    Args:
        mean: posterior means [N, D].
        threshold: least standard deviation over the data, in units of the prior's.

    Source: Rolinek et al. 2019, https://arxiv.org/abs/1812.06775, the set V_a behind the simplified
    KL. Differs: none.

    Example:
        >>> import torch
        >>> active_by_mean(torch.tensor([[-1.0, 0.0], [1.0, 0.1]])).tolist()
        [True, False]
    """
    check_matrix("mean", mean)
    return mean.double().std(0, correction=0) > threshold


def active_by_variance(variance: Tensor, threshold: float = 0.8) -> Tensor:
    """Latents whose posterior is narrower than the prior, booleans [D].

    Args:
        variance: posterior variances [N, D].
        threshold: the mean variance over the data lies below it, in units of the prior's.

    Source: Zietlow et al. 2021, https://arxiv.org/abs/2102.06822, the rule for over-pruned runs.
    Differs: none.

    Example:
        >>> import torch
        >>> active_by_variance(torch.tensor([[0.1, 1.0], [0.2, 0.9]])).tolist()
        [True, False]
    """
    check_matrix("variance", variance)
    return variance.double().mean(0) < threshold
