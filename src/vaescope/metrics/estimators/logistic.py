"""Multinomial logistic regression of every factor on the codes."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vaescope.errors import NoScoreError
from vaescope.metrics.estimators.logistic_conjugate import minimise_each
from vaescope.metrics.estimators.logistic_newton import minimise_logistic
from vaescope.metrics.estimators.probe_data import (
    Basis,
    basis_of,
    checked_rows,
    class_numbers,
    require_classes,
)

_MOST_PARAMETERS = 6000  # of a Hessian that is held whole
_FEW_PARAMETERS = 600  # up to which it is the quicker way
_MOST_CELLS = 5_000_000  # rows times classes


@dataclass(frozen=True)
class LogisticProbes:
    """Multinomial logistic regressions of K factors on the same codes."""

    basis: Basis  # coordinates of the codes that the probes see, R of them
    # of every class, coordinate and the intercept, last, per factor [C, R + 1]
    weights: tuple[Tensor, ...]
    classes: tuple[Tensor, ...]  # values of the factor that were fitted, ascending, per factor [C]
    # estimated distance of each mean loss from its minimum [K], nats, before the last Newton step;
    # the step after that squares it unless classes are separable
    gap: Tensor

    def log_probabilities(self, codes: Tensor) -> tuple[Tensor, ...]:
        """Logarithm of the probability of every class, in nats: for each factor [M, C]."""
        inputs = self.basis.inputs(codes)
        return tuple((inputs @ weights.T).log_softmax(1) for weights in self.weights)

    def accuracies(self, codes: Tensor, factors: Tensor) -> Tensor:
        """Share of rows whose class is the most probable one [K], 0 to 1 (good).

        A class that was not fitted is always missed.
        """
        codes, factors = checked_rows(codes, factors)
        found = zip(self.log_probabilities(codes), self.classes, factors.T, strict=True)
        hits = [classes[log_p.argmax(1)] == truth for log_p, classes, truth in found]
        return torch.stack([hit.double().mean() for hit in hits])

    def losses(self, codes: Tensor, factors: Tensor) -> Tensor:
        """Mean negative log-probability of the true class [K] in nats, 0 (good) up.

        Infinite if a class occurs that was not fitted.
        """
        codes, factors = checked_rows(codes, factors)
        losses = []
        found = zip(self.log_probabilities(codes), self.classes, factors.T, strict=True)
        for log_p, classes, truth in found:
            labels = class_numbers(truth, classes)
            own = log_p.gather(1, labels.clamp(min=0)[:, None])[:, 0]
            losses.append(-own.where(labels >= 0, float("-inf")).mean().clamp(max=0))
        return torch.stack(losses)


def fit_logistic(
    codes: Tensor,
    factors: Tensor,
    *,
    kinds: Sequence[str] | None = None,
    strength: float | None = None,
    standardise: bool = True,
    balanced: bool = False,
    tolerance: float = 1e-8,
    max_iterations: int = 100,
) -> LogisticProbes:
    """Fit a multinomial logistic regression of every factor on the codes.

    Factors with equally many classes are fitted in one batch.

    Args:
        codes, kinds: as in `vaescope.metrics`.
        factors: classes of the factors [N, K].
        strength: scikit-learn's ``C``: the loss summed over rows is multiplied by it and half the
            squared weights, without intercepts, are added. None: no penalty.
        standardise: divide latents by their standard deviation, which matters with a penalty only.
        balanced: weight rows so that all classes have equal weight in the fit.
        tolerance: estimated distance of the mean loss from its minimum at which the last step is
            made, nats.
        max_iterations: Newton steps at most.

    Returns:
        The probes. Constant latents and exact copies of others change nothing. If classes can be
        separated without a penalty, weights grow until the loss is about ``tolerance``.

    Raises:
        NoScoreError: if a factor has too many classes.

    Source: multinomial logistic regression, Bishop 2006, "Pattern Recognition and Machine
    Learning", section 4.3.4; the same minimum as scikit-learn's ``LogisticRegression``. Differs:
    Newton's method to a stated gap, with a penalty and many classes by conjugate gradients in time
    linear in the classes; without a penalty the smallest weights among equal minima.

    Example:
        >>> classes = torch.arange(2).repeat(20)[:, None]
        >>> fit_logistic(classes.double(), classes).accuracies(classes.double(), classes).tolist()
        [1.0]
    """
    _check_settings(strength, tolerance, max_iterations)
    codes, factors = checked_rows(codes, factors)
    require_classes(factors, kinds, "give kinds, or bin continuous factors first")
    found = [torch.unique(column, return_inverse=True) for column in factors.T]
    sizes = [len(classes) for classes, _ in found]
    basis = basis_of(codes, standardise or strength is None)
    inputs = basis.inputs(codes)
    _check_size(max(sizes), inputs, strength is not None)
    penalty = torch.zeros_like(inputs[0])
    if strength is not None:
        penalty[:-1] = basis.singular.square().reciprocal() / (strength * len(codes))
    weights: dict[int, Tensor] = {}
    gap = torch.zeros(len(found)).to(inputs)
    for size in set(sizes):
        places = [place for place, own in enumerate(sizes) if own == size]
        labels = torch.stack([found[place][1] for place in places])
        many = strength is not None and size * inputs.shape[1] > _FEW_PARAMETERS
        minimum = (minimise_each if many else minimise_logistic)(
            inputs,
            labels,
            size,
            row_weights=_row_weights(labels, size, balanced),
            # Two classes have one weight vector in scikit-learn, the difference of our two.
            penalty=2 * penalty if size == 2 else penalty,
            tolerance=tolerance,
            max_iterations=max_iterations,
        )
        weights.update(zip(places, minimum.weights, strict=True))
        gap[places] = minimum.gap
    every = tuple(weights[place] for place in range(len(found)))
    return LogisticProbes(basis, every, tuple(classes for classes, _ in found), gap)


def _check_settings(strength: float | None, tolerance: float, max_iterations: int) -> None:
    if strength is not None and not strength > 0:
        raise ValueError(f"strength = {strength}, but a positive number or None is needed")
    if not tolerance > 0 or max_iterations < 1:
        raise ValueError("tolerance has to be positive and max_iterations at least 1")


def _row_weights(labels: Tensor, num_classes: int, balanced: bool) -> Tensor:
    """Weights of the rows of labels [B, N]: 1, or so that all classes have the same total."""
    ones = torch.ones(labels.shape, dtype=torch.float64, device=labels.device)
    if not balanced:
        return ones
    counts = ones.new_zeros(len(labels), num_classes).scatter_add_(1, labels, ones)
    return (labels.shape[1] / (num_classes * counts)).gather(1, labels)


def _check_size(num_classes: int, inputs: Tensor, penalised: bool) -> None:
    rows, parameters = len(inputs), num_classes * inputs.shape[1]
    if parameters > (_FEW_PARAMETERS if penalised else _MOST_PARAMETERS) and (
        not penalised or rows * num_classes > _MOST_CELLS
    ):
        most = f"{_MOST_CELLS} rows times classes" if penalised else f"{_MOST_PARAMETERS} weights"
        raise NoScoreError(
            f"a factor has {num_classes} classes, for {inputs.shape[1]} inputs and {rows} rows "
            f"more than {most}: bin it, or give it the kind continuous"
        )
