"""DCI: chance level, bootstrap interval and standard errors."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vaescope.metrics.prediction.dci_scores import DCI, chosen_probe, dci, informativeness_of_losses
from vaescope.metrics.prediction.probes import Probe
from vaescope.streams import stream


@dataclass(frozen=True)
class DciParts:
    """One number for each part of DCI."""

    disentanglement: float  # of D
    completeness: float  # of C
    informativeness: float  # of I


def dci_chance(
    codes_train: Tensor,
    factors_train: Tensor,
    codes_test: Tensor,
    factors_test: Tensor,
    *,
    kinds: Sequence[str] | None = None,
    probe: str | Probe = "boosted",
    repeats: int = 3,
    seed: int = 0,
) -> DciParts:
    """DCI that these codes reach by chance, 0 to 1: means over factors shuffled against the codes.

    Args:
        codes_train, codes_test, kinds, seed: as in `vaescope.metrics`.
        factors_train: their factors [N, K]; whole rows are shuffled.
        factors_test: their factors [M, K]; whole rows are shuffled.
        probe: as in `dci`.
        repeats: number of shuffles, at least 1.

    Returns:
        The means, the null of a permutation test. D and C fall as the number of rows grows, but
        dead latents keep C up: a factor spread over d of D latents has 1 - log d / log D.

    Example:
        >>> factors = torch.cartesian_prod(torch.arange(4), torch.arange(3)).repeat(5, 1)
        >>> found = dci_chance(factors.double(), factors, factors.double(), factors, probe="linear")
        >>> 0 <= found.informativeness < 0.2
        True
    """
    if repeats < 1:
        raise ValueError(f"repeats = {repeats}, but at least one shuffle is needed")
    found = []
    for repeat in range(repeats):
        rng = stream(seed, "dci_chance", repeat)
        own, other = (
            part[torch.from_numpy(rng.permutation(len(part))).to(part.device)]
            for part in (factors_train, factors_test)
        )
        one = dci(codes_train, own, codes_test, other, kinds=kinds, probe=probe, seed=seed)
        found.append((one.disentanglement, one.completeness, one.informativeness))
    return DciParts(*(sum(part) / repeats for part in zip(*found, strict=True)))


def informativeness_interval(
    result: DCI, *, level: float = 0.95, repeats: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """Interval of informativeness, 0 to 1, by a bootstrap over the test rows; no probe is fitted.

    Args:
        result: what `dci` returned.
        level: share of resamples inside, above 0 and below 1.
        repeats: number of resamples, at least 1.
        seed: of the resamples, at least 0.

    Returns:
        Lower and upper end. The fitted probe is taken as given.

    Source: Efron & Tibshirani 1993, "An Introduction to the Bootstrap", section 13.3, percentiles.
    Differs: none.
    """
    if not 0 < level < 1 or repeats < 1:
        raise ValueError(
            f"level = {level}, repeats = {repeats}: 0 < level < 1, repeats >= 1 needed"
        )
    number = len(result.losses)
    rng = stream(seed, "informativeness_interval")
    counts = rng.multinomial(number, [1 / number] * number, size=repeats)
    weights = torch.from_numpy(counts).to(result.losses)
    varies = (result.reference_losses > 0).any(0)
    each = informativeness_of_losses(weights @ result.losses, weights @ result.reference_losses)
    each = each[:, varies].mean(1)
    tail = (1 - level) / 2
    low, high = each.quantile(each.new_tensor([tail, 1 - tail])).tolist()
    return low, high


def dci_errors(
    codes_train: Tensor,
    factors_train: Tensor,
    codes_test: Tensor,
    factors_test: Tensor,
    *,
    kinds: Sequence[str] | None = None,
    probe: str | Probe = "boosted",
    repeats: int = 10,
    seed: int = 0,
) -> DciParts:
    """Standard errors of DCI, 0 (certain) up, due to the choice of training rows.

    Probes are fitted to random halves of the training rows; the spread of scores over halves is
    the spread that all rows would have. A bootstrap is not used: rows that occur twice make noise
    look like structure.

    Args:
        codes_train, factors_train, codes_test, factors_test, kinds, seed: as in `vaescope.metrics`.
        probe: as in `dci`, one that is quick to fit.
        repeats: number of halves, at least 2; the relative error of the answer is about
            1 / sqrt(2 repeats - 2).

    Source: Shao & Wu 1989, "A general theory for jackknife variance estimation",
    https://doi.org/10.1214/aos/1176347263, with half of the rows deleted. Differs: random halves,
    not all of them; the test rows stay, so informativeness lacks their share of the error.
    """
    if repeats < 2:
        raise ValueError(f"repeats = {repeats}, but at least two halves are needed")
    if not (chosen := chosen_probe(probe)).cheap:
        raise ValueError(f"probe = {chosen.name!r} is too slow to be fitted repeatedly")
    parts = []
    for repeat in range(repeats):
        order = torch.from_numpy(stream(seed, "dci_errors", repeat).permutation(len(codes_train)))
        half = order[: (len(order) + 1) // 2].to(codes_train.device)
        rows = codes_train[half], factors_train[half.to(factors_train.device)]
        one = dci(*rows, codes_test, factors_test, kinds=kinds, probe=probe, seed=seed)
        parts.append((one.disentanglement, one.completeness, one.informativeness))
    return DciParts(*torch.tensor(parts, dtype=torch.float64).std(0).tolist())
