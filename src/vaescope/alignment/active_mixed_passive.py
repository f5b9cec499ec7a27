"""Active, mixed and passive latents, and how mean and sampled codes differ because of them."""

from enum import IntEnum

import torch
from torch import Tensor

from vaescope.alignment.similarity import centred
from vaescope.tensor_checks import check_finite, check_matrix, misfit


class LatentType(IntEnum):
    """What a latent does over the whole data set."""

    PASSIVE = 0  # follows the prior at every image
    MIXED = 1  # passive at some images, active at others
    ACTIVE = 2  # carries information at every image


def latent_types(
    mean: Tensor,
    variance: Tensor,
    *,
    variance_threshold: float = 0.8,
    mean_threshold: float = 0.2,
    share: float = 0.95,
) -> Tensor:
    """Type of each latent as a value of `LatentType`: 0 passive, 1 mixed, 2 active.

    A latent is off at an image where its variance is above ``variance_threshold``. It is active if
    on for at least ``share`` of the images, passive if off for as many and its mean hardly varies,
    else mixed.

    Args:
        mean, variance: as in `vaescope.alignment`.
        variance_threshold: above it a posterior is the prior's, in units of the prior's variance.
        mean_threshold: largest variance of a passive latent's mean over the data. With a posterior
            that fits the prior on average, both variances add up to 1.
        share: of the images that must agree, above 0.5 up to 1.

    Returns:
        Types [D], int64. Off everywhere with a mean that varies, as no optimal encoder is: mixed.

    Source: Bonheme & Grzes 2021, https://arxiv.org/abs/2109.12679, the three types. Differs: theirs
    is a rule of thumb (passive: variance near 1 everywhere and a mean that hardly varies; mixed: a
    variance that itself varies); the shares and thresholds are ours.

    Example:
        >>> mean, variance = torch.tensor([[-1.0, 0.0], [1.0, 0.0]]), torch.tensor([[0.1, 1.0]] * 2)
        >>> latent_types(mean, variance).tolist()  # active, passive
        [2, 0]
    """
    mean, variance = _moments(mean, variance)
    if not 0.5 < share <= 1:
        raise ValueError(f"share = {share}, but above 0.5 up to 1 is needed")
    wide = variance > variance_threshold
    off, on = wide.double().mean(0), (~wide).double().mean(0)
    still = mean.var(0, correction=0) <= mean_threshold
    types = torch.where((off >= share) & still, int(LatentType.PASSIVE), int(LatentType.MIXED))
    return types.where(on < share, int(LatentType.ACTIVE))


def gaussian_total_correlation(codes: Tensor) -> float:
    """Total correlation of a Gaussian with the codes' covariance, nats; 0 (uncorrelated) upward.

    Args:
        codes: codes [N, D], N above D.

    Returns:
        (sum_j log S_jj - log det S) / 2. Constant latents are left out. Infinite if latents depend
        on each other exactly, as they must if N is at most the number of varying ones. About
        D (D - 1) / (4 N) for independent codes.

    Source: Watanabe 1960, https://doi.org/10.1147/rd.41.0066; for codes Locatello et al. 2019,
    https://arxiv.org/abs/1811.12359. Differs: constant latents give NaN there.

    Example:
        >>> gaussian_total_correlation(torch.cartesian_prod(torch.arange(3.0), torch.arange(3.0)))
        0.0
    """
    check_matrix("codes", codes, 2)
    means = codes.detach().double()
    return _total_correlation(centred(means), torch.zeros_like(means[0]))


def sampled_total_correlation(mean: Tensor, variance: Tensor) -> float:
    """`gaussian_total_correlation` of the sampled codes z = mean + sigma noise, nats; 0 upward.

    Returns:
        The same with S = covariance of the means + diagonal of the mean variances, which is the
        covariance of z over images and noise. Never above that of the means.

    Source: as `gaussian_total_correlation`, on the sampled codes; the comparison of Bonheme & Grzes
    2021, https://arxiv.org/abs/2109.12679. Differs: closed form, no noise is drawn.

    Example:
        >>> mean = torch.tensor([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])
        >>> round(sampled_total_correlation(mean, torch.ones(3, 2)), 3)
        0.087
    """
    mean, variance = _moments(mean, variance)
    check_matrix("mean", mean, 2)
    return _total_correlation(centred(mean), variance.mean(0))


def latent_entropies(codes: Tensor, *, spacing: int | None = None) -> Tensor:
    """Differential entropy of each latent, nats of latent units; any number, high is spread out.

    Args:
        codes: codes [N, D].
        spacing: m, how many ranks apart samples are compared, from 1 to N - 1; the cube root of N,
            rounded, if None. Large m lowers the variance, cuts tails and blurs peaks.

    Returns:
        Entropies [D], float64: mean of log(x_(i+m) - x_(i)) + digamma(N + 1) - digamma(m), without
        bias for a uniform latent. -inf if m + 1 samples are equal: a latent with an atom, such as a
        constant one, has no density. Up to m equal samples, as float32 makes them, are tolerated.

    Source: Van Es 1992, Scandinavian Journal of Statistics 19, 61-72, as given at
    https://docs.scipy.org/doc/scipy/reference/generated/scipy.stats.differential_entropy.html.
    Differs: none.

    Example:
        >>> latent_entropies(torch.linspace(0, 1, 1000)[:, None]).round(decimals=1).tolist()
        [0.1]
    """
    check_matrix("codes", codes, 2)
    codes = codes.detach().double()
    count = len(codes)
    step = round(count ** (1 / 3)) if spacing is None else spacing
    if not 1 <= step < count:
        raise ValueError(f"spacing = {step}, but 1 to {count - 1} is needed for {count} samples")
    ordered = codes.sort(dim=0).values
    gaps = ordered[step:] - ordered[:-step]
    constants = torch.tensor([count + 1.0, step], dtype=torch.float64).digamma()
    return gaps.log().mean(0) + float(constants[0] - constants[1])


def _total_correlation(codes: Tensor, noise: Tensor) -> float:
    """Of centred codes [N, D] with independent noise of variance [D] on top."""
    largest = torch.maximum(codes.abs().amax(0), noise.sqrt())
    alive = largest > 0
    if int(alive.sum()) < 2:
        return 0.0
    scaled = codes[:, alive] / largest[alive]
    extra = (noise[alive].sqrt() / largest[alive]).square()
    covariance = scaled.mT @ scaled / len(scaled) + extra.diag()
    lengths = covariance.diagonal().sqrt()
    spectrum = torch.linalg.eigvalsh(covariance / (lengths[:, None] * lengths))
    # Rounding leaves about this much of the eigenvalue 0 of latents that depend on each other.
    tolerance = 4 * len(lengths) * torch.finfo(torch.float64).eps
    if bool(spectrum[0] <= tolerance):
        return float("inf")
    return max(0.0, -0.5 * float(spectrum.log().sum()))


def _moments(mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    if mean.ndim != 2 or mean.shape != variance.shape or 0 in mean.shape:
        raise misfit("the same non-empty [N, D]", mean=mean, variance=variance)
    check_finite("check the encoder", mean=mean, variance=variance)
    if bool((variance < 0).any()):
        raise ValueError("variance must be at least 0: pass variances, not their logarithm")
    return mean.detach().double(), variance.detach().double()


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
