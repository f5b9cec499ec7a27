"""Scores of tables of informations: closed forms, behaviours, edges."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vaescope.metrics.information.dependent_factors import dlig, dmig, xmig
from vaescope.metrics.information.family import (
    family_of_table,
    information_family,
)
from vaescope.metrics.information.scores import (
    axis_alignment,
    dcimig,
    jemmig,
    mig,
    mig_sup,
    minimality,
    modularity,
    rmig,
    sufficiency,
)
from vaescope.metrics.information.tables import InformationTable, information_table

SIZES = (4, 8, 16)
LOW_IS_GOOD = {"jemmig"}
PER_LATENT = ("mig_sup", "modularity", "dlig", "minimality")
NAMES = (
    *("mig", "mig_sup", "jemmig", "dcimig", "modularity", "dmig", "xmig", "dlig"),
    *("minimality", "sufficiency", "axis_alignment"),
)


def table_of(information, factor_entropies, code_entropies=None, factor_information=None, bins=20):
    """A table by hand; unless given, independent factors and latents as rich as their best."""
    information = torch.tensor(information, dtype=torch.float64)
    factors = torch.tensor(factor_entropies, dtype=torch.float64)
    among = factors.diag() if factor_information is None else torch.tensor(factor_information)
    codes = information.amax(1) if code_entropies is None else torch.tensor(code_entropies)
    return InformationTable(information, codes.double(), factors, among.double(), bins)


def grid():
    """All combinations of three factors, eight times."""
    return torch.cartesian_prod(*[torch.arange(size) for size in SIZES]).repeat(8, 1)


def noise(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def scores(codes, factors):
    family = family_of_table(information_table(codes, factors))
    return {name: float(found.score) for name, found in family.items()}


def better(name, first, second):
    """By how much the first is better than the second."""
    gap = first[name] - second[name]
    return -gap if name in LOW_IS_GOOD else gap


def test_a_perfect_code_is_perfect():
    found = scores(grid().double(), grid())
    assert found.keys() == set(NAMES)
    for name, score in found.items():
        assert score == pytest.approx(0 if name in LOW_IS_GOOD else 1, abs=1e-9), name


def test_a_dead_code_has_nothing():
    found = scores(torch.zeros(len(grid()), 3), grid())
    cost = sum(math.log(size) / (math.log(size) + math.log(20)) for size in SIZES) / 3
    for name, score in found.items():
        assert score == pytest.approx(cost if name == "jemmig" else 0, abs=1e-9), name


def test_one_latent_and_one_factor():
    one = torch.arange(40)[:, None] % 4
    for name, score in scores(one.double(), one).items():
        assert score == pytest.approx(0 if name in LOW_IS_GOOD else 1, abs=1e-9), name
    for score in scores(one.double(), torch.zeros_like(one)).values():
        assert score == 0


def test_factors_with_one_value_change_nothing():
    codes = grid().double() @ noise(0, 3, 4)
    with_constant = torch.cat([grid(), torch.full((len(grid()), 1), 5)], 1)
    for name, score in scores(codes, with_constant).items():
        if name != "modularity":  # its definition counts factors
            assert score == pytest.approx(scores(codes, grid())[name], abs=1e-9), name


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 10**6))
def test_order_and_scale_of_latents_and_order_of_factors_are_irrelevant(seed):
    codes = grid().double() @ noise(seed, 3, 4) + noise(seed + 1, len(grid()), 4)
    expected = scores(codes, grid())
    changed = scores(4.0 * codes[:, [2, 0, 3, 1]], grid()[:, [1, 2, 0]])
    assert changed == pytest.approx(expected, abs=1e-9)


def test_many_tables_at_once_are_the_single_ones():
    codes = [grid().double() + s * noise(1, len(grid()), 3) for s in (0.1, 1.0)]
    tables = [information_table(code, grid()) for code in codes]
    fields = ("information", "code_entropies", "factor_entropies", "factor_information")
    both = InformationTable(*[torch.stack([getattr(t, f) for t in tables]) for f in fields], 20)
    for name, found in family_of_table(both).items():
        single = [float(family_of_table(table)[name].score) for table in tables]
        assert found.score.tolist() == pytest.approx(single, abs=1e-12), name


class TestBehaviours:
    """What Zaidi et al. 2020, https://arxiv.org/abs/2012.09276, ask of scores."""

    perfect = scores(grid().double(), grid())

    @pytest.mark.parametrize("name", NAMES)
    def test_noise_makes_all_worse(self, name):
        spoilt = [
            scores(grid() + deviation * noise(2, len(grid()), 3), grid())
            for deviation in (0.15, 0.5, 1.5)
        ]
        if name in ("modularity", "xmig", "axis_alignment"):
            # They compare latents or factors, not with what there is to know.
            assert all(better(name, self.perfect, found) >= -1e-9 for found in spoilt)
            return
        for first, second in pairwise([self.perfect, *spoilt]):
            assert better(name, first, second) > 0.01

    @pytest.mark.parametrize("name", NAMES)
    def test_rotation_makes_all_worse(self, name):
        # All factors as long as each other, turned by 45 degrees in two planes.
        codes = grid().double() / torch.tensor(SIZES)
        first, second = torch.eye(3).double(), torch.eye(3).double()
        half = math.sqrt(0.5)
        first[:2, :2] = second[1:, 1:] = torch.tensor([[half, -half], [half, half]])
        turned = scores(codes @ first @ second, grid())
        if name == "xmig":  # no latent is idle
            return
        assert better(name, self.perfect, turned) > 0.1

    @pytest.mark.parametrize("name", NAMES)
    def test_duplicates_lose_compactness_alone(self, name):
        doubled = scores(grid().double().repeat(1, 2), grid())
        compact = ("mig", "jemmig", "dmig", "xmig", "axis_alignment")
        loss = better(name, self.perfect, doubled)
        assert loss > 0.3 if name in compact else abs(loss) < 1e-9

    @pytest.mark.parametrize("name", NAMES)
    def test_a_split_factor_loses_more_than_modularity(self, name):
        factors = grid()
        halves = [factors[:, 2] // 4, factors[:, 2] % 4]
        codes = torch.stack([factors[:, 0], factors[:, 1], *halves], 1).double()
        loss = better(name, self.perfect, scores(codes, factors))
        assert abs(loss) < 1e-9 if name in ("modularity", "minimality") else loss > 0.02

    @pytest.mark.parametrize("name", NAMES)
    def test_dead_latents_cost_nothing(self, name):
        codes = torch.cat([grid().double(), torch.zeros(len(grid()), 4)], 1)
        assert scores(codes, grid())[name] == pytest.approx(self.perfect[name], abs=1e-9)

    @pytest.mark.parametrize("name", NAMES)
    def test_latents_of_noise_cost_little(self, name):
        codes = torch.cat([grid().double(), 1e-3 * noise(3, len(grid()), 4)], 1)
        found = information_family(codes, grid())[name]
        assert found.score == pytest.approx(self.perfect[name], abs=0.1)
        if name in PER_LATENT:
            assert found.counted.tolist() == [True] * 3 + [False] * 4

    def test_modularity_with_noise_as_of_disentanglement_lib(self):
        codes = torch.cat([grid().double(), 1e-3 * noise(3, len(grid()), 3)], 1)
        theirs = modularity(information_table(codes, grid()), dead="dlib")
        assert 0.7 < float(theirs.score) < 0.95


def test_gaps_by_hand():
    table = table_of([[1.0, 0.5], [0.25, 0.75], [0.5, 0.25]], [2.0, 1.0])
    assert mig(table).parts.tolist() == pytest.approx([0.25, 0.25])
    assert rmig(table).parts.tolist() == pytest.approx([0.5, 0.25])
    # Shares of entropies: rows (1/2, 1/2), (1/8, 3/4), (1/4, 1/4).
    assert mig_sup(table).parts.tolist() == pytest.approx([0, 0.625, 0])
    # Gaps 0.5 of latent 0 and 0.25 of latent 2 for factor 0, 0.5 of latent 1 for factor 1.
    assert float(dcimig(table).score) == pytest.approx((0.5 + 0.5) / 3)
    assert dcimig(table).parts.tolist() == pytest.approx([0.25, 0.5])
    expected = [1 - 0.25, 1 - 1 / 9, 1 - 0.25]
    assert modularity(table).parts.tolist() == pytest.approx(expected)
    assert axis_alignment(table).parts.tolist() == pytest.approx([0.25, 0])
    assert sufficiency(table).parts.tolist() == pytest.approx([0.5, 0.75])
    only = torch.tensor([True, False, False])
    assert float(mig_sup(table, only).score) == pytest.approx(0)
    assert float(minimality(table, ~only).score) == pytest.approx(1)


def test_jemmig_by_hand():
    table = table_of([[1.0, 0.5], [0.25, 0.75]], [2.0, 1.0], [1.5, 2.5], bins=8)
    costs = [1.5 + 2 - 2 * 1 + 0.25, 2.5 + 1 - 2 * 0.75 + 0.5]
    assert jemmig(table, normalised=False).parts.tolist() == pytest.approx(costs)
    bounds = [2 + math.log(8), 1 + math.log(8)]
    shares = [cost / bound for cost, bound in zip(costs, bounds, strict=True)]
    assert jemmig(table).parts.tolist() == pytest.approx(shares)


def test_joint_tables_that_are_known():
    # Two fair bits; latent 0 the first, latent 1 their sum: 0, 1, 1, 2.
    bits = torch.cartesian_prod(torch.arange(2), torch.arange(2))
    codes = torch.stack([bits[:, 0], bits.sum(1)], 1).double()
    table, bit = information_table(codes, bits), math.log(2)
    expected = [[bit, 0.0], [bit / 2, bit / 2]]
    torch.testing.assert_close(table.information, torch.tensor(expected, dtype=torch.float64))
    assert table.code_entropies.tolist() == pytest.approx([bit, 1.5 * bit])
    assert mig(table).parts.tolist() == pytest.approx([0.5, 0.5])
    assert mig_sup(table).parts.tolist() == pytest.approx([1, 0])
    assert minimality(table).parts.tolist() == pytest.approx([1, 1 / 3])


class TestDependentFactors:
    """Two fair bits that agree with probability 0.9."""

    factors = torch.tensor([[0, 0]] * 9 + [[0, 1]] + [[1, 0]] + [[1, 1]] * 9)
    shared = math.log(2) + 0.9 * math.log(0.9) + 0.1 * math.log(0.1)

    def test_a_perfect_code_is_perfect_for_dmig_and_dlig_alone(self):
        table = information_table(self.factors.double(), self.factors)
        assert float(mig(table).score) == pytest.approx(1 - self.shared / math.log(2))
        for score in (dmig, dlig, xmig):
            assert float(score(table).score) == pytest.approx(1), score

    def test_an_idle_rival_makes_dmig_the_gap(self):
        codes = torch.stack([self.factors[:, 0], self.factors[:, 1], self.factors[:, 1]], 1)
        table = information_table(codes.double(), self.factors)
        assert dmig(table).parts.tolist() == pytest.approx([1, 0])
        # Latent 2 holds no factor: it is the rival of factor 1 for XMIG, too.
        assert xmig(table).parts.tolist() == pytest.approx([1 - self.shared / math.log(2), 0])
        assert dlig(table).counted.tolist() == [True, True, False]

    def test_holders_may_be_given(self):
        table = information_table(self.factors.double().flip(1), self.factors)
        swapped = dmig(table, torch.tensor([0, 1]))
        assert swapped.parts.tolist() == pytest.approx([-1, -1])
        assert float(dmig(table, torch.tensor([1, 0])).score) == pytest.approx(1)

    def test_factors_that_determine_each_other_do_not_count(self):
        same = self.factors[:, [0, 0]]
        table = information_table(same.double(), same)
        # Both are held by the first latent; its rival holds none.
        assert dmig(table).parts.tolist() == [0, 0]
        assert not dlig(table).counted.any()
        assert float(dlig(table).score) == 0


class TestContext:
    factors = grid()
    codes = factors + 0.3 * noise(4, len(factors), 3)
    family = information_family(codes, factors, repeats=20)

    @pytest.mark.parametrize("name", NAMES)
    def test_scores_lie_between_chance_and_ceiling(self, name):
        found, sign = self.family[name], -1 if name in LOW_IS_GOOD else 1
        assert sign * found.chance < sign * found.score + 1e-9
        if name != "xmig":  # the only rivals are idle latents, of which there are none
            assert sign * found.score < sign * found.ceiling + 1e-9
        assert found.low <= found.score <= found.high

    def test_intervals_are_as_wide_as_the_scores_of_new_samples_spread(self):
        rows = torch.Generator().manual_seed(5)
        pairs = [torch.randint(len(grid()), (1000,), generator=rows) for _ in range(40)]
        made = [grid()[row] for row in pairs]
        drawn = [f + 0.3 * noise(6 + i, 1000, 3) for i, f in enumerate(made)]
        spread = torch.tensor([scores(c, f)["mig"] for c, f in zip(drawn, made, strict=True)]).std()
        found = information_family(drawn[0], made[0], repeats=50)["mig"]
        assert (found.high - found.low) / 3.92 == pytest.approx(float(spread), rel=0.5)

    def test_it_repeats_itself(self):
        again = information_family(self.codes, self.factors, repeats=20)
        assert again["mig"].chance == self.family["mig"].chance
        assert again["mig"].low == self.family["mig"].low
        other = information_family(self.codes, self.factors, repeats=20, seed=1)
        assert other["mig"].score == again["mig"].score
        assert other["mig"].low != again["mig"].low

    def test_mistakes_are_told(self):
        with pytest.raises(ValueError, match="repeats=1"):
            information_family(self.codes, self.factors, repeats=1)
        with pytest.raises(ValueError, match="level=1"):
            information_family(self.codes, self.factors, level=1)
        with pytest.raises(ValueError, match="NaN or infinite"):
            information_family(self.codes / 0, self.factors)
        with pytest.raises(ValueError, match="dead='maybe'"):
            modularity(information_table(self.codes, self.factors), dead="maybe")
