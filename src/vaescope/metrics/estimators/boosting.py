"""Gradient-boosted trees for all classes of all factors at once, on binned codes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from vaescope.streams import stream

_TIE = 1e-4  # gains that differ by less, relatively, are equal: single precision cannot tell
_LEAST_CURVATURE = 1e-7  # of a leaf: a row that is certain and wrong would have an endless step
_BLOCK = 2**14  # rows that grow the trees together: what is made of them stays in the cache
_PACKED = 2**12  # counts below it fit twice into a number of single precision


@dataclass(frozen=True)
class Boosted:
    """What a boosted ensemble learnt."""

    # impurity decrease that the splits of each latent brought each column [D, C], 0 or above:
    # summed over rows, trees and rounds
    gains: Tensor
    # scores of the training rows [N, C]: log-odds of a class up to a constant, or a predicted value
    train_scores: Tensor
    test_scores: Tensor  # the same of the test rows [M, C]


def boost(
    train: Tensor,
    test: Tensor,
    targets: Tensor,
    groups: Sequence[slice],
    softmax: Sequence[bool],
    *,
    rounds: int,
    rate: float,
    depth: int = 3,
    bins: int = 64,
    seed: int = 0,
) -> Boosted:
    """Boost one tree per column and round; columns of a group share a softmax or have none.

    The trees of a round grow level by level together: the histograms of all of them are sums of
    rows of one matrix, and so is the routing of the rows. Among equally good latents a split takes
    one at random. Time and memory are linear in the rows, which are added block by block.

    Args:
        train: finite codes [N, D] to learn from.
        test: finite codes [M, D] to predict for.
        targets: one-hot classes, or values, of the training rows [N, C].
        groups: the columns of each factor [K].
        softmax: for each group, whether its columns are classes [K].
        rounds: trees per column.
        rate: share of a tree's answer that is added.
        depth: splits on the way to a leaf, 1 to 3.
        bins: most values of a code that a split can tell apart, 2 or more.
        seed: of the choices among equally good latents.

    Source: Friedman 2001, https://doi.org/10.1214/aos/1013203451, algorithms 5 and 6; histograms as
    Ke et al. 2017, LightGBM. Differs: splits lie between quantile bins; on codes with at most
    ``bins`` values they are those of scikit-learn's GradientBoostingClassifier, up to the order
    among equally good ones.
    """
    if rounds < 1 or not 0 < rate <= 1 or not 1 <= depth <= 3 or bins < 2:
        given = f"rounds = {rounds}, rate = {rate}, depth = {depth}, bins = {bins}"
        raise ValueError(f"{given}, but rounds >= 1, rate in (0, 1], depth 1 to 3, bins >= 2")
    rows, others = _binned(train.detach(), test.detach(), bins)
    blocks = [_Block(cells, bins) for cells in rows.split(_BLOCK)]
    targets, columns = targets.float(), list(zip(groups, softmax, strict=True))
    start, shrink = _starts(targets, columns)
    train_scores = start.expand_as(targets).clone()
    test_scores = start.expand(len(test), -1).clone()
    gains = start.new_zeros((train.shape[1], len(start)))
    for step in range(rounds):
        parts = zip(blocks, targets.split(_BLOCK), train_scores.split(_BLOCK), strict=True)
        for block, truth, scores in parts:
            expected, curvature = _expected(scores, columns)
            block.plant(truth - expected, curvature)
        uniform = stream(seed, "boost", step).random((2**depth - 1, *gains.shape), "float32")
        trees = _Trees(blocks, torch.from_numpy(uniform).to(gains.device), depth)
        gains += trees.gains
        values = rate * shrink * trees.leaf_values()
        for places, scores in zip(trees.places, train_scores.split(_BLOCK), strict=True):
            scores += _taken(values, places)
        for cells, scores in zip(others.split(_BLOCK), test_scores.split(_BLOCK), strict=True):
            scores += trees.predict(cells, values)
    return Boosted(gains, train_scores, test_scores)


Columns = Sequence[tuple[slice, bool]]  # of each factor, and whether they share a softmax


def _starts(targets: Tensor, columns: Columns) -> tuple[Tensor, Tensor]:
    """First scores [C]; and Friedman's (C - 1) / C, as C trees of a softmax share the rows."""
    start, shrink = targets.mean(0), torch.ones_like(targets[0])
    for group, is_softmax in columns:
        if is_softmax:
            classes = group.stop - group.start
            start[group], shrink[group] = start[group].log(), (classes - 1) / classes
    return start, shrink


def _expected(scores: Tensor, columns: Columns) -> tuple[Tensor, Tensor]:
    """Targets [N, C] that the scores expect, and the curvature of the loss there [N, C]."""
    expected = torch.empty_like(scores)
    for group, is_softmax in columns:
        own = scores[:, group]
        expected[:, group] = own.softmax(1) if is_softmax else own
    curvature = (1 - expected).mul_(expected)
    for group, is_softmax in columns:
        if not is_softmax:
            curvature[:, group] = 1
    return expected, curvature


def _taken(values: Tensor, places: Tensor) -> Tensor:
    """Entries of values [L, C] at places l C + c; `index_select` is the quickest way to them."""
    return values.flatten().index_select(0, places.flatten()).view(places.shape)


def _binned(train: Tensor, test: Tensor, bins: int) -> tuple[Tensor, Tensor]:
    """Cells d * B + bin of all codes, [N, D] and [M, D]: bins hold about equally many rows."""
    cells = []
    for latent, (own, other) in enumerate(zip(train.T, test.T, strict=True)):
        edges = _edges(own, bins)
        pair = [torch.searchsorted(edges, part.contiguous()) for part in (own, other)]
        cells.append([latent * bins + part for part in pair])
    return torch.stack([own for own, _ in cells], 1), torch.stack([other for _, other in cells], 1)


def _edges(code: Tensor, bins: int) -> Tensor:
    """At most B - 1 edges half-way between neighbouring values of a code [N]."""
    values, counts = code.unique(return_counts=True)
    if len(values) > bins:
        below = counts.cumsum(0)
        wanted = torch.arange(1, bins, device=code.device) * (len(code) / bins)
        # The value at which the share of rows below the edge comes nearest to the wanted one.
        upper = torch.searchsorted(below, wanted.round().long()).clamp(max=len(values) - 2)
        lower = (upper - 1).clamp(min=0)
        closer = (below[lower] - wanted).abs() < (below[upper] - wanted).abs()
        ends = torch.where(closer, lower, upper).unique()
    else:
        ends = torch.arange(len(values) - 1, device=code.device)
    return (values[ends] + values[ends + 1]) / 2


class _Block:
    """Some of the rows, and where the trees of a round have led them."""

    residual: Tensor  # of the rows and columns [n, C]
    curvature: Tensor  # the same of the loss [n, C]
    node: Tensor  # of each column's tree, at the level below the root or further [n, C]
    at_root: bool  # where there is no node to tell

    def __init__(self, cells: Tensor, bins: int) -> None:
        self.cells, self.bins = cells, bins
        num_rows, self.num_latents = cells.shape
        flat = cells.T.flatten()
        ordered, order = flat.sort(stable=True)
        self._rows = order % num_rows
        every = torch.arange(self.num_latents * bins, device=cells.device)
        self._starts = torch.searchsorted(ordered, every)
        counts = torch.bincount(flat, minlength=len(every)).float()
        self.counts = counts.view(self.num_latents, bins)
        self._packs = bool((self.counts < _PACKED).all())

    def plant(self, residual: Tensor, curvature: Tensor) -> None:
        """Put all rows at the roots of new trees."""
        self.residual, self.curvature, self.at_root = residual, curvature, True

    def descend(self, words: Tensor) -> None:
        """Go one level down: bit j of the words of a row's cells is where node j sends it."""
        # of 32 bits, which processors convert and shift much faster than 8 or 64
        turns = embedding_bag(self.cells, words, mode="sum").to(torch.int32)
        if self.at_root:
            self.node, self.at_root = turns, False
        else:
            turns.bitwise_right_shift_(self.node).bitwise_and_(1)
            self.node.mul_(2).add_(turns)

    def histogram(self, columns: Tensor) -> Tensor:
        """Sums [D, B, C] of columns [n, C] over the rows in each bin of each latent."""
        sums = embedding_bag(self._rows, columns, self._starts, mode="sum")
        return sums.view(self.num_latents, self.bins, -1)

    def right_children(self, parents: int) -> tuple[Tensor, Tensor]:
        """Residuals and counts [J, D, B, C] of the rows that the J parents sent right."""
        own = [self.node.clone().eq_(2 * j + 1).float() for j in range(parents)]
        if parents == 2 and self._packs:
            both = self.histogram(torch.add(own[0], own[1], alpha=_PACKED))
            second = (both / _PACKED).floor_()
            counts = [both.sub_(second, alpha=_PACKED), second]
        else:
            counts = [self.histogram(rows) for rows in own]
        sums = [self.histogram(rows.mul_(self.residual)) for rows in own]
        return torch.stack(sums), torch.stack(counts)

    def places(self) -> Tensor:
        """Places l C + c of the rows' nodes l in a table [L, C]; [n, C]."""
        columns = torch.arange(self.node.shape[1], dtype=torch.int32, device=self.node.device)
        return self.node.mul(len(columns)).add_(columns).long()


class _Trees:
    """The trees of one round, one for each column, grown on blocks of rows."""

    def __init__(self, blocks: Sequence[_Block], uniform: Tensor, depth: int) -> None:
        self.blocks, self.depth = blocks, depth
        num_latents, self.columns = uniform.shape[1:]
        self.gains = torch.zeros_like(uniform[0])
        self._words = uniform.new_zeros((num_latents * blocks[0].bins, self.columns))
        sums = _added(block.histogram(block.residual) for block in blocks)[None]
        counts = _added(block.counts for block in blocks)[None, :, :, None].expand_as(sums)
        for level in range(depth):
            first = 2**level - 1
            gain, latent, place = _best_splits(sums, counts, uniform[first : first + 2**level])
            self.gains.scatter_add_(0, latent, gain)
            words = _words(latent, place, gain > 0, sums)
            self._words += 2.0**first * words
            for block in blocks:
                block.descend(words)
            if level + 1 < depth:
                sums, counts = _children(blocks, sums, counts)
        self.places = [block.places() for block in blocks]

    def leaf_values(self) -> Tensor:
        """Newton steps [L, C] of the leaves; 0 for an empty one."""
        sums = self.gains.new_zeros((2, 2**self.depth * self.columns))
        for block, places in zip(self.blocks, self.places, strict=True):
            for row, values in zip(sums, (block.residual, block.curvature), strict=True):
                row.scatter_add_(0, places.flatten(), values.flatten())
        top, bottom = sums.view(2, -1, self.columns)
        return top / bottom.clamp(min=_LEAST_CURVATURE)

    def predict(self, cells: Tensor, values: Tensor) -> Tensor:
        """Values [M, C] of the leaves in which rows with these cells [M, D] end."""
        turns = embedding_bag(cells, self._words, mode="sum").to(torch.int32)
        leaves = _leaf_of_word(self.depth).to(cells.device)
        columns = torch.arange(self.columns, dtype=torch.int32, device=cells.device)
        return _taken(values[leaves], turns.mul_(self.columns).add_(columns))


def _leaf_of_word(depth: int) -> Tensor:
    """The leaf to which the turns at all nodes, one bit each, lead [2 ** (2 ** depth - 1)]."""
    word = torch.arange(2 ** (2**depth - 1))
    node = torch.zeros_like(word)
    for level in range(depth):
        node = 2 * node + ((word >> (2**level - 1) >> node) & 1)
    return node


def _best_splits(sums: Tensor, counts: Tensor, uniform: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Gain, latent and last bin on the left [J, C] of the best split of each node."""
    left, below = sums.cumsum(2), counts.cumsum(2)
    right, above = left[:, :, -1:] - left, below[:, :, -1:] - below
    means = left.div_(below.clamp(min=1)).sub_(right.div_(above.clamp(min=1)))
    # 0 where a side has no rows
    weight = above.mul_(below).div_(below[:, :, -1:].clamp(min=1))
    gain = weight.mul_(means.square_())
    most = gain.amax(2)
    best = most.amax(1, keepdim=True)
    latent = (uniform * (most >= best * (1 - _TIE))).argmax(1, keepdim=True)
    of_latent = gain.gather(1, latent[:, :, None].expand(-1, -1, gain.shape[2], -1))[:, 0]
    return most.gather(1, latent)[:, 0], latent[:, 0], of_latent.argmax(1)


def _words(latent: Tensor, place: Tensor, splits: Tensor, sums: Tensor) -> Tensor:
    """Per cell and tree [D * B, C]: bit j is set if node j sends rows in that cell right."""
    words = torch.zeros_like(sums[0])
    bins = torch.arange(words.shape[1], device=latent.device)[:, None]
    for j in range(len(latent)):
        goes_right = (bins > place[j]) & splits[j]
        words.scatter_add_(0, latent[j].expand(1, len(bins), -1), 2.0**j * goes_right[None])
    return words.flatten(0, 1)


def _added(parts: Iterable[Tensor]) -> Tensor:
    first, *others = parts
    return torch.stack([first, *others]).sum(0) if others else first


def _children(blocks: Sequence[_Block], sums: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    """Histograms [2J, D, B, C] of the children: the left one is what the right one leaves."""
    of_blocks = zip(*(block.right_children(len(sums)) for block in blocks), strict=True)
    right = [_added(parts) for parts in of_blocks]
    pairs = zip((sums, counts), right, strict=True)
    first, second = (torch.stack([every - own, own], 1).flatten(0, 1) for every, own in pairs)
    return first, second
