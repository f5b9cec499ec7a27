"""Linear support vector machines on one latent each, all at once from prefix sums."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from vaescope.metrics.sorting import ascending, stable_order

_MOST_CELLS = 2**20  # latents times rows times factors that are fitted at a time


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
    """Sums of 1, x and x squared over the rows below a threshold, without a look at the rows.

    Of K factors with at most C classes; the sums of classes that a factor lacks are 0.
    """

    values: Tensor  # [D, N] ascending
    of_all: Tensor  # [D, N + 1, 3]
    keys: Tensor  # [D, K, N] class times N plus rank, ascending
    of_class: Tensor  # [D, K, N + 1, 3], rows in the order of the keys
    starts: Tensor  # [K, C + 1] first key of each class

    def below(self, thresholds: Tensor) -> tuple[Tensor, Tensor]:
        """Over all rows, and over the rows of each threshold's class, below it [D, K, C, 3]."""
        rank = torch.searchsorted(self.values, thresholds.flatten(1))
        first = torch.arange(thresholds.shape[2], device=rank.device) * self.values.shape[1]
        place = torch.searchsorted(self.keys, rank.view(thresholds.shape) + first)
        of_all = _take(self.of_all, rank).view(*thresholds.shape, 3)
        return of_all, _take(self.of_class, place) - self._before

    @cached_property
    def total(self) -> tuple[Tensor, Tensor]:
        """Over all rows [D, 1, 1, 3] and over all rows of each class [D, K, C, 3]."""
        ends = self.starts[:, 1:].expand(len(self.values), -1, -1)
        return self.of_all[:, None, -1:], _take(self.of_class, ends) - self._before

    @cached_property
    def _before(self) -> Tensor:
        return _take(self.of_class, self.starts[:, :-1].expand(len(self.values), -1, -1))


@dataclass(frozen=True)
class SortedLatents:
    """Latents sorted once, to fit machines of several factors on them."""

    values: Tensor  # [D, N] ascending
    order: Tensor  # row of each value [D, N]


def sort_latents(codes: Tensor) -> SortedLatents:
    """Sort every latent of codes [N, D], float64."""
    return SortedLatents(*ascending(codes.T.contiguous()))


def fit_one_latent_machines(
    latents: SortedLatents, factors: Tensor, *, strength: float = 0.01, balanced: bool = True
) -> list[OneLatentMachines]:
    """Fit a linear support vector machine of each factor on every single latent.

    Minimises (w^2 + b^2) / 2 plus ``strength`` times the sum of squared hinge losses for each
    class against the rest. Rows whose hinge is open lie on one side of a threshold, so that their
    sums are differences of prefix sums: a step costs a search, not a pass over the rows, and the
    piecewise quadratic is minimised in a finite number of steps. Factors are fitted together.

    Args:
        latents: the codes, of `sort_latents`.
        factors: values [N, K] with at least 2 classes each.
        strength: liblinear's ``C``.
        balanced: multiply the loss of a class's own rows by N / (classes times its rows); of two
            classes, that of both.

    Returns:
        The machines of each factor [K].

    Source: Fan et al. 2008, "LIBLINEAR", https://www.jmlr.org/papers/v9/fan08a.html, L2-regularised
    squared hinge with a regularised offset, as scikit-learn's ``LinearSVC``. Differs: exact
    minimum by the finite Newton method of Keerthi & DeCoste 2005,
    https://www.jmlr.org/papers/v6/keerthi05a.html, instead of a tolerance.
    """
    of_all, found = _prefix(latents.values), []
    for part in factors.T.split(max(1, _MOST_CELLS // latents.values.numel())):
        known = [torch.unique(f, return_inverse=True, return_counts=True) for f in part]
        labels = torch.stack([numbers for _, numbers, _ in known])
        counts = pad_sequence([count for _, _, count in known], batch_first=True)
        strengths = _strengths(counts, strength, balanced)
        w, b, objective = _minimise(_sums(latents, of_all, labels, counts), *strengths)
        for place, (classes, _, _) in enumerate(known):
            own = slice(None), place, slice(len(classes))
            found.append(OneLatentMachines(w[own], b[own], objective[own], classes))
    return found


def _strengths(counts: Tensor, strength: float, balanced: bool) -> tuple[Tensor, Tensor]:
    """Of the losses of a class's own rows and of the others [K, C]; 0 for a class that is not."""
    there, own = counts > 0, torch.full_like(counts, strength, dtype=torch.float64)
    if balanced:
        shares = there.sum(1, keepdim=True) * counts.clamp(min=1).double()
        own = strength * counts.sum(1, keepdim=True) / shares
    rest = torch.full_like(own, strength)
    two = there.sum(1) == 2
    rest[two, :2] = own[two, :2].flip(1)
    return own.where(there, 0.0), rest.where(there, 0.0)


def _sums(latents: SortedLatents, of_all: Tensor, labels: Tensor, counts: Tensor) -> _Sums:
    """Of the class numbers of K factors [K, N] and how often each is there [K, C]."""
    ranked = labels[:, latents.order].transpose(0, 1)
    by_class = stable_order(ranked)
    starts = torch.nn.functional.pad(counts.cumsum(1), (1, 0))
    keys = ranked.gather(2, by_class) * labels.shape[1] + by_class
    of_class = _prefix(latents.values[:, None].expand_as(by_class).gather(2, by_class))
    return _Sums(latents.values, of_all, keys, of_class, starts)


def _prefix(values: Tensor) -> Tensor:
    powers = torch.stack([torch.ones_like(values), values, values.square()], -1)
    return torch.nn.functional.pad(powers.cumsum(-2), (0, 0, 1, 0))


def _take(sums: Tensor, place: Tensor) -> Tensor:
    return sums.gather(-2, place[..., None].expand(*place.shape, 3))


def _minimise(sums: _Sums, own: Tensor, rest: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Slopes, offsets and objectives [D, K, C] at the minimum; a factor stays where it arrives."""
    w = torch.zeros(len(sums.values), *own.shape).to(own)
    b, least = torch.zeros_like(w), torch.zeros_like(w)
    arrived = torch.zeros(len(own), 1, dtype=torch.bool, device=own.device)
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
            if bool((falls | arrived).all()):
                break
            length = torch.where(falls, length, length / 2)
        w, b = torch.where(arrived, w, new_w), torch.where(arrived, b, new_b)
        least = torch.where(arrived, least, after)
        # Where no length lowers the objective it is at its least for the number format.
        flat = (-slope <= 1e-14 * value) | ~falls
        arrived = arrived | flat.all(0).all(1, keepdim=True)
        if bool(arrived.all()):
            break
    return w, b, least


def _open_rows(sums: _Sums, w: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Over own rows with w x + b < 1 and over other rows with w x + b > -1, [D, K, C, 3]."""
    steep = w.where(w != 0, 1e-300)
    all_rows, all_own = sums.total
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
        count, first, second = rows.unbind(-1)
        return offset.square() * count + 2 * offset * w * first + w.square() * second

    losses = own * hinge(inside, b - 1) + rest * hinge(outside, b + 1)
    return 0.5 * (w.square() + b.square()) + losses


def _newton(
    w: Tensor, b: Tensor, own: Tensor, rest: Tensor, inside: Tensor, outside: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Steps of w and b to the minimum of the present quadratic, and the slope along them."""
    pull = 2 * (own[..., None] * inside - rest[..., None] * outside)
    count, first, second = (2 * (own[..., None] * inside + rest[..., None] * outside)).unbind(-1)
    h_ww, h_bb = 1 + second, 1 + count
    g_w = w * h_ww + b * first - pull[..., 1]
    g_b = w * first + b * h_bb - pull[..., 0]
    determinant = h_ww * h_bb - first.square()
    to_w = (first * g_b - h_bb * g_w) / determinant
    to_b = (first * g_w - h_ww * g_b) / determinant
    return to_w, to_b, to_w * g_w + to_b * g_b
