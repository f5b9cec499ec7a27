"""Newton's method for the multinomial logistic loss, many label columns at once."""

from dataclasses import dataclass

import torch
from torch import Tensor

_CELLS = 1 << 21  # products of probabilities, or of inputs, held at a time
_TRIED_ROWS = 2048  # about as many rows tell which scale is tried as start
_STALE = 0.3  # a Hessian is used again as long as each step leaves less than this of the gap
_NEAR = 1e-4  # gap in nats above which a Hessian of single precision is good enough
_INDEPENDENT = 0.01  # share of the classes' variance up to which they hardly depend on the inputs
_SEPARABLE = 0.2  # gap, relative to the loss, above which longer steps are tried
_DOUBLINGS = 4
_SCALES = (1 / 64, 1 / 16, 1 / 4, 1.0, 4.0)  # of the discriminant that is tried as start


@dataclass(frozen=True)
class LogisticMinimum:
    """Where the logistic loss of B label columns is least."""

    weights: Tensor  # of every class and input [B, C, P]; they sum to 0 over the classes
    # estimated distance of the mean loss from its minimum before the last step [B], nats
    gap: Tensor
    iterations: int  # Newton steps that were made


def minimise_logistic(
    inputs: Tensor,
    labels: Tensor,
    num_classes: int,
    *,
    row_weights: Tensor,
    penalty: Tensor,
    tolerance: float,
    max_iterations: int,
) -> LogisticMinimum:
    """Minimise mean cross-entropy plus half the penalised squared weights.

    Starts at the linear discriminant. Newton steps with halving; a Hessian serves for several
    steps while they still converge. Where classes hardly depend on the inputs, as shuffled ones, it
    begins with the Hessian of those that do not. If classes can be separated without a penalty
    there is no minimum: the loss falls to 0, a constant factor a step, and ends near ``tolerance``.

    Args:
        inputs, labels, row_weights, penalty: as in `LogisticProblem`.
        num_classes: number of classes C.
        tolerance: stop after the step before which the estimated gap is at most this, nats.
        max_iterations: steps at most.
    """
    problem = LogisticProblem(inputs, labels, row_weights, penalty)
    weights = discriminant(problem, num_classes)
    size = num_classes * inputs.shape[1]
    factor = inputs.new_zeros(len(labels), size, size)
    gap = inputs.new_full((len(labels),), float("inf"))
    every = problem.log_probabilities(weights)
    renew = _dependence(every) > _INDEPENDENT
    if not bool(renew.all()):
        factor[~renew] = _cholesky(
            problem.rows(~renew).hessian_of_independence(every[~renew].exp())
        )
    steps = 0
    while steps < max_iterations and bool((gap > tolerance).any()):
        rows = (gap > tolerance).nonzero().flatten()
        part = problem.rows(rows)
        log_p = every[rows]
        p = log_p.exp()
        gradient = part.gradient(weights[rows], p)
        left = (gradient * _solve(factor[rows], gradient)).sum((1, 2)) / 2  # by the last Hessian
        old = renew[rows] | (left > _STALE * gap[rows]) | ~left.isfinite()
        if bool(old.any()):
            far = bool((gap[rows[old]] > _NEAR).all())
            dtype = torch.float32 if far else torch.float64
            factor[rows[old]] = _cholesky(part.rows(old).hessian(p[old], dtype))
        direction = -_solve(factor[rows], gradient)
        direction -= direction.mean(1, keepdim=True)  # single precision leaves a shift of all
        gap[rows] = -(direction * gradient).sum((1, 2)) / 2
        moved, every[rows], halved = _line_search(part, weights[rows], direction, log_p, gap[rows])
        weights[rows], renew[rows] = moved, halved
        steps += 1
    return LogisticMinimum(weights, gap, steps)


@dataclass(frozen=True)
class LogisticProblem:
    """Mean cross-entropy of B label columns plus half the penalised squared weights."""

    # uncorrelated coordinates of variance 1 and a column of ones, last [N, P], float64
    inputs: Tensor
    labels: Tensor  # class numbers [B, N], each class present
    row_weights: Tensor  # weight of every row [B, N] with mean 1
    penalty: Tensor  # of the squared weights of every input [P], at least 0

    def rows(self, rows: Tensor) -> "LogisticProblem":
        """The problems with these numbers."""
        return LogisticProblem(self.inputs, self.labels[rows], self.row_weights[rows], self.penalty)

    def every(self, step: int) -> "LogisticProblem":
        """The same problems on every so many-th row."""
        labels, weights = self.labels[:, ::step], self.row_weights[:, ::step]
        return LogisticProblem(self.inputs[::step], labels, weights, self.penalty)

    def log_probabilities(self, weights: Tensor) -> Tensor:
        """Of every class in every row [B, C, N]."""
        return (weights @ self.inputs.T).log_softmax(1)

    def loss(self, weights: Tensor, log_p: Tensor) -> Tensor:
        """Mean cross-entropy plus penalty [B]."""
        own = log_p.gather(1, self.labels[:, None])[:, 0]
        size = (weights.square() * self.penalty).sum((1, 2))
        return -(own * self.row_weights).mean(1) + 0.5 * size

    def gradient(self, weights: Tensor, p: Tensor) -> Tensor:
        """Slope of the loss [B, C, P]."""
        error = p.scatter_add(1, self.labels[:, None], -torch.ones_like(p[:, :1]))
        weighted = (error * self.row_weights[:, None]) @ self.inputs
        return weighted / len(self.inputs) + self.penalty * weights

    def hessian(self, p: Tensor, dtype: torch.dtype = torch.float64) -> Tensor:
        """Curvature of the loss [B, C P, C P], with the shift of all classes made regular.

        Products are made in a precision, ``dtype``; the answer is of double precision.
        """
        num_classes, num_inputs = p.shape[1], self.inputs.shape[1]
        inputs, row_weights, p = (x.to(dtype) for x in (self.inputs.T, self.row_weights, p))
        first, second = torch.triu_indices(num_classes, num_classes, device=p.device)
        one, other = torch.triu_indices(num_inputs, num_inputs, device=p.device)
        products = p.new_zeros(len(p), len(first), len(one))
        shares = p.new_zeros(len(p), num_classes, len(one))
        size = max(1, _CELLS // max(len(p) * len(first), len(one)))
        parts = zip(*(x.split(size, -1) for x in (inputs, row_weights[:, None], p)), strict=True)
        for own, row_weight, of_class in parts:
            squares, weighted = pair_products(own, own).mT, of_class * row_weight
            products += pair_products(weighted, of_class) @ squares
            shares += weighted @ squares
        pairs = _square_index(num_classes, first, second)
        blocks = -products.double()[:, pairs]
        blocks.diagonal(dim1=1, dim2=2).add_(shares.double().mT)
        full = blocks[..., _square_index(num_inputs, one, other)] / len(self.inputs)
        return self._regular(full.transpose(2, 3))

    def hessian_of_independence(self, p: Tensor) -> Tensor:
        """As `hessian`, if the probabilities [B, C, N] did not depend on the inputs.

        It takes no pass over pairs of inputs: they are uncorrelated, with variance 1.
        """
        weighted = p * self.row_weights[:, None]
        of_classes = -(weighted @ p.mT) / len(self.inputs)
        of_classes.diagonal(dim1=1, dim2=2).add_(weighted.mean(2))
        of_inputs = torch.eye(self.inputs.shape[1]).to(p)
        return self._regular(of_classes[:, :, None, :, None] * of_inputs[:, None])

    def _regular(self, blocks: Tensor) -> Tensor:
        """Matrices [B, C P, C P] of blocks [B, C, P, C, P] with penalty and regular shift."""
        num_classes, num_inputs = blocks.shape[1:3]
        full = blocks.flatten(3).flatten(1, 2)
        full.diagonal(dim1=1, dim2=2).add_(self.penalty.repeat(num_classes))
        shift = torch.eye(num_inputs).to(full).repeat(num_classes, num_classes) / num_classes
        return full + shift * full.diagonal(dim1=1, dim2=2).mean(1)[:, None, None]


def pair_products(one: Tensor, other: Tensor) -> Tensor:
    """Products of rows i <= j of two matrices [..., C, n], in the order of `triu_indices`."""
    count, begin = one.shape[-2], 0
    found = one.new_empty(*one.shape[:-2], count * (count + 1) // 2, one.shape[-1])
    for i in range(count):
        part = found[..., begin : begin + count - i, :]
        torch.mul(one[..., i : i + 1, :], other[..., i:, :], out=part)
        begin += count - i
    return found


def _square_index(size: int, first: Tensor, second: Tensor) -> Tensor:
    """Place of every pair [size, size] in the list of pairs with first <= second."""
    index = torch.zeros(size, size, dtype=torch.int64, device=first.device)
    index[first, second] = torch.arange(len(first), device=first.device)
    index[second, first] = index[first, second]
    return index


def discriminant(problem: LogisticProblem, num_classes: int) -> Tensor:
    """Weights [B, C, P] of the linear discriminant, scaled to the least loss among a few scales."""
    inputs, labels, row_weights = problem.inputs, problem.labels, problem.row_weights
    shape = (len(labels), num_classes, len(inputs))
    members = inputs.new_zeros(shape).scatter_(1, labels[:, None], row_weights[:, None])
    shares = members.mean(2)
    means = members @ inputs[:, :-1] / (len(inputs) * shares[..., None])
    within = torch.eye(means.shape[2]).to(inputs) - (means * shares[..., None]).mT @ means
    within.diagonal(dim1=1, dim2=2).clamp_(min=0).add_(0.01)
    slopes = torch.linalg.solve(within, means.mT).mT
    offsets = -0.5 * (slopes * means).sum(2, keepdim=True)
    found = torch.cat([torch.zeros_like(slopes), shares.log()[..., None]], 2)
    some = problem.every(max(1, len(inputs) // _TRIED_ROWS))
    least = some.loss(found, some.log_probabilities(found))
    for scale in _SCALES:
        scaled = torch.cat([scale * slopes, scale * offsets + shares.log()[..., None]], 2)
        loss = some.loss(scaled, some.log_probabilities(scaled))
        found = torch.where((loss < least)[:, None, None], scaled, found)
        least = torch.minimum(loss, least)
    return found - found.mean(1, keepdim=True)


def _dependence(log_p: Tensor) -> Tensor:
    """Share of the classes' variance, 0 to 1, that probabilities [B, C, N] explain [B]."""
    p = log_p.exp()
    mean = p.mean(2)
    explained = (p.square().mean(2) - mean.square()).sum(1)
    return explained / (mean - mean.square()).sum(1).clamp(min=torch.finfo(p.dtype).tiny)


def _line_search(
    problem: LogisticProblem, weights: Tensor, direction: Tensor, log_p: Tensor, gap: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """After the longest of a few steps that lowers the loss: weights, log-probabilities, halved."""
    loss = problem.loss(weights, log_p)
    length = torch.ones_like(loss)
    for _ in range(30):
        moved = weights + length[:, None, None] * direction
        log_p = problem.log_probabilities(moved)
        after = problem.loss(moved, log_p)
        # Near the minimum the loss cannot tell the steps apart any more: they are all good.
        falls = (after <= loss - 2e-4 * length * gap) | (gap <= 1e-13)
        if bool(falls.all()):
            break
        length = torch.where(falls, length, length / 2)
    halved = length < 1
    # Where classes can be separated the whole loss falls nearly as exp(-length).
    far = ~halved & (gap > _SEPARABLE * loss)
    for _ in range(_DOUBLINGS):
        if not bool(far.any()):
            break
        length = torch.where(far, 2 * length, length)
        further = weights + length[:, None, None] * direction
        log_q = problem.log_probabilities(further)
        least = problem.loss(further, log_q)
        far = far & (least < after)
        moved = torch.where(far[:, None, None], further, moved)
        log_p = torch.where(far[:, None, None], log_q, log_p)
        after = torch.where(far, least, after)
    return moved, log_p, halved


def _solve(factor: Tensor, gradient: Tensor) -> Tensor:
    return torch.cholesky_solve(gradient.flatten(1)[..., None], factor).view_as(gradient)


def _cholesky(hessian: Tensor) -> Tensor:
    """Factors of Hessians [B, Q, Q], with as much damping as they need."""
    largest = hessian.diagonal(dim1=1, dim2=2).amax(1).clamp(min=torch.finfo(hessian.dtype).tiny)
    if not bool(hessian.isfinite().all()):
        raise torch.linalg.LinAlgError("the logistic loss has no finite slope: rescale the codes")
    damping = 1e-13
    while True:
        damped = hessian.clone()
        damped.diagonal(dim1=1, dim2=2).add_((damping * largest)[:, None])
        factor, failed = torch.linalg.cholesky_ex(damped)
        if not bool(failed.any()):
            return factor
        damping *= 100
