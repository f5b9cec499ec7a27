"""InfoMEC: modularity and compactness of an information matrix, explicitness of linear probes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from vaescope.metrics.estimators.logistic import fit_logistic
from vaescope.metrics.estimators.probe_data import (
    checked_rows,
    factor_kinds,
    target_columns,
    varying,
)
from vaescope.metrics.information.information_matrix import entropy
from vaescope.metrics.information.ksg import nearest_information
from vaescope.metrics.prediction.regression import fit_least_squares, r_squared
from vaescope.tensor_checks import misfit

Null = Literal["entropy", "log_k"]
Rule = Literal["range_20", "range_8", "iqr", "iqr_absolute", "varies"]


@dataclass(frozen=True)
class InfoMEC:
    """InfoM, InfoE and InfoC, and what they are made of. All are 0 to 1; high is good."""

    modularity: float  # InfoM, whether each active latent informs about one factor only
    explicitness: float  # InfoE, whether factors are linear in the latents
    compactness: float  # InfoC, whether each factor is held by one active latent only
    active: Tensor  # which latents count in InfoM and InfoC [D]
    information: Tensor  # normalised information of all latents and factors [D, K]
    factors: Tensor  # explicitness of each factor [K]


def used_latents(codes: Tensor, rule: Rule = "range_20") -> Tensor:
    """Which latents [D] are used, by how far their codes spread beside the widest latent's.

    Args:
        codes: one number per latent [N, D].
        rule: ``"range_20"``: range above a 20th of the largest range; ``"range_8"``: above an 8th;
            ``"iqr"``: interquartile range above a 10th of the largest; ``"iqr_absolute"``:
            interquartile range above 0.1, for codes in -1 to 1; ``"varies"``: not constant, as
            all rules demand.

    Source: Hsu et al. 2023, https://arxiv.org/abs/2305.18378, published code: ``"range_20"`` and
    ``"varies"`` (for discrete codes) of its stand-alone file, ``"range_8"`` of its training log;
    Hsu et al. 2024 (Tripod), https://arxiv.org/abs/2404.10282, code: ``"iqr"`` and
    ``"iqr_absolute"`` (for discrete codes). Differs: none. The rules can disagree about a latent
    with little noise, and InfoM moves a lot with it.
    """
    shares = {"range_20": 1 / 20, "range_8": 1 / 8, "varies": 0.0, "iqr": 1 / 10}
    if rule not in (*shares, "iqr_absolute"):
        raise ValueError(f"rule = {rule!r}, but one of {(*shares, 'iqr_absolute')} is needed")
    codes, _ = checked_rows(codes, codes)
    if rule.startswith("iqr"):
        low, high = _quantile(codes, 0.25), _quantile(codes, 0.75)
    else:
        low, high = codes.amin(0), codes.amax(0)
    spread = high - low
    return spread > (0.1 if rule == "iqr_absolute" else shares[rule] * spread.max())


def info_modularity(information: Tensor) -> float:
    """InfoM: 0 (latents inform about all factors alike) to 1 (each about one factor; good).

    Args:
        information: normalised information of active latents and factors [D, K], at least 0.

    Returns:
        Mean over latents of the largest share of a factor, rescaled so that equal shares give 0. A
        latent without information has equal shares. Without latents 0; with one factor 1 if some
        latent informs about it, otherwise 0.

    Source: Hsu et al. 2023, https://arxiv.org/abs/2305.18378, section 3. Differs: the cases above,
    which are divisions by zero there. Chance: above 0, since estimates of no information are
    unequal.

    Example:
        >>> round(info_modularity(torch.tensor([[0.8, 0.2], [0.0, 1.0]])), 3)
        0.8
    """
    _check_information(information)
    return _largest_share(information)


def info_compactness(information: Tensor) -> float:
    """InfoC: 0 (factors are spread over all latents alike) to 1 (each in one latent; good).

    As `info_modularity` of the transposed matrix, its special cases too: for every factor the
    largest share of a latent in the normalised information of active latents [D, K].

    Source: Hsu et al. 2023, https://arxiv.org/abs/2305.18378, section 3. Differs: as there.

    Example:
        >>> round(info_compactness(torch.tensor([[1.0, 0.0], [0.0, 1.0]])), 3)
        1.0
    """
    _check_information(information)
    return _largest_share(information.T)


def normalised_information(
    codes: Tensor,
    factors: Tensor,
    *,
    kinds: Sequence[str] | None = None,
    neighbours: int = 10,
    seed: int = 0,
) -> Tensor:
    """Information of each latent about each factor as a share of all there is [D, K], 0 to ~1.

    Args:
        codes, factors, kinds, seed: as in `vaescope.metrics`.
        neighbours: k of the estimate; the published code has 10 in its stand-alone file, 3 in its
            training log.

    Source: Hsu et al. 2023, https://arxiv.org/abs/2305.18378, section 3: information over entropy.
    Differs: continuous factors and angles have no finite entropy; theirs is 1 - exp(-2 I), a
    squared correlation (Linfoot 1957, https://doi.org/10.1016/S0019-9958(57)90116-X).
    """
    codes, factors = checked_rows(codes, factors, least=2)
    probed = factor_kinds(factors, kinds)
    information = nearest_information(codes, factors, kinds=kinds, neighbours=neighbours, seed=seed)
    entropies = entropy(_labels(factors))
    classed = torch.tensor([kind == "class" for kind in probed], device=codes.device)
    share = information / entropies.where(entropies > 0, 1.0)
    share = torch.where(classed, share, 1 - (-2 * information).exp())
    return share.where(entropies > 0, 0.0)


def info_mec(
    codes: Tensor,
    factors: Tensor,
    *,
    kinds: Sequence[str] | None = None,
    information: Tensor | None = None,
    explicitness: Tensor | None = None,
    neighbours: int = 10,
    seed: int = 0,
    prune: Rule = "range_20",
    null: Null = "entropy",
) -> InfoMEC:
    """InfoMEC of codes: modularity, explicitness and compactness, each 0 to 1 (good).

    Args:
        codes, factors, kinds, seed: as in `vaescope.metrics`.
        information: of all latents and factors [D, K], each factor's divided by its entropy. None:
            `normalised_information`. For discrete codes give the plug-in estimate.
        explicitness: of each factor [K] if it is known; None: `info_explicitness`.
        neighbours: as in `normalised_information`.
        prune: rule of `used_latents`.
        null: as in `info_explicitness`.

    Returns:
        The scores. Factors with one value are left out; without any other, and without active
        latents, all scores are 0.

    Source: Hsu et al. 2023, https://arxiv.org/abs/2305.18378, section 3. Differs: explicitness uses
    all latents, as in the published code, but is 0 without active ones, as in Tripod's.

    Example:
        >>> factors = torch.cartesian_prod(torch.arange(6), torch.arange(6))
        >>> round(info_mec(factors.double(), factors).explicitness, 3)
        1.0
    """
    codes, factors = checked_rows(codes, factors)
    if information is None:
        information = normalised_information(
            codes, factors, kinds=kinds, neighbours=neighbours, seed=seed
        )
    if information.shape != (codes.shape[1], factors.shape[1]):
        raise misfit(f"[{codes.shape[1]}, {factors.shape[1]}]", information=information)
    _check_information(information)
    active, varies = used_latents(codes, prune), varying(factors)
    per_factor = explicitness
    if per_factor is None:
        per_factor = info_explicitness(codes, factors, kinds=kinds, null=null)
    if not bool(active.any() and varies.any()):
        return InfoMEC(0.0, 0.0, 0.0, active, information, torch.zeros_like(per_factor))
    kept = information[active][:, varies]
    scores = info_modularity(kept), float(per_factor[varies].mean()), info_compactness(kept)
    return InfoMEC(*scores, active, information, per_factor)


def info_explicitness(
    codes: Tensor,
    factors: Tensor,
    *,
    kinds: Sequence[str] | None = None,
    null: Null = "entropy",
    tolerance: float = 1e-7,
) -> Tensor:
    """InfoE of every factor: 0 (a linear model knows nothing) to 1 (all; good).

    Factors with classes: share of the entropy that an unpenalised multinomial logistic regression
    removes, fitted and scored on the same rows. Continuous factors and angles: R^2 of a linear
    regression.

    Args:
        factors, kinds: as in `vaescope.metrics`.
        codes: one number per latent [N, D]; one-hot columns for discrete latents.
        null: loss without codes that the loss is compared with: ``"entropy"`` of the factor; or
            ``"log_k"``, the published code, which balances the classes in both fits but not in the
            losses, so that it is the logarithm of the number of classes. Equal for balanced ones.
        tolerance: of the logistic loss, nats.

    Returns:
        One number per factor [K], float64; 0 for a factor with one value. Below 0 is possible with
        ``"log_k"`` only.

    Source: Hsu et al. 2023, https://arxiv.org/abs/2305.18378, section 3; Xu et al. 2020,
    https://arxiv.org/abs/2002.10689. Differs: the default ``null``; the published code stops after
    100 iterations, far from the end if classes can be separated. Chance: about D (C - 1) / (2 N H)
    for C classes of entropy H, since the same rows are scored.

    Example:
        >>> classes = torch.arange(3).repeat(10)[:, None]
        >>> info_explicitness(classes.double(), classes).round(decimals=3).tolist()
        [1.0]
    """
    if null not in ("entropy", "log_k"):
        raise ValueError(f"null = {null!r}, but 'entropy' or 'log_k' is needed")
    codes, factors = checked_rows(codes, factors)
    probed = factor_kinds(factors, kinds)
    found = codes.new_zeros(factors.shape[1])
    classed = torch.tensor([kind == "class" for kind in probed], device=codes.device)
    if bool(classed.any()):
        of_classes, balanced = factors[:, classed], null == "log_k"
        every = ("categorical",) * of_classes.shape[1]
        probes = fit_logistic(
            codes, of_classes, kinds=every, balanced=balanced, tolerance=tolerance
        )
        without = entropy(_labels(of_classes))
        if null == "log_k":
            sizes = [len(classes) for classes in probes.classes]
            without = torch.tensor(sizes, device=codes.device).double().log()
        share = 1 - probes.losses(codes, of_classes) / without.where(without > 0, 1.0)
        found[classed] = share.where(without > 0, 0.0)
    for place, kind in enumerate(probed):
        if kind != "class":
            targets, _ = target_columns(factors[:, place], kind)
            found[place] = r_squared(fit_least_squares(codes, targets).predict(codes), targets)
    return found


def _labels(factors: Tensor) -> Tensor:
    return torch.stack([torch.unique(column, return_inverse=True)[1] for column in factors.T], 1)


def _largest_share(information: Tensor) -> float:
    """Mean over rows of the largest share of a column, rescaled to 0 to 1."""
    rows, columns = information.shape
    if 0 in (rows, columns) or not bool((information > 0).any()):
        return 0.0
    if columns == 1:
        return 1.0
    total = information.double().sum(1)
    share = information.double().amax(1) / total.where(total > 0, 1.0)
    share = share.where(total > 0, 1 / columns)
    return float((share.mean() - 1 / columns) / (1 - 1 / columns))


def _quantile(codes: Tensor, level: float) -> Tensor:
    """Linearly interpolated quantile of each column [N, D]; `torch.quantile` refuses large N."""
    ordered = codes.sort(dim=0).values
    place = level * (len(codes) - 1)
    below = ordered[int(place)]
    above = ordered[min(int(place) + 1, len(codes) - 1)]
    return below + (place - int(place)) * (above - below)


def _check_information(information: Tensor) -> None:
    if information.ndim != 2 or information.shape[1] == 0:
        raise misfit("[D, K]", information=information)
    if not bool((information.isfinite() & (information >= 0)).all()):
        raise ValueError("information holds negative, NaN or infinite values: give 0 to 1")
