"""DCI: disentanglement, completeness and informativeness, by a probe's importances."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from vaescope.errors import NoScoreError
from vaescope.metrics.estimators.probe_data import probe_targets, train_and_test, varying
from vaescope.metrics.kinds import resolved_kinds
from vaescope.metrics.prediction.probes import PROBES, Probe
from vaescope.tensor_checks import misfit

Convention = Literal["exact", "dlib"]

_DLIB_OFFSET = 1e-11


@dataclass(frozen=True)
class ImportanceScores:
    """Disentanglement and completeness of an importance matrix."""

    disentanglement: float  # weighted mean of `per_code`, 0 to 1; high is good
    completeness: float  # weighted mean of `per_factor`, 0 to 1; high is good
    per_code: Tensor  # 1 if a latent serves one factor, 0 if it serves all equally or none [D]
    per_factor: Tensor  # 1 if a factor needs one latent, 0 if it needs all equally or none [K]
    code_weights: Tensor  # share of each latent in all importances [D]; 0 for a dead latent
    factor_weights: Tensor  # share of each factor in all importances [K]


@dataclass(frozen=True)
class DCI:
    """Disentanglement, completeness and informativeness, and what they are made of."""

    probe: str  # name of the probe; scores of different probes are different numbers
    convention: Convention  # how entropies are taken, `"exact"` or `"dlib"`
    disentanglement: float  # does a latent serve one factor? 0 to 1; high is good
    completeness: float  # does a factor need one latent? 0 to 1; high is good
    # mean of `informativeness_per_factor` over factors that vary, 0 to 1; high is good
    informativeness: float
    informativeness_train: float  # the same of the training rows
    # accuracy for classes, R² (0 if below) for values, of the test rows [K]; 0 for a factor with
    # one training value
    informativeness_per_factor: Tensor
    scores: ImportanceScores  # D and C with their values per latent and per factor [D], [K]
    importances: Tensor  # share of each latent in the prediction of each factor [D, K]
    losses: Tensor  # loss of each test row and factor [M, K]: wrong or not, or squared errors
    # loss that counts as informativeness 0 [M, K]: 1, or the squared distance from the training
    # mean; 0 for a factor with one training value
    reference_losses: Tensor


def importance_scores(importances: Tensor, *, convention: Convention = "exact") -> ImportanceScores:
    """Disentanglement and completeness, 0 to 1 (good), of any importance matrix.

    Args:
        importances: how much each factor depends on each latent [D, K], at least 0.
        convention: ``"exact"``: entropies as they are, so that the best value is 1. ``"dlib"``: as
            disentanglement_lib, 1e-11 is added to every importance before entropies are taken.

    Returns:
        The scores, float64. A latent (factor) without importance has value and weight 0; without
        any importance at all both scores are 0. With one factor every used latent has
        disentanglement 1, with one latent every factor that uses it has completeness 1.

    Source: Eastwood & Williams 2018, https://openreview.net/forum?id=By-7dz-AZ, section 2. Differs:
    completeness is weighted like disentanglement, as in disentanglement_lib, which has NaN where
    there is one factor or one latent. Entropies are divided by the logarithm of all K factors or D
    latents, dead ones included: a factor spread over all live latents has a completeness above 0,
    so compare it between equal D only.

    Example:
        >>> scores = importance_scores(torch.tensor([[1.0, 0.0], [0.5, 0.5]]))
        >>> round(scores.disentanglement, 3), round(scores.completeness, 3)
        (0.5, 0.311)
    """
    if convention not in ("exact", "dlib"):
        raise ValueError(f"convention = {convention!r}, but 'exact' or 'dlib' is needed")
    if importances.ndim != 2 or 0 in importances.shape:
        raise misfit("[D, K]", importances=importances)
    matrix = importances.detach().double()
    if not bool(matrix.isfinite().all() and (matrix >= 0).all()):
        raise ValueError("importances have to be finite and at least 0")
    offset = _DLIB_OFFSET if convention == "dlib" else 0.0
    per_code, per_factor = _concentration(matrix, offset), _concentration(matrix.T, offset)
    total = matrix.sum()
    scale = total.where(total > 0, 1.0)
    code_weights, factor_weights = matrix.sum(1) / scale, matrix.sum(0) / scale
    return ImportanceScores(
        float((per_code * code_weights).sum()),
        float((per_factor * factor_weights).sum()),
        per_code,
        per_factor,
        code_weights,
        factor_weights,
    )


def dci(
    codes_train: Tensor,
    factors_train: Tensor,
    codes_test: Tensor,
    factors_test: Tensor,
    *,
    kinds: Sequence[str] | None = None,
    probe: str | Probe = "boosted",
    convention: Convention = "exact",
    seed: int = 0,
) -> DCI:
    """Disentanglement, completeness and informativeness, each 0 to 1 (good), by a probe.

    Args:
        codes_train, factors_train, codes_test, factors_test, seed: as in `vaescope.metrics`.
        kinds: as in `vaescope.metrics`. Circular factors with fractions are angles in radians and
            are predicted as cosine and sine.
        probe: ``"boosted"`` (trees of all classes together, on binned codes), ``"gbt"``
            (scikit-learn's gradient boosting, the field's), ``"forest"`` (scikit-learn's),
            ``"linear"``, ``"lasso"``, ``"logistic"``, or a `Probe` with settings of your own. The
            linear two take ordinal and circular factors as values.
        convention: as in `importance_scores`.

    Returns:
        The scores and their parts. Factors with one value among the training rows are left out;
        their entries are 0. Dead latents have importance 0. A class without training rows is always
        missed. If all latents are dead, D and C are 0.

    Raises:
        NoScoreError: if no factor varies among the training rows.

    Source: Eastwood & Williams 2018, https://openreview.net/forum?id=By-7dz-AZ; ``probe="gbt",
    convention="dlib"`` is the score of Locatello et al. 2019, https://arxiv.org/abs/1811.12359.
    Differs: informativeness is high if good, not an error. It has the share of the most frequent
    class as its chance level, and no ceiling below 1; D and C of codes without information are
    above 0 if rows are few or latents are dead: see `dci_chance`.

    Example:
        >>> factors = torch.cartesian_prod(torch.arange(4), torch.arange(3)).repeat(5, 1)
        >>> found = dci(factors.double(), factors, factors.double(), factors, probe="linear")
        >>> round(found.disentanglement, 3), round(found.informativeness, 3)
        (1.0, 1.0)
    """
    chosen = chosen_probe(probe)
    fitted, scored = train_and_test(codes_train, factors_train, test=(codes_test, factors_test))
    columns = varying(fitted[1]).nonzero().flatten()
    if not len(columns):
        raise NoScoreError("no factor has two values among the training rows: encode more rows")
    every = resolved_kinds(torch.cat([factors_train, factors_test]), kinds)
    targets = probe_targets(fitted[1], scored[1], every, numeric=chosen.numeric, columns=columns)
    answers = chosen.fit(fitted[0], scored[0], targets, seed)
    scores = importance_scores(answers.importances, convention=convention)
    losses, references = targets.losses(answers.test, targets.test)
    own_losses, own_references = targets.losses(answers.train, targets.train)
    informativeness = informativeness_of_losses(losses.sum(0), references.sum(0))

    placed = partial(_placed, columns=columns, number=len(every))
    per_factor, weights = placed(scores.per_factor), placed(scores.factor_weights)
    return DCI(
        chosen.name,
        convention,
        scores.disentanglement,
        scores.completeness,
        float(informativeness.mean()),
        float(informativeness_of_losses(own_losses.sum(0), own_references.sum(0)).mean()),
        placed(informativeness),
        replace(scores, per_factor=per_factor, factor_weights=weights),
        placed(answers.importances),
        placed(losses),
        placed(references),
    )


def _placed(values: Tensor, columns: Tensor, number: int) -> Tensor:
    """Values [..., K'] of the factors that vary at their places among all K, 0 elsewhere."""
    empty = values.new_zeros((*values.shape[:-1], number))
    return empty.index_copy(values.ndim - 1, columns, values)


def chosen_probe(probe: str | Probe) -> Probe:
    """The probe of a name, or the given one."""
    if isinstance(probe, Probe):
        return probe
    if probe not in PROBES:
        raise ValueError(f"probe = {probe!r}, but one of {', '.join(PROBES)} is needed")
    return PROBES[probe]


def _concentration(matrix: Tensor, offset: float) -> Tensor:
    """One minus the entropy of each row over its most [R]; 0 for a row of zeros."""
    used = matrix.sum(1) > 0
    if matrix.shape[1] == 1:
        return used.double()
    share = matrix + offset
    share = share / share.sum(1, keepdim=True).where(used[:, None], 1.0)
    entropy = -torch.xlogy(share, share).sum(1)
    most = torch.tensor(float(matrix.shape[1])).double().log().to(matrix)
    return (1 - entropy / most).clamp(0, 1).where(used, 0.0)


def informativeness_of_losses(losses: Tensor, references: Tensor) -> Tensor:
    """Informativeness, 0 to 1 (good): one minus summed losses over those of reference, elementwise.

    0 where the losses are greater, and where those of reference are 0.
    """
    known = references > 0
    return (1 - losses / references.where(known, 1.0)).clamp(min=0).where(known, 0.0)
