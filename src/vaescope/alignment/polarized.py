"""The polarized regime: latents are either precise or switched off."""

from collections.abc import Sequence

import torch
from torch import Tensor

from vaescope.tensor_checks import misfit


def kl_diagonal(mean: Tensor, variance: Tensor) -> Tensor:
    """KL divergence of each latent's posterior from N(0, 1) [N, D], nats; 0 (switched off) upward.

    Source: Kingma & Welling 2014, https://arxiv.org/abs/1312.6114, appendix B. Differs: none.

    Example:
        >>> kl_diagonal(torch.tensor([[2.0, 0.0]]), torch.ones(1, 2)).tolist()
        [[2.0, 0.0]]
    """
    mean, variance = _moments(mean, variance)
    return 0.5 * (mean.square() + variance - variance.log() - 1)


def simplified_kl(mean: Tensor, variance: Tensor, active: Tensor) -> Tensor:
    """KL divergence as the polarized regime has it, in nats; only near `kl_diagonal` inside it.

    Args:
        mean, variance: as in `vaescope.alignment`.
        active: which latents count [D], bool.

    Returns:
        Sums over the active latents [N], float64; 0 without active latents.

    Source: Rolinek et al. 2019, https://arxiv.org/abs/1812.06775, the simplified KL of the
    polarized regime. Differs: none.

    Example:
        >>> simplified_kl(torch.tensor([[2.0]]), torch.ones(1, 1), torch.tensor([True])).tolist()
        [1.5]
    """
    mean, variance = _moments(mean, variance)
    if active.dtype != torch.bool or active.shape != mean.shape[1:]:
        raise ValueError(
            f"active is {active.dtype} {tuple(active.shape)}, but bool ({mean.shape[1]},) is needed"
        )
    return 0.5 * (mean.square() - variance.log() - 1)[:, active].sum(1)


def polarization_gap(mean: Tensor, variance: Tensor, active: Tensor) -> float:
    """Relative error of the simplified KL, 0 (polarized) upward; 1 if no latent is active.

    Args:
        mean, variance: as in `vaescope.alignment`.
        active: which latents count [D], bool.

    Returns:
        |KL - simplified KL| / KL, both averaged over the data first. If KL is 0 (everything
        collapsed) the gap is 1, its value for every positive KL without active latents.

    Source: Rolinek et al. 2019, https://arxiv.org/abs/1812.06775, Delta_KL. Differs: adds the
    case KL = 0.

    Example:
        >>> mean, active = torch.tensor([[2.0, 0.0]]), torch.tensor([True, False])
        >>> polarization_gap(mean, torch.ones(1, 2), active)
        0.25
    """
    full = float(kl_diagonal(mean, variance).sum(1).mean())
    simple = float(simplified_kl(mean, variance, active).mean())
    return abs(full - simple) / full if full > 0 else 1.0


def polarized_share(
    steps: Sequence[float] | Tensor,
    gaps: Sequence[float] | Tensor,
    total_steps: float,
    threshold: float = 0.03,
) -> float:
    """Share of training spent in the polarized regime without leaving it, 0 to 1.

    Args:
        steps: when the gap was measured [T], rising, at least 0.
        gaps: `polarization_gap` at those steps [T].
        total_steps: length of training, at least the last of ``steps``.
        threshold: the gap must lie below it.

    Returns:
        (total_steps - s) / total_steps, s the first step from which every measurement up to the
        last one lies below the threshold. A measurement holds until the next one; the time before
        the first counts as not polarized. 0 if the last lies above, is NaN, or there is none.

    Source: Rolinek et al. 2019, https://arxiv.org/abs/1812.06775, the table on Delta_KL < 3 %.
    Differs: the paper prints the percentage, and does not spell out the time between measurements.

    Example:
        >>> polarized_share([0, 250, 500], [0.5, 0.02, 0.01], total_steps=1000)
        0.75
    """
    times = torch.as_tensor(steps, dtype=torch.float64)
    below = torch.as_tensor(gaps, dtype=torch.float64) < threshold
    if times.ndim != 1 or times.shape != below.shape:
        raise ValueError(f"steps {tuple(times.shape)} and gaps {tuple(below.shape)} must match")
    if bool((times.diff() <= 0).any()) or bool((times < 0).any()):
        raise ValueError("steps must rise and be at least 0: sort the measurements")
    if total_steps <= 0 or bool((times > total_steps).any()):
        raise ValueError(f"total_steps = {total_steps}, but training must reach the last step")
    unbroken = below.flip(0).long().cumprod(0).flip(0).bool()
    if not bool(unbroken.any()):
        return 0.0
    return 1.0 - float(times[unbroken][0]) / total_steps


def _moments(mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    if mean.ndim != 2 or mean.shape != variance.shape or len(mean) == 0:
        raise misfit("the same non-empty [N, D]", mean=mean, variance=variance)
    if not bool((variance > 0).all()):
        raise ValueError(
            "variance must be positive everywhere: pass variances, not their logarithm"
        )
    return mean.double(), variance.double()
