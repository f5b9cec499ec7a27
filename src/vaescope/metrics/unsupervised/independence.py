"""Independence of latents without factors: factorised support, Wasserstein correlation."""

import torch
from torch import Tensor

from vaescope.tensor_checks import check_matrix


def support_distances(
    codes: Tensor, *, batch: int = 64, batches: int = 10, standardise: bool = False, seed: int = 0
) -> Tensor:
    """Distance of each pair of latents from a factorised support, 0 (every combination; good) up.

    Args:
        codes, seed: as in `vaescope.metrics`.
        batch: rows compared at a time, at least 2; more fill the plane more densely, so values are
            comparable for the same number only. At most N is used.
        batches: random batches, without replacement within one, that are averaged.
        standardise: divide each latent by its standard deviation first; constant latents stay.
            Otherwise the distance falls with the scale of the codes.

    Returns:
        Hausdorff distance of the product of two latents' values from the joint values [D, D],
        symmetric with a zero diagonal, mean over batches, in the units of the codes. The other
        direction is 0, as the product holds all joint values.

    Source: Roth et al. 2023, https://arxiv.org/abs/2210.07347, the pairwise Hausdorff criterion.
    Differs: distances, not their squares. Chance: independent latents do not reach 0, since a batch
    has no row near most combinations; compare with shuffled latents.

    Example:
        >>> codes = torch.cartesian_prod(torch.arange(2.0), torch.arange(2.0))
        >>> support_distances(codes, batch=4).tolist()
        [[0.0, 0.0], [0.0, 0.0]]
    """
    check_matrix("codes", codes, 2)
    if batch < 2 or batches < 1:
        raise ValueError(f"batch = {batch} must be at least 2 and batches = {batches} at least 1")
    values = codes.detach().double()
    if standardise:
        std = values.std(0)
        values = values / std.where(std > 0, 1.0)
    generator = torch.Generator().manual_seed(seed)
    total = values.new_zeros(codes.shape[1], codes.shape[1])
    for _ in range(batches):
        rows = torch.randperm(len(values), generator=generator)[:batch].to(values.device)
        total += _hausdorff(values[rows])
    return total / batches


def factorised_support(
    codes: Tensor, *, batch: int = 64, batches: int = 10, standardise: bool = False, seed: int = 0
) -> float:
    """Distance from a factorised support (FoS), 0 (every combination of latents occurs; good) up.

    Args:
        codes, seed: as in `vaescope.metrics`.
        batch, batches, standardise: as in `support_distances`.

    Returns:
        Mean of `support_distances` over pairs of different latents; 0 for a single latent.

    Source: Roth et al. 2023, https://arxiv.org/abs/2210.07347. Differs: mean over pairs instead of
    their sum, so that numbers of latents compare; otherwise as `support_distances`.

    Example:
        >>> factorised_support(torch.tensor([[0.0, 0.0], [1.0, 1.0]]))  # (0, 1) is missing
        1.0
    """
    num = codes.shape[1] if codes.ndim == 2 else 0
    distances = support_distances(
        codes, batch=batch, batches=batches, standardise=standardise, seed=seed
    )
    return float(distances.sum()) / max(1, num * (num - 1))


def _hausdorff(codes: Tensor) -> Tensor:
    """Pairwise distances [D, D] of all combinations from the nearest row of codes [B, D]."""
    apart = (codes.T[:, :, None] - codes.T[:, None]).square()
    total = codes.new_zeros(codes.shape[1], codes.shape[1])
    for latent in range(codes.shape[1] - 1):
        others = apart[latent + 1 :]
        nearest = (apart[latent][None, :, None] + others[:, None]).amin(-1)
        total[latent, latent + 1 :] = nearest.flatten(1).amax(1).sqrt()
    return total + total.T


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
