"""The hash behind the nuisance: an independent reference, and the statistics of its numbers."""

import numpy as np
import pytest
import torch
from scipy import stats

from vaescope.data.nuisance import uniform

MASK = 2**32 - 1
NEIGHBOURS = torch.arange(4096)
FAR = torch.from_numpy(np.random.default_rng(0).integers(2**62, size=4096))
DRAWS = pytest.mark.parametrize(
    "draw", [NEIGHBOURS, FAR, NEIGHBOURS << 40], ids=["neighbours", "far", "high bits"]
)


def lowbias32(x, key=0):
    """The published function on Python's unbounded integers, with a key in its middle."""
    x = (x ^ x >> 16) * 0x7FEB352D & MASK
    x ^= key
    x = (x ^ x >> 15) * 0x846CA68B & MASK
    return x ^ x >> 16


def reference(draw, count):
    left, right = draw & MASK, draw >> 32 & MASK
    for constant in (0x3C6EF372, 0x1B873593, 0x2545F491):
        left, right = right, left ^ lowbias32(right ^ constant)
    numbers = []
    for counter in range((count + 1) // 2):
        word = lowbias32(left ^ lowbias32(counter), right)
        numbers += [((half + 2**15) % 2**16) / 2**16 for half in (word & 0xFFFF, word >> 16)]
    return numbers[:count]


@pytest.mark.parametrize("count", [0, 1, 2, 7, 100])
def test_the_numbers_are_those_of_exact_integers(count):
    draws = [0, 1, 2, 2**31, 2**32 - 1, 2**32, 2**62 - 1, -1, 123456789012345678]
    numbers = uniform(torch.tensor(draws), count)
    assert numbers.shape == (len(draws), count)
    assert numbers.dtype == torch.float32
    assert numbers.tolist() == [reference(draw, count) for draw in draws]


def test_numbers_do_not_depend_on_batch_layout_or_count():
    together = uniform(FAR, 33)
    assert torch.equal(together, uniform(FAR, 33))
    assert torch.equal(together[:, :20], uniform(FAR, 20))
    assert torch.equal(together[5:6], uniform(FAR[5:6], 33))
    assert torch.equal(together[::3], uniform(FAR[::3], 33))  # a draw that is not contiguous
    assert uniform(FAR[:0], 33).shape == (0, 33)


@DRAWS
def test_numbers_are_uniform(draw):
    numbers = uniform(draw, 256).double()
    n = numbers.numel()
    assert (numbers.min() >= 0) & (numbers.max() < 1)
    # the mean of n uniform numbers is known to sqrt(1/12n), their variance to sqrt(1/180n)
    assert abs(numbers.mean() - 0.5) < 4 * (1 / 12 / n) ** 0.5
    assert abs(numbers.var() - 1 / 12) < 4 * (1 / 180 / n) ** 0.5
    counts = np.bincount((numbers.flatten().numpy() * 2**16).astype(np.int64), minlength=2**16)
    assert 1e-4 < stats.chisquare(counts).pvalue < 1 - 1e-4
    for axis in (0, 1):  # no image and no place is brighter than others
        line = numbers.mean(axis)
        deviation = (line - 0.5) * (12 * numbers.shape[axis]) ** 0.5
        assert stats.kstest(deviation.numpy(), "norm").pvalue > 1e-4


@DRAWS
def test_every_bit_is_fair_and_independent_of_the_others(draw):
    values = (uniform(draw, 64).numpy() * 2**16).astype(np.int64)
    bits = (values[..., None] >> np.arange(16) & 1).reshape(-1, 16)
    n = len(bits)
    chi_square = ((2 * bits.sum(0) - n) ** 2 / n).sum()
    assert 1e-4 < stats.chi2(16).sf(chi_square) < 1 - 1e-4
    pairs = np.corrcoef(bits.T)[np.triu_indices(16, 1)]
    assert 1e-4 < stats.chi2(len(pairs)).sf((pairs**2).sum() * n) < 1 - 1e-4


@DRAWS
@pytest.mark.parametrize("lag", [1, 2, 64])
def test_neighbouring_draws_and_places_are_uncorrelated(draw, lag):
    numbers = uniform(draw, 256).double().numpy() - 0.5
    for one, two in ((numbers[:-lag], numbers[lag:]), (numbers[:, :-lag], numbers[:, lag:])):
        correlation = 12 * (one * two).mean()
        assert abs(correlation) < 4 / one.size**0.5
    columns = np.corrcoef(numbers[:, :64].T)[np.triu_indices(64, 1)] * len(draw) ** 0.5
    assert np.abs(columns).max() < 4.8  # of 2,016 normal numbers, p = 0.003
    images = np.corrcoef(numbers[:64])[np.triu_indices(64, 1)] * 256**0.5
    assert np.abs(images).max() < 4.8


def test_each_bit_of_the_draw_changes_half_of_all_bits():
    one = (uniform(FAR[:512], 128).numpy() * 2**16).astype(np.int64)
    for bit in range(62):
        two = (uniform(FAR[:512] ^ (1 << bit), 128).numpy() * 2**16).astype(np.int64)
        changed = np.bitwise_count(one ^ two).mean() / 16
        assert abs(changed - 0.5) < 4 * 0.5 / (one.size * 16) ** 0.5


def test_different_draws_give_different_numbers():
    draws = torch.cat([NEIGHBOURS, FAR, NEIGHBOURS[1:] << 32])
    assert len(uniform(draws, 4).unique(dim=0)) == len(draws)
