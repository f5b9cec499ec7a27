"""Information of drawn codes against quadrature over small Gaussian mixtures."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.integrate import trapezoid

from vaescope.metrics.information.posterior import posterior_information, posterior_table
from vaescope.metrics.information.scores import jemmig, mig, rmig
from vaescope.metrics.information.tables import information_table

MEANS = torch.tensor([[-1.5, 0.3], [-0.5, 0.1], [0.4, 0.2], [2.0, 0.0]], dtype=torch.float64)
VARIANCES = torch.tensor([[0.2, 1.0], [0.5, 1.0], [0.1, 0.9], [0.3, 1.1]], dtype=torch.float64)
FACTORS = torch.tensor([[0, 0], [0, 1], [1, 0], [2, 1]])
GRID = np.linspace(-9, 9, 40001)


def density(latent, rows):
    """Equal mixture of the rows' normals on the grid."""
    mean = MEANS[rows, latent].numpy()[:, None]
    variance = VARIANCES[rows, latent].numpy()[:, None]
    normals = np.exp(-((GRID - mean) ** 2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)
    return normals.mean(0)


def entropy_of(latent, rows):
    p = density(latent, rows)
    return -trapezoid(p * np.log(p + 1e-300), GRID)


def expected(latent, factor):
    labels = FACTORS[:, factor]
    inside = [
        float((labels == value).double().mean())
        * entropy_of(latent, (labels == value).nonzero().flatten())
        for value in labels.unique()
    ]
    return entropy_of(latent, torch.arange(4)) - sum(inside)


def test_entropies_and_information_are_the_integrals():
    found = posterior_information(MEANS, VARIANCES, FACTORS, num_samples=40_000)
    integrals = [[expected(latent, factor) for factor in range(2)] for latent in range(2)]
    np.testing.assert_allclose(found.information, integrals, atol=0.01)
    entropies = [entropy_of(latent, torch.arange(4)) for latent in range(2)]
    np.testing.assert_allclose(found.code_entropies, entropies, atol=0.02)
    split = -np.log([0.5, 0.25, 0.25]) @ [0.5, 0.25, 0.25]
    assert found.factor_entropies.tolist() == pytest.approx([split, np.log(2)])


def test_masses_in_bins_are_the_integrals():
    table = posterior_table(MEANS, VARIANCES, FACTORS, bins=12, reach=3.0)
    edges = np.concatenate([[-9], np.linspace(-3, 3, 13)[1:-1], [9]])
    for latent in range(2):
        mass = []
        for value in FACTORS[:, 0].unique():
            rows = (FACTORS[:, 0] == value).nonzero().flatten()
            p = density(latent, rows) * len(rows) / 4
            grids = [np.linspace(a, b, 4001) for a, b in pairwise(edges)]
            mass.append([trapezoid(np.interp(g, GRID, p), g) for g in grids])
        mass = np.array(mass)
        apart = mass / (mass.sum(0) * mass.sum(1, keepdims=True))
        nats = (mass * np.log(apart)).sum()
        assert float(table.information[latent, 0]) == pytest.approx(nats, abs=1e-5)


def test_bins_approach_the_integral_from_below():
    whole = expected(0, 0)
    found = [
        float(posterior_table(MEANS, VARIANCES, FACTORS, bins=bins).information[0, 0])
        for bins in (5, 20, 100, 400)
    ]
    assert found == sorted(found)
    assert found[-1] == pytest.approx(whole, abs=1e-3)


def test_without_noise_bins_are_those_of_the_means():
    factors = torch.cartesian_prod(torch.arange(4), torch.arange(3))
    means = factors.double() * 2 - 3
    table = posterior_table(means, torch.full_like(means, 1e-6), factors, bins=50)
    assert rmig(table).parts.tolist() == pytest.approx([np.log(4), np.log(3)], abs=1e-6)
    assert float(mig(table).score) == pytest.approx(1, abs=1e-6)
    assert jemmig(table).parts.tolist() == pytest.approx([0, 0], abs=1e-6)
    exact = information_table(means, factors, bins=50)
    torch.testing.assert_close(table.information, exact.information, atol=1e-6, rtol=0)


def test_noise_lowers_the_robust_gap_and_raises_jemmig():
    factors = torch.arange(400)[:, None] % 4
    means = torch.cat([factors.double() - 1.5, torch.zeros(400, 1)], 1)
    tables = [
        posterior_table(means, torch.full_like(means, v), factors) for v in (0.01, 0.1, 0.5, 2.0)
    ]
    gaps = [float(rmig(table).score) for table in tables]
    assert gaps == sorted(gaps, reverse=True)
    costs = [float(jemmig(table).score) for table in tables]
    assert costs == sorted(costs)


def test_a_dead_latent_has_no_information():
    factors = torch.arange(60)[:, None] % 3
    zeros = torch.zeros(60, 2, dtype=torch.float64)
    found = posterior_information(zeros, zeros + 1, factors, num_samples=100)
    assert not found.information.any()
    assert not posterior_table(zeros, zeros + 1, factors).information.any()


def test_mistakes_are_told():
    with pytest.raises(ValueError, match="not above 0"):
        posterior_information(MEANS, VARIANCES - 1, FACTORS)
    with pytest.raises(ValueError, match="give"):
        posterior_information(MEANS, VARIANCES[:3], FACTORS)
    with pytest.raises(ValueError, match="0 samples"):
        posterior_information(MEANS, VARIANCES, FACTORS, num_samples=0)
