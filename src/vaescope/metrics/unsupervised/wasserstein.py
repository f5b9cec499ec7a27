"""Gaussian Wasserstein correlation: how far the latents are from independent."""

import torch
from torch import Tensor

from vaescope.tensor_checks import check_matrix


def gaussian_wasserstein_correlation(codes: Tensor, *, normalised: bool = False) -> float:
    """Wasserstein correlation of Gaussian codes, squared units; 0 (uncorrelated, good) upward.

    Args:
        codes: one number per latent [N, D].
        normalised: divide by the sum of the variances, which lies between 0 and 2 - 2 / sqrt(D).

    Returns:
        Squared 2-Wasserstein distance of N(0, S) from N(0, diag S), S the covariance of the codes:
        2 tr S - 2 tr (diag(S)^1/2 S diag(S)^1/2)^1/2. Defined for every S: constant latents add
        nothing, exact copies give a finite number. 0 if all latents are constant.

    Source: Locatello et al. 2019, "Challenging Common Assumptions",
    https://arxiv.org/abs/1811.12359, unsupervised scores. Differs: the public
    disentanglement_lib takes the root of an asymmetric product, which turns complex or wrong for a
    singular S. By chance about tr S (D - 1) / (4 N) for independent latents of equal variance;
    unnormalised it falls with the scale of the codes.

    Example:
        >>> round(gaussian_wasserstein_correlation(torch.tensor([[0.0, 0.0], [1.0, 1.0]])), 3)
        0.586
    """
    check_matrix("codes", codes, 2)
    shifted = codes.detach().double() - codes[:1].detach().double()
    centred = shifted - shifted.mean(0)
    centred = centred * (shifted != 0).any(0)
    covariance = centred.mT @ centred / (len(codes) - 1)
    lengths = covariance.diagonal().sqrt()
    spectrum = torch.linalg.eigvalsh(lengths[:, None] * covariance * lengths).clamp(min=0)
    trace = float(covariance.diagonal().sum())
    distance = max(0.0, 2 * trace - 2 * float(spectrum.sqrt().sum()))
    if not normalised:
        return distance
    return distance / trace if trace else 0.0
