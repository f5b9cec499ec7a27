"""MED and EDI: closed forms, the published rules step by step, and codes whose quality is known."""

import math

import numpy as np
import pytest
import torch

from vaescope.metrics import edi, exclusivity, information_table, med
from vaescope.metrics.information.tables import InformationTable

GRID = torch.cartesian_prod(torch.arange(4), torch.arange(3)).repeat(40, 1)
BITS = torch.stack([GRID[:, 0] // 2, GRID[:, 0] % 2], 1).double()


def table_of(information):
    information = torch.tensor(information, dtype=torch.float64)
    entropies, among = information.sum(0), information.sum(0).diag()
    return InformationTable(information, information.sum(1), entropies, among, 20)


def published_med(information, top):
    """The rules of Cao et al. one latent and one factor at a time."""
    importances = information / information.sum(0)

    def spread(row):
        row = row[row > 0] / row.sum()
        return float(-(row * np.log(row)).sum())

    apart = [1 - spread(row) / math.log(len(row)) for row in importances]
    kept = set()
    for factor in range(importances.shape[1]):
        own = [i for i, row in enumerate(importances) if row.argmax() == factor]
        kept |= set(sorted(own, key=lambda i: -apart[i])[: top or len(own)])
    chosen = importances[sorted(kept)]
    weights = chosen.sum(1) / chosen.sum()
    disentangled = sum(w * apart[i] for w, i in zip(weights, sorted(kept), strict=True))
    whole = [1 - spread(column) / math.log(len(chosen)) for column in chosen.T]
    return disentangled, float(np.dot(whole, chosen.sum(0) / chosen.sum()))


def test_med_by_hand():
    found = med(table_of([[1.0, 0.0], [0.5, 0.5]]))
    half = 1 - (0.25 * math.log(4) + 0.75 * math.log(4 / 3)) / math.log(2)
    assert found.disentanglement == pytest.approx(1 / 3 + 2 / 3 * half, abs=1e-12)


@pytest.mark.parametrize("top", [None, 1, 2])
def test_med_is_what_was_published(top):
    information = np.random.default_rng(0).random((7, 3)) + 0.01
    found = med(table_of(information.tolist()), top=top)
    expected = published_med(information, top)
    assert (found.disentanglement, found.completeness) == pytest.approx(expected, abs=1e-12)


def test_the_best_latents_alone_are_not_lowered_by_useless_ones():
    noise = np.random.default_rng(0).standard_normal((len(GRID), 20))
    codes = torch.cat([GRID.double(), torch.from_numpy(noise)], 1)
    table = information_table(codes, GRID)
    assert med(table).disentanglement < 0.8
    assert med(table, top=1).disentanglement > 0.99


def test_med_of_a_factor_with_one_value_is_that_of_the_others():
    still = torch.cat([GRID, torch.full_like(GRID[:, :1], 7)], 1)
    assert med(information_table(GRID.double(), still)).completeness == pytest.approx(1, abs=1e-9)


def test_exclusivity_by_hand():
    found = exclusivity(torch.tensor([0.6, 0.3, 0.2], dtype=torch.float64), 0)
    assert float(found) == pytest.approx(0.6 - math.sqrt((0.09 + 0.04) / 2), abs=1e-12)
    assert exclusivity(torch.tensor([[0.4], [0.0]]), 1).tolist() == pytest.approx([0.4, 0.0])


def edi_of(codes, factors=GRID):
    return edi(codes, factors, codes, factors)


def test_edi_of_a_perfect_code_and_of_bits():
    """Each of two bits has half of a factor; both together have it."""
    perfect = edi_of(GRID.double())
    assert perfect.shares.flatten().tolist() == pytest.approx([1, 0, 0, 1], abs=1e-9)
    split = edi_of(torch.cat([BITS, GRID[:, 1:].double()], 1))
    assert split.shares[:, 0].tolist() == pytest.approx([0.5, 0.5, 0], abs=0.01)
    assert split.modularity == pytest.approx(1, abs=0.02)
    assert split.by_factor[0] == pytest.approx(0.5 - math.sqrt(0.25 / 2), abs=0.01)
    assert split.explicitness == pytest.approx(1, abs=0.01)


def test_edi_is_what_was_published_for_its_shares():
    mixed = GRID.double() @ torch.tensor([[1, 0.5, 0.2], [0.4, 1, 0]]).double()
    found = edi_of(mixed)
    shares, factors = found.shares.numpy(), range(2)

    def exclusive(values):
        best = values.max()
        return best - math.sqrt((np.square(values).sum() - best**2) / (len(values) - 1))

    served = np.zeros(2)
    for row in shares:
        served[row.argmax()] += exclusive(row)
    assert found.modularity == pytest.approx(np.minimum(served, 1).mean(), abs=1e-12)
    expected = np.mean([exclusive(shares[:, k]) for k in factors])
    assert found.compactness == pytest.approx(expected, abs=1e-12)


def test_edi_of_copies_and_of_one_latent_for_two_factors():
    copies = edi_of(GRID.double().repeat(1, 2))
    assert copies.modularity == pytest.approx(1, abs=1e-6)
    assert copies.compactness == pytest.approx(1 - math.sqrt(1 / 3), abs=1e-6)
    both = edi_of((GRID[:, :1] * 3 + GRID[:, 1:]).double())  # it tells both, exclusive to none
    assert both.explicitness == pytest.approx(1, abs=1e-9)
    assert both.modularity == pytest.approx(0, abs=1e-9)


def test_edi_of_a_code_that_knows_nothing():
    noise = np.random.default_rng(0).standard_normal((len(GRID), 3))
    codes, half = torch.from_numpy(noise), len(GRID) // 2
    found = edi(codes[:half], GRID[:half], codes[half:], GRID[half:])
    assert found.explicitness < 0.1
    dead = edi_of(torch.ones(len(GRID), 2).double())
    assert (dead.modularity, dead.compactness, dead.explicitness) == (0, 0, 0)
