"""InfoE: what share of each factor's entropy a linear model of the codes removes."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from vaescope.metrics.estimators.logistic import fit_logistic
from vaescope.metrics.estimators.probe_data import checked_rows, factor_kinds, target_columns
from vaescope.metrics.information.information_matrix import entropy
from vaescope.metrics.prediction.regression import fit_least_squares, r_squared

Null = Literal["entropy", "log_k"]


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
    """
    if null not in ("entropy", "log_k"):
        raise ValueError(f"null = {null!r}, but 'entropy' or 'log_k' is needed")
    codes, factors = checked_rows(codes, factors)
    probed = factor_kinds(factors, kinds)
    found = codes.new_zeros(factors.shape[1])
    classed = torch.tensor([kind == "class" for kind in probed], device=codes.device)
    if bool(classed.any()):
        found[classed] = _class_explicitness(codes, factors[:, classed], null, tolerance)
    for place, kind in enumerate(probed):
        if kind != "class":
            targets, _ = target_columns(factors[:, place], kind)
            found[place] = r_squared(fit_least_squares(codes, targets).predict(codes), targets)
    return found


def _class_explicitness(codes: Tensor, factors: Tensor, null: Null, tolerance: float) -> Tensor:
    probes = fit_logistic(
        codes,
        factors,
        kinds=("categorical",) * factors.shape[1],
        balanced=null == "log_k",
        tolerance=tolerance,
    )
    labels = torch.stack([torch.unique(column, return_inverse=True)[1] for column in factors.T], 1)
    without = entropy(labels)
    if null == "log_k":
        sizes = [len(classes) for classes in probes.classes]
        without = torch.tensor(sizes, device=codes.device).double().log()
    varies = without > 0
    share = 1 - probes.losses(codes, factors) / without.where(varies, 1.0)
    return share.where(varies, 0.0)
