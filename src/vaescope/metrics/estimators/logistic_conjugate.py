"""Newton's method by conjugate gradients, for the logistic loss of many classes."""

import torch
from torch import Tensor

from vaescope.metrics.estimators.logistic_newton import (
    LogisticMinimum,
    LogisticProblem,
    discriminant,
    pair_products,
)

_MOST_PRODUCTS = 100  # with the Hessian in one Newton step
_MOST_SQUARES = 1 << 22  # products of inputs that are held at a time
_LEAST_RESIDUAL = 0.1  # of a step's linear equations, relative to the gradient, far from the end


class ManyClasses:
    """The mean cross-entropy of one label column plus half the penalised squared weights.

    Args:
        inputs: uncorrelated coordinates and a column of ones [N, P], float64.
        labels: class numbers [N].
        row_weights: weight of every row [N] with mean 1.
        penalty: of the squared weights of every input [P], at least 0. Above 0 but for the ones:
            without it classes that can nearly be separated take thousands of products.
    """

    def __init__(
        self, inputs: Tensor, labels: Tensor, row_weights: Tensor, penalty: Tensor
    ) -> None:
        self.inputs, self.labels, self.penalty = inputs, labels[:, None], penalty
        self.row_weights = row_weights[:, None]
        self.first, self.second = torch.triu_indices(*[inputs.shape[1]] * 2, device=inputs.device)
        step = max(1, _MOST_SQUARES // len(self.first))
        self.parts = [slice(begin, begin + step) for begin in range(0, len(inputs), step)]
        self.kept = self.squares(self.parts[0]) if len(self.parts) == 1 else None

    def loss(self, weights: Tensor) -> tuple[float, Tensor]:
        """The loss and the log-probabilities [N, C] of weights [C, P]."""
        log_p = (self.inputs @ weights.T).log_softmax(1)
        own = log_p.gather(1, self.labels) * self.row_weights
        size = 0.5 * (weights.square() * self.penalty).sum()
        return float(size - own.mean()), log_p

    def gradient(self, weights: Tensor, p: Tensor) -> Tensor:
        """Slope of the loss [C, P] where the probabilities are p [N, C]."""
        error = p.scatter_add(1, self.labels, -torch.ones_like(p[:, :1])) * self.row_weights
        return error.T @ self.inputs / len(self.inputs) + self.penalty * weights

    def hessian_product(self, p: Tensor, weighted: Tensor, direction: Tensor) -> Tensor:
        """Product [C, P] of the Hessian with a direction [C, P]; weighted are p by row weight."""
        change = self.inputs @ direction.T
        change -= (p * change).sum(1, keepdim=True)
        return (change * weighted).T @ self.inputs / len(self.inputs) + self.penalty * direction

    def block_factors(self, p: Tensor, weighted: Tensor) -> Tensor:
        """Cholesky factors [C, P, P] of the Hessian's block of each class alone."""
        own, size = (weighted * (1 - p)).T, self.inputs.shape[1]
        found = own.new_zeros(len(own), len(self.first))
        for rows in self.parts:
            found += own[:, rows] @ (self.squares(rows) if self.kept is None else self.kept)
        found /= len(self.inputs)
        full = found.new_empty(len(found), size, size)
        full[:, self.first, self.second] = full[:, self.second, self.first] = found
        diagonal = full.diagonal(dim1=1, dim2=2)
        diagonal += self.penalty
        diagonal += 1e-6 * diagonal.mean(1, keepdim=True) + torch.finfo(full.dtype).tiny ** 0.5
        return torch.linalg.cholesky(full)

    def squares(self, rows: slice) -> Tensor:
        """Products of each pair of inputs in some of the rows [n, P (P + 1) / 2]."""
        inputs = self.inputs[rows].T
        return pair_products(inputs, inputs).mT


def minimise_each(
    inputs: Tensor,
    labels: Tensor,
    num_classes: int,
    *,
    row_weights: Tensor,
    penalty: Tensor,
    tolerance: float,
    max_iterations: int,
) -> LogisticMinimum:
    """As `minimise_logistic`, one label column after the other, each by conjugate gradients.

    A Newton step costs products of [N, C] and [N, P] matrices: time and memory grow as C, where the
    Hessian itself grows as its square. The penalty is above 0 but for the ones.

    Source: Nocedal & Wright 2006, "Numerical Optimization", algorithm 7.1 (line search Newton-CG),
    preconditioned with the classes' own blocks. Differs: none.
    """
    weights, gaps, steps = [], [], 0
    for own, rows in zip(labels, row_weights, strict=True):
        alone = LogisticProblem(inputs, own[None], rows[None], penalty)
        start, problem = (
            discriminant(alone, num_classes)[0],
            ManyClasses(inputs, own, rows, penalty),
        )
        found, gap, taken = _minimum(problem, start, tolerance, max_iterations)
        weights.append(found)
        gaps.append(gap)
        steps = max(steps, taken)
    return LogisticMinimum(torch.stack(weights), inputs.new_tensor(gaps), steps)


def _minimum(
    problem: ManyClasses, start: Tensor, tolerance: float, max_iterations: int
) -> tuple[Tensor, float, int]:
    """Weights [C, P] of the least loss, the estimated gap before the last step, number of steps."""
    weights, gap, steps = start, float("inf"), 0
    loss, log_p = problem.loss(weights)
    largest = 0.0
    while steps < max_iterations and gap > tolerance:
        p = log_p.exp()
        gradient = problem.gradient(weights, p)
        direction, size = _step(problem, p, gradient, largest)
        largest = max(largest, size)
        gap = -float((direction * gradient).sum()) / 2
        length = 1.0
        for _ in range(30):
            moved = weights + length * direction
            after, log_p = problem.loss(moved)
            # Near the minimum the loss cannot tell the steps apart any more: they are all good.
            if after <= loss - 2e-4 * length * gap or gap <= 1e-13:
                break
            length /= 2
        weights, loss = moved, after
        steps += 1
    return weights - weights.mean(0), gap, steps


def _step(
    problem: ManyClasses, p: Tensor, gradient: Tensor, largest: float
) -> tuple[Tensor, float]:
    """Direction [C, P] that solves H d = -g nearly, and the size of the gradient."""
    weighted = p * problem.row_weights
    factors = problem.block_factors(p, weighted)
    found, left = torch.zeros_like(gradient), -gradient
    scaled = torch.cholesky_solve(left[..., None], factors)[..., 0]
    along, product = scaled, float((left * scaled).sum())
    size = product**0.5
    # The nearer the end, the better a step is solved: convergence stays faster than linear.
    wanted = size * min(_LEAST_RESIDUAL, (size / max(largest, size)) ** 0.5)
    for _ in range(_MOST_PRODUCTS):
        curved = problem.hessian_product(p, weighted, along)
        bend = float((along * curved).sum())
        if not bend > 0:  # rounding, or a shift of all classes
            break
        length = product / bend
        found = found + length * along
        left = left - length * curved
        scaled = torch.cholesky_solve(left[..., None], factors)[..., 0]
        before, product = product, float((left * scaled).sum())
        if product**0.5 <= wanted:
            break
        along = scaled + (product / before) * along
    return found, size
