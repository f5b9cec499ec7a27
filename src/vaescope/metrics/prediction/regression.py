"""R²: how much of each factor's variance codes predict, by least squares or a small net."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from vaescope.metrics.estimators.probe_data import (
    Basis,
    Rows,
    basis_of,
    checked_rows,
    target_columns,
    train_and_test,
    varying,
)
from vaescope.metrics.kinds import resolved_kinds

Regression = Literal["linear", "mlp"]


@dataclass(frozen=True)
class LeastSquaresProbes:
    """Least-squares regressions of targets on the same codes."""

    basis: Basis  # coordinates of the codes that the probes see, R of them
    weights: Tensor  # of every coordinate and the intercept, last [R + 1, T]

    def predict(self, codes: Tensor) -> Tensor:
        """Predicted targets [M, T] of codes [M, D], float64."""
        return self.basis.inputs(codes) @ self.weights


@dataclass(frozen=True)
class ExplainedVariance:
    """Coefficients of determination of probes."""

    score: float  # mean of `factors` over the factors that vary; at most 1, high is good
    # one minus squared error over variance on the scored rows [K], at most 1 and below 0 if the
    # mean would have been better; 0 for a factor with one value
    factors: Tensor


def fit_least_squares(codes: Tensor, targets: Tensor) -> LeastSquaresProbes:
    """Least-squares regression of all targets at once, in closed form.

    Args:
        codes: one number per latent [N, D].
        targets: what is predicted [N, T].

    Returns:
        The probes; of equally good ones that with the smallest weights on standardised latents,
        so that constant latents and copies of others are harmless.

    Source: Hastie et al. 2009, "The Elements of Statistical Learning", section 3.2. Differs: by
    singular vectors, for latents that depend on each other.
    """
    codes, targets = checked_rows(codes, targets)
    basis = basis_of(codes)
    # The columns of inputs are orthonormal up to the number of rows.
    return LeastSquaresProbes(basis, basis.inputs(codes).T @ targets.double() / len(codes))


def r_squared(predicted: Tensor, truth: Tensor) -> float:
    """Coefficient of determination, at most 1 (good); 0 as good as a constant; below 0 worse.

    Args:
        predicted: targets [M, T]; an angle has two, cosine and sine.
        truth: their true values [M, T].

    Returns:
        One minus the sum of squared errors over all T targets, divided by the sum of squared
        distances from their means; 0 if the truth is constant.

    Source: Draper & Smith 1998, "Applied Regression Analysis", section 1.3. Differs: 0 instead of
    an undefined value for a constant truth; several columns are pooled.

    Example:
        >>> r_squared(torch.tensor([[1.0], [2.0]]), torch.tensor([[1.0], [3.0]]))
        0.5
    """
    if bool((truth == truth[:1]).all()):
        return 0.0
    total = (truth - truth.mean(0)).square().sum()
    return 1 - float((predicted - truth).square().sum() / total)


def explained_variance(
    codes: Tensor,
    factors: Tensor,
    *,
    kinds: Sequence[str] | None = None,
    periods: Sequence[float | None] | None = None,
    probe: Regression = "linear",
    test: Rows | None = None,
    test_share: float = 0.5,
    seed: int = 0,
    hidden: int = 64,
    steps: int = 300,
) -> ExplainedVariance:
    """R^2 of every factor from all latents on held-out rows; at most 1 (good), 0 is chance.

    Ordered and continuous factors are numbers, circular ones cosine and sine; the R^2 of an angle
    pools the two, and so does that of a categorical factor with its indicator columns.

    Args:
        codes, factors, kinds, test, test_share, seed: as in `vaescope.metrics`.
        periods: of each circular factor [K]; None, for all or for one: 2 pi for values with
            fractions, otherwise largest less smallest value plus 1.
        probe: ``"linear"``, or ``"mlp"``: one layer of ``hidden`` tanh units.
        hidden: units of the net.
        steps: iterations of L-BFGS at most for the net, on all fitted rows.

    Returns:
        The score and the value per factor. A factor with one value among the fitted or the scored
        rows has 0 and is left out; with no other the score is 0.

    Source: linear: Zimmermann et al. 2021, https://arxiv.org/abs/2102.08850; net and angles: Lippe
    et al. 2022, https://arxiv.org/abs/2202.03169. Differs: the first fits and scores the same rows;
    the net's size and its fit are ours. Chance: about -D / N for a linear probe of N rows.

    Example:
        >>> line = torch.linspace(0, 1, 50)[:, None]
        >>> round(explained_variance(2 * line, line).score, 3)
        1.0
    """
    if probe not in ("linear", "mlp"):
        raise ValueError(f"probe = {probe!r}, but 'linear' or 'mlp' is needed")
    if hidden < 1 or steps < 1:
        raise ValueError(f"hidden = {hidden} and steps = {steps}, but both must be at least 1")
    fitted, scored = train_and_test(codes, factors, test=test, test_share=test_share, seed=seed)
    columns = _targets(torch.cat([fitted[1], scored[1]]), kinds, periods)
    truth = torch.cat(columns, 1)
    train, truth = truth[: len(fitted[1])], truth[len(fitted[1]) :]
    if probe == "linear":
        predicted = fit_least_squares(fitted[0], train).predict(scored[0])
    else:
        predicted = _net(fitted[0], train, scored[0], hidden, steps, seed)
    widths = [column.shape[1] for column in columns]
    pairs = zip(predicted.split(widths, 1), truth.split(widths, 1), strict=True)
    per_factor = truth.new_tensor([r_squared(*pair) for pair in pairs])
    varies = varying(fitted[1]) & varying(scored[1])
    per_factor = per_factor.where(varies, 0.0)
    score = float(per_factor[varies].mean()) if bool(varies.any()) else 0.0
    return ExplainedVariance(score, per_factor)


def _targets(
    factors: Tensor, kinds: Sequence[str] | None, periods: Sequence[float | None] | None
) -> list[Tensor]:
    """Columns to predict for every factor."""
    names = resolved_kinds(factors, kinds)
    lengths = (None,) * factors.shape[1] if periods is None else periods
    if len(lengths) != factors.shape[1]:
        raise ValueError(f"{len(lengths)} periods, but {factors.shape[1]} factors")
    columns = []
    for factor, kind, period in zip(factors.T, names, lengths, strict=True):
        if kind == "categorical":
            columns.append((factor[:, None] == torch.unique(factor)).double())
        else:
            probed_as = "angle" if kind == "circular" else "number"
            columns.append(target_columns(factor, probed_as, period)[0])
    return columns


def _net(
    codes: Tensor, targets: Tensor, scored: Tensor, hidden: int, steps: int, seed: int
) -> Tensor:
    """Predictions [M, T] of a net with one hidden layer, fitted by full-batch L-BFGS."""
    basis = basis_of(codes)
    inputs = basis.inputs(codes)
    mean, std = targets.mean(0), targets.std(0, correction=0)
    wanted = (targets - mean) / std.where(std > 0, 1.0)
    generator = torch.Generator().manual_seed(seed)
    shapes = ((inputs.shape[1], hidden), (hidden + 1, targets.shape[1]))
    weights = [
        (torch.randn(shape, generator=generator, dtype=torch.float64) / shape[0] ** 0.5)
        .to(inputs)
        .requires_grad_()
        for shape in shapes
    ]

    def predict(rows: Tensor) -> Tensor:
        units = (rows @ weights[0]).tanh()
        return torch.cat([units, torch.ones_like(units[:, :1])], 1) @ weights[1]

    optimiser = torch.optim.LBFGS(
        weights, max_iter=steps, history_size=20, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimiser.zero_grad()
        size = weights[0].square().sum() + weights[1].square().sum()
        loss = (predict(inputs) - wanted).square().sum(1).mean() + 1e-5 * size
        loss.backward()
        return loss

    with torch.enable_grad():
        optimiser.step(closure)
    return predict(basis.inputs(scored)).detach() * std.where(std > 0, 1.0) + mean
