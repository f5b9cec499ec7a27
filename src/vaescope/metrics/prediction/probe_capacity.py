"""DCI-ES: explicitness (how strong must a probe be?) and size of a code."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vaescope.metrics.canonical import follow_latents
from vaescope.metrics.estimators.lasso import standardised
from vaescope.metrics.estimators.probe_data import Targets, probe_targets, train_and_test, varying
from vaescope.metrics.kinds import resolved_kinds
from vaescope.streams import stream


@dataclass(frozen=True)
class CapacityScores:
    """Explicitness and size of a code, and the loss-capacity curves they come from."""

    explicitness: float  # mean of `per_factor` over the factors that vary, -1 to 1; high is good
    size: float  # factors over latents K / D, above 0; high is good
    # of each factor [K]: 1 if the weakest probe does as well as the strongest, 0 if the loss falls
    # evenly to nothing, -1 if only the strongest can read it; 0 for a factor with one training
    # value
    per_factor: Tensor
    # best loss of test rows up to each capacity [Q, K]: 1 - R² for values, share of wrong answers
    # for classes
    losses: Tensor
    baselines: Tensor  # loss of a probe that knows nothing [K]
    capacities: tuple[int, ...]  # numbers of random features [Q]; 0 is a linear probe


def dci_es(
    codes_train: Tensor,
    factors_train: Tensor,
    codes_test: Tensor,
    factors_test: Tensor,
    *,
    kinds: Sequence[str] | None = None,
    capacities: Sequence[int] = (0, 8, 16, 32, 64, 128, 256, 512, 1024),
    ridge: float = 1e-4,
    seed: int = 0,
) -> CapacityScores:
    """Explicitness, -1 to 1 (a linear probe suffices; good), and size of a code.

    Args:
        codes_train, factors_train, codes_test, factors_test: as in `vaescope.metrics`.
        kinds: as in `vaescope.metrics`. Categorical factors are classified, circular ones predicted
            as cosine and sine, others as values.
        capacities: numbers of random features beside the codes, ascending from 0, at least two.
        ridge: of the least squares, for features of variance 1.
        seed: of the random features. They follow the latents: order, signs and scales change
            nothing. Over ten seeds explicitness had a standard deviation of 0.010 (sines of mixed
            factors, N = 1,000, D = 5).

    Returns:
        The scores and the curves. Without a factor that varies explicitness is 0. A code that knows
        nothing of a factor has explicitness 1 there, since no probe does better than the weakest:
        read it beside informativeness.

    Source: Eastwood et al. 2023, "DCI-ES", https://arxiv.org/abs/2210.00364, section 4, with random
    Fourier features (Rahimi & Recht 2007) as probes and the normalisation of the public code.
    Differs: the weakest probe is linear and the others see the codes, too; equal steps of the
    capacity axis stand for doubled features; one length scale, not one chosen by validation.

    Example:
        >>> factors = torch.rand(200, 2, generator=torch.Generator().manual_seed(0))
        >>> found = dci_es(factors, factors, factors, factors, capacities=(0, 8))
        >>> round(found.explicitness, 2), found.size
        (1.0, 1.0)
    """
    if len(capacities) < 2 or list(capacities) != sorted(set(capacities)) or capacities[0] != 0:
        raise ValueError(f"capacities = {list(capacities)}, but 0 and larger ones are needed")
    if not ridge > 0:
        raise ValueError(f"ridge = {ridge}, but more than 0 is needed")
    fitted, scored = train_and_test(codes_train, factors_train, test=(codes_test, factors_test))
    num_latents, num_factors = fitted[0].shape[1], fitted[1].shape[1]
    columns = varying(fitted[1]).nonzero().flatten()
    losses = fitted[0].new_zeros(len(capacities), num_factors)
    baselines, per_factor = fitted[0].new_zeros(2, num_factors)
    if len(columns):
        every = resolved_kinds(torch.cat([factors_train, factors_test]), kinds)
        targets = probe_targets(fitted[1], scored[1], every, numeric=True, columns=columns)
        widths = [group.stop - group.start for group in targets.groups]
        pairs = zip(widths, targets.classes, strict=True)
        base = losses.new_tensor([(w - 1) / w if is_classes else 1.0 for w, is_classes in pairs])
        own, other, latents = _features(fitted[0], scored[0], capacities[-1], seed)
        curve = _losses(own, other, targets, [latents + size for size in capacities], ridge)
        best = curve.minimum(base).cummin(0).values
        losses[:, columns], baselines[columns] = best, base
        per_factor[columns] = explicitness_of_losses(best, base)
    found = float(per_factor[columns].mean()) if len(columns) else 0.0
    size = num_factors / num_latents
    return CapacityScores(found, size, per_factor, losses, baselines, tuple(capacities))


def explicitness_of_losses(losses: Tensor, baselines: Tensor) -> Tensor:
    """Explicitness E = 1 - 2 ∫ (ℓ(κ) - min ℓ) dκ / ((κ_Q - κ_1) ℓ_base), -1 to 1 (good).

    Args:
        losses: best loss up to each of Q evenly spaced capacities [Q, K], not rising.
        baselines: loss of a probe that knows nothing [K], above 0.

    Source: Eastwood et al. 2023, https://arxiv.org/abs/2210.00364, section 4.2, as in its code.
    Differs: none.

    Example:
        >>> explicitness_of_losses(torch.tensor([[1.0], [0.5], [0.0]]), torch.ones(1)).tolist()
        [0.0]
    """
    above = losses - losses[-1]
    area = torch.trapezoid(above, dim=0) / (len(losses) - 1)
    return 1 - 2 * area / baselines


def _losses(
    own: Tensor, other: Tensor, targets: Targets, sizes: Sequence[int], ridge: float
) -> Tensor:
    """Loss of the test rows with each number of features [Q, K].

    The first columns of a Cholesky factor are those of fewer features, so that one decomposition
    holds the least squares of all capacities.
    """
    mean = targets.train.mean(0)
    gram = own.T @ own / len(own)
    gram.diagonal().add_(ridge)
    factor = torch.linalg.cholesky(gram)
    products = own.T @ (targets.train - mean) / len(own)
    weights = torch.linalg.solve_triangular(factor, products, upper=False)
    rotated = torch.linalg.solve_triangular(factor, other.T, upper=False).T
    found = []
    for size in sizes:
        answers = rotated[:, :size] @ weights[:size] + mean
        wrong, reference = targets.losses(answers, targets.test)
        found.append(wrong.sum(0) / reference.sum(0).clamp(min=1e-12))
    return torch.stack(found)


def _features(train: Tensor, test: Tensor, number: int, seed: int) -> tuple[Tensor, Tensor, int]:
    """Features of mean 0 among the training rows, [N, L + F] and [M, L + F], of L live latents."""
    live = (train != train[:1]).any(0)
    latents = int(live.sum())
    own, other = (part[:, live] for part in standardised(train, test))
    rng = stream(seed, "random features", latents)
    # Student's t with 3 degrees of freedom is the spectrum of a Matérn kernel
    scale = (rng.chisquare(3, (1, number)) / 3) ** -0.5 / math.sqrt(max(latents, 1))
    drawn = torch.from_numpy(rng.standard_normal((latents, number)) * scale).to(own)
    frequencies = follow_latents(drawn.T, own).T
    phases = torch.from_numpy(rng.uniform(0, 2 * math.pi, number)).to(own)
    waves = [math.sqrt(2) * (part @ frequencies + phases).cos() for part in (own, other)]
    features = [torch.cat(pair, 1) for pair in zip((own, other), waves, strict=True)]
    mean = features[0].mean(0)
    return features[0] - mean, features[1] - mean, latents
