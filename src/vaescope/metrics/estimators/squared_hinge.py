"""Linear support vector machines on one latent each, all at once from prefix sums."""

from dataclasses import dataclass

import torch
from torch import Tensor

from vaescope.metrics.sorting import stable_order


@dataclass(frozen=True)
class OneLatentMachines:
    """Lines w x + b of every latent and class; the class with the highest line is predicted."""

    slope: Tensor  # w of every latent and class [D, C]
    offset: Tensor  # b of every latent and class [D, C]
    objective: Tensor  # value of the minimised function [D, C], the same for both of two classes
    classes: Tensor  # values of the factor, ascending [C]

    def accuracies(self, codes: Tensor, truth: Tensor) -> Tensor:
        """Share of rows whose class each latent predicts [D], 0 to 1 (good).

        Args:
            codes: one number per latent [M, D].
            truth: values of the factor [M]. Among equally high lines the first class counts.
        """
        shares = [
            (self.classes[(x[:, None] * w + b).argmax(1)] == truth).double().mean()
            for x, w, b in zip(codes.double().T, self.slope, self.offset, strict=True)
        ]
        return torch.stack(shares)


@dataclass(frozen=True)
class _Sums:
    """Sums of 1, x and x squared over the rows below a threshold, without a look at the rows."""

    values: Tensor  # [D, N] ascending
    of_all: Tensor  # [D, N + 1, 3]
    keys: Tensor  # [D, N] class times N plus rank, ascending
    of_class: Tensor  # [D, N + 1, 3], rows in the order of the keys
    starts: Tensor  # [C + 1] first key of each class

    def below(self, thresholds: Tensor) -> tuple[Tensor, Tensor]:
        """Over all rows, and over the rows of each threshold's class, below it [D, C, 3]."""
        rank = torch.searchsorted(self.values, thresholds)
        first = torch.arange(len(self.starts) - 1, device=rank.device) * self.values.shape[1]
        place = torch.searchsorted(self.keys, rank + first)
        return _take(self.of_all, rank), _take(self.of_class, place) - self._before()

    def total(self) -> tuple[Tensor, Tensor]:
        """Over all rows [D, 1, 3] and over all rows of each class [D, C, 3]."""
        return self.of_all[:, -1:], self.of_class[:, self.starts[1:]] - self._before()

    def _before(self) -> Tensor:
        return self.of_class[:, self.starts[:-1]]


@dataclass(frozen=True)
class SortedLatents:
    """Latents sorted once, to fit machines of several factors on them."""

    values: Tensor  # [D, N] ascending
    order: Tensor  # row of each value [D, N]


def sort_latents(codes: Tensor) -> SortedLatents:
    """Sort every latent of codes [N, D], float64."""
    return SortedLatents(*codes.T.contiguous().sort(dim=1, stable=True))


def fit_one_latent_machines(
    latents: SortedLatents, factor: Tensor, *, strength: float = 0.01, balanced: bool = True
) -> OneLatentMachines:
    """Fit a linear support vector machine of one factor on every single latent.

    Minimises (w^2 + b^2) / 2 plus ``strength`` times the sum of squared hinge losses for each
    class against the rest. Rows whose hinge is open lie on one side of a threshold, so that their
    sums are differences of prefix sums: a step costs a search, not a pass over the rows, and the
    piecewise quadratic is minimised in a finite number of steps.

    Args:
        latents: the codes, of `sort_latents`.
        factor: values [N] with at least 2 classes.
        strength: liblinear's ``C``.
        balanced: multiply the loss of a class's own rows by N / (classes times its rows); of two
            classes, that of both.

    Source: Fan et al. 2008, "LIBLINEAR", https://www.jmlr.org/papers/v9/fan08a.html, L2-regularised
    squared hinge with a regularised offset, as scikit-learn's ``LinearSVC``. Differs: exact
    minimum by the finite Newton method of Keerthi & DeCoste 2005,
    https://www.jmlr.org/papers/v6/keerthi05a.html, instead of a tolerance.
    """
    classes, labels, counts = torch.unique(factor, return_inverse=True, return_counts=True)
    own = torch.full_like(counts, strength, dtype=torch.float64)
    if balanced:
        own = strength * len(factor) / (len(classes) * counts.double())
    rest = own.flip(0) if len(classes) == 2 else torch.full_like(own, strength)
    w, b, objective = _minimise(_sums(latents, labels, len(classes)), own, rest)
    return OneLatentMachines(w, b, objective, classes)


def _sums(latents: SortedLatents, labels: Tensor, num_classes: int) -> _Sums:
    values, ranked = latents.values, labels[latents.order]
    by_class = stable_order(ranked)
    counts = torch.bincount(labels, minlength=num_classes)
    starts = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    keys = ranked.gather(1, by_class) * len(labels) + by_class
    return _Sums(values, _prefix(values), keys, _prefix(values.gather(1, by_class)), starts)


def _prefix(values: Tensor) -> Tensor:
    powers = torch.stack([torch.ones_like(values), values, values.square()], 2)
    return torch.nn.functional.pad(powers.cumsum(1), (0, 0, 1, 0))


def _take(sums: Tensor, place: Tensor) -> Tensor:
    return sums.gather(1, place[..., None].expand(-1, -1, 3))


def _minimise(sums: _Sums, own: Tensor, rest: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Slopes, offsets and objectives [D, C] at the minimum."""
    w = torch.zeros(len(sums.values), len(own)).to(own)
    b = torch.zeros_like(w)
    inside, outside = _open_rows(sums, w, b)
    for _ in range(100):
        value = _objective(w, b, own, rest, inside, outside)
        to_w, to_b, slope = _newton(w, b, own, rest, inside, outside)
        length = torch.ones_like(w)
        for _ in range(50):
            new_w, new_b = w + length * to_w, b + length * to_b
            inside, outside = _open_rows(sums, new_w, new_b)
            after = _objective(new_w, new_b, own, rest, inside, outside)
            falls = (after <= value + 1e-4 * length * slope) | (-slope <= 1e-14 * value)
            if bool(falls.all()):
                break
            length = torch.where(falls, length, length / 2)
        w, b = new_w, new_b
        # Where no length lowers the objective it is at its least for the number format.
        if bool(((-slope <= 1e-14 * value) | ~falls).all()):
            break
    return w, b, after


def _open_rows(sums: _Sums, w: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Sums over own rows with w x + b < 1 and over other rows with w x + b > -1, [D, C, 3]."""
    steep = w.where(w != 0, 1e-300)
    all_rows, all_own = sums.total()
    low_all, low_own = sums.below((1 - b) / steep)
    rising = (steep > 0)[..., None]
    inside = torch.where(rising, low_own, all_own - low_own)
    low_all, low_own = sums.below((-1 - b) / steep)
    low_rest, all_rest = low_all - low_own, all_rows - all_own
    return inside, torch.where(rising, all_rest - low_rest, low_rest)


def _objective(
    w: Tensor, b: Tensor, own: Tensor, rest: Tensor, inside: Tensor, outside: Tensor
) -> Tensor:
    def hinge(rows: Tensor, offset: Tensor) -> Tensor:
        count, first, second = rows.unbind(2)
        return offset.square() * count + 2 * offset * w * first + w.square() * second

    losses = own * hinge(inside, b - 1) + rest * hinge(outside, b + 1)
    return 0.5 * (w.square() + b.square()) + losses


def _newton(
    w: Tensor, b: Tensor, own: Tensor, rest: Tensor, inside: Tensor, outside: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Steps of w and b to the minimum of the present quadratic, and the slope along them."""
    pull = 2 * (own[:, None] * inside - rest[:, None] * outside)
    count, first, second = (2 * (own[:, None] * inside + rest[:, None] * outside)).unbind(2)
    h_ww, h_bb = 1 + second, 1 + count
    g_w = w * h_ww + b * first - pull[..., 1]
    g_b = w * first + b * h_bb - pull[..., 0]
    determinant = h_ww * h_bb - first.square()
    to_w = (first * g_b - h_bb * g_w) / determinant
    to_b = (first * g_w - h_ww * g_b) / determinant
    return to_w, to_b, to_w * g_w + to_b * g_b
