"""Rank correlation and its bootstrap interval."""

import numpy as np
import pytest
from scipy import stats

from vaescope.reproduction.correlation import rank_correlation


class TestRankCorrelation:
    def test_it_is_spearmans_whatever_the_units(self):
        rng = np.random.default_rng(0)
        x = rng.normal(size=20)
        y = x + rng.normal(size=20)
        found = rank_correlation(np.exp(x), y)
        assert found.value == pytest.approx(stats.spearmanr(x, y).statistic)
        assert -1 <= found.low < found.value < found.high <= 1

    def test_the_interval_of_unrelated_numbers_holds_zero(self):
        rng = np.random.default_rng(1)
        found = rank_correlation(rng.normal(size=25), rng.normal(size=25))
        assert found.low < 0 < found.high

    def test_sets_without_a_number_are_left_out(self):
        predicted = np.array([0.0, 1.0, 2.0, np.nan, 4.0])
        found = rank_correlation(predicted, np.array([0.0, 1.0, 2.0, 9.0, np.nan]))
        assert (found.value, found.n) == (1.0, 3)

    def test_seeds_of_a_setting_are_drawn_together(self):
        """Copies of a case add nothing: the interval is that of the cases alone."""
        rng = np.random.default_rng(2)
        x = rng.normal(size=12)
        y = x + 2 * rng.normal(size=12)
        alone = rank_correlation(x, y)
        copied = np.repeat(x, 4), np.repeat(y, 4)
        grouped = rank_correlation(*copied, groups=np.repeat(np.arange(12), 4), of="runs")
        assert grouped.value == pytest.approx(alone.value, abs=0.02)
        assert (grouped.low, grouped.high) == pytest.approx((alone.low, alone.high), abs=0.05)
        naive = rank_correlation(*copied)
        assert naive.high - naive.low < 0.7 * (grouped.high - grouped.low)
        assert str(grouped).endswith("48 runs")

    def test_groups_may_differ_in_size(self):
        x = np.arange(9.0)
        groups = np.array([0, 0, 0, 1, 1, 2, 3, 4, 4])
        assert rank_correlation(x, -x, groups=groups).value == -1
