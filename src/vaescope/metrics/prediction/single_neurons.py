"""SNC and NK: is a factor in the one latent that is matched with it, and in no other?"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from vaescope.errors import NoScoreError
from vaescope.metrics.canonical import canonical_latents
from vaescope.metrics.estimators.probe_data import (
    Rows,
    class_numbers,
    probe_targets,
    require_classes,
    train_and_test,
    varying,
)
from vaescope.metrics.information.information_matrix import mutual_information
from vaescope.metrics.prediction.probes import boosted_probe


@dataclass(frozen=True)
class MatchedLatents:
    """A score of the latents that are matched with factors, one to one."""

    score: float  # mean of `per_factor` over the factors that vary; high is good
    per_factor: Tensor  # of each factor [K]; 0 for one that does not vary
    latents: Tensor  # latent of each factor [K]; -1 where there is none


def single_neuron_classification(
    codes_train: Tensor,
    factors_train: Tensor,
    codes_test: Tensor,
    factors_test: Tensor,
    *,
    kinds: Sequence[str] | None = None,
) -> MatchedLatents:
    """SNC: accuracy of single latents as classifiers of their factors, chance to 1 (good).

    A latent's values are cut into as many bins of equally many rows as the factor has classes.
    Latents and factors are matched one to one by the information between bins and classes; then
    the bins of the matched latent and the classes, by the rows that they share.

    Args:
        codes_train, codes_test, kinds: as in `vaescope.metrics`.
        factors_train: classes of the factors [N, K].
        factors_test: classes of the factors [M, K].

    Returns:
        Shares of right answers among the test rows. A factor without a latent is answered by its
        most frequent class.

    Raises:
        NoScoreError: if no factor varies among the training rows.

    Source: Mahon et al. 2023, https://arxiv.org/abs/2304.02335, section 4, in the form of its
    public code. Differs: a cut that falls among equal values moves to their nearer end, so that
    discrete codes are not cut within a value. Bins hold equally many rows, so that classes of
    different sizes lower the score of a perfect code: read it beside its ceiling.

    Example:
        >>> factors = torch.cartesian_prod(torch.arange(4), torch.arange(3)).repeat(5, 1)
        >>> single_neuron_classification(factors.double(), factors, factors.double(), factors).score
        1.0
    """
    fitted, scored, labels, truth = _rows(
        codes_train, factors_train, codes_test, factors_test, kinds
    )
    varies, latents = varying(fitted[1]), _matched(fitted[0], labels)
    found = torch.zeros(len(latents), dtype=torch.float64, device=fitted[0].device)
    for factor in varies.nonzero().flatten().tolist():
        own, right = labels[:, factor], truth[:, factor]
        classes, latent = int(own.max()) + 1, int(latents[factor])
        if latent < 0:
            answers = own.bincount().argmax().expand_as(right)
        else:
            cuts = _cuts(fitted[0][:, latent], classes)
            bins, test_bins = (_bins(part[0][:, latent], cuts) for part in (fitted, scored))
            counts = (bins * classes + own).bincount(minlength=classes**2).view(classes, classes)
            named = linear_sum_assignment(counts.cpu().numpy(), maximize=True)[1]
            answers = torch.from_numpy(named).to(right)[test_bins]
        found[factor] = (answers == right).double().mean()
    return MatchedLatents(float(found[varies].mean()), found, latents)


def neuron_knockout(
    codes_train: Tensor,
    factors_train: Tensor,
    codes_test: Tensor,
    factors_test: Tensor,
    *,
    kinds: Sequence[str] | None = None,
    seed: int = 0,
) -> MatchedLatents:
    """NK: accuracy that a factor loses without its latent, about 0 (others have it) to 1 (good).

    Args:
        codes_train, codes_test, kinds, seed: as in `vaescope.metrics`.
        factors_train: classes of the factors [N, K].
        factors_test: classes of the factors [M, K].

    Returns:
        Accuracies on the test rows from all latents, less those of a classifier that is fitted
        without the factor's latent, which is matched as for SNC. A factor without a latent loses
        nothing. Chance is 0; the ceiling is one minus the share of the most frequent class.

    Raises:
        NoScoreError: if no factor varies among the training rows.

    Source: Mahon et al. 2023, https://arxiv.org/abs/2304.02335, section 4, in the form of its
    public code. Differs: the classifier is the boosted trees of the panel's DCI instead of a
    network with 256 hidden units, whose answers depend on its first weights and the codes' scale.

    Example:
        >>> factors = torch.cartesian_prod(torch.arange(2), torch.arange(2)).repeat(20, 1)
        >>> neuron_knockout(factors.double(), factors, factors.double(), factors).score
        0.5
    """
    fitted, scored, labels, truth = _rows(
        codes_train, factors_train, codes_test, factors_test, kinds
    )
    varies, latents = varying(fitted[1]), _matched(fitted[0], labels)
    found = torch.zeros(len(latents), dtype=torch.float64, device=fitted[0].device)
    columns = varies.nonzero().flatten()
    whole = _accuracies(fitted[0], scored[0], labels, truth, columns, seed)
    for factor, accuracy in zip(columns.tolist(), whole.tolist(), strict=True):
        if (latent := int(latents[factor])) >= 0:
            kept = [d for d in range(fitted[0].shape[1]) if d != latent]
            own = columns[columns == factor]
            rest = fitted[0][:, kept], scored[0][:, kept]
            found[factor] = accuracy - _accuracies(*rest, labels, truth, own, seed)[0]
    return MatchedLatents(float(found[varies].mean()), found, latents)


def _rows(
    codes_train: Tensor,
    factors_train: Tensor,
    codes_test: Tensor,
    factors_test: Tensor,
    kinds: Sequence[str] | None,
) -> tuple[Rows, Rows, Tensor, Tensor]:
    """Rows to fit and to score; the class numbers of both, -1 for a class that was not fitted."""
    fitted, scored = train_and_test(codes_train, factors_train, test=(codes_test, factors_test))
    require_classes(torch.cat([fitted[1], scored[1]]), kinds, "bin continuous factors first")
    if not bool(varying(fitted[1]).any()):
        raise NoScoreError("no factor has two values among the training rows: encode more rows")
    signs = canonical_latents(fitted[0])[1]
    labels, truth = torch.zeros_like(fitted[1].long()), torch.zeros_like(scored[1].long())
    for factor, (own, other) in enumerate(zip(fitted[1].T, scored[1].T, strict=True)):
        classes = own.unique()
        labels[:, factor], truth[:, factor] = (class_numbers(v, classes) for v in (own, other))
    return (fitted[0] * signs, fitted[1]), (scored[0] * signs, scored[1]), labels, truth


def _matched(codes: Tensor, labels: Tensor) -> Tensor:
    """Latent of each factor [K], one to one, by the most information in all; -1 without one."""
    order = canonical_latents(codes)[0]  # of equally good latents the same one, wherever it stands
    columns = []
    for own in labels.T:
        classes = int(own.max()) + 1
        bins = [_bins(values, _cuts(values, classes)) for values in codes[:, order].T]
        columns.append(mutual_information(torch.stack(bins, 1), own[:, None])[:, 0])
    rows, factors = linear_sum_assignment(torch.stack(columns, 1).cpu().numpy(), maximize=True)
    latents = torch.full((labels.shape[1],), -1, device=codes.device)
    latents[torch.from_numpy(factors).to(latents)] = order[torch.from_numpy(rows).to(order)]
    return latents


def _cuts(values: Tensor, bins: int) -> Tensor:
    """First value of each bin but the lowest [bins - 1]; each holds about equally many of [N]."""
    ordered = values.contiguous().sort().values
    ends = (ordered[1:] != ordered[:-1]).nonzero().flatten() + 1  # where another value begins
    wanted = torch.arange(1, bins, device=values.device) * len(ordered) // bins
    if not len(ends):
        return torch.full_like(ordered[wanted], torch.inf)  # a constant latent lies in one bin
    after = torch.searchsorted(ends, wanted).clamp(max=len(ends) - 1)
    before = (after - 1).clamp(min=0)
    nearer = (wanted - ends[before]).abs() <= (ends[after] - wanted).abs()
    return ordered[torch.where(nearer, ends[before], ends[after])]


def _bins(values: Tensor, cuts: Tensor) -> Tensor:
    """Bin of each value [N], 0 and up: how many cuts are not above it."""
    return torch.searchsorted(cuts, values.contiguous(), right=True)


def _accuracies(
    train: Tensor, test: Tensor, labels: Tensor, truth: Tensor, columns: Tensor, seed: int
) -> Tensor:
    """Share of right answers of boosted trees for some factors among the test rows [K']."""
    if not train.shape[1]:
        train, test = train.new_zeros(len(train), 1), test.new_zeros(len(test), 1)
    classes = ("categorical",) * labels.shape[1]
    targets = probe_targets(labels, truth, classes, columns=columns)
    answers = boosted_probe(train, test, targets, seed)
    return 1 - targets.losses(answers.test, targets.test)[0].mean(0)
