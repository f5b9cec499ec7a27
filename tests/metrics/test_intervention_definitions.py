"""FactorVAE score, IRS and OMES against loops over their definitions, and by hand."""

import pytest
import torch

from vaescope.metrics.intervention.fixed_factor import factor_vae_score
from vaescope.metrics.intervention.interventional_robustness import irs
from vaescope.metrics.intervention.overlap import omes, omes_of_association

SIZES = (3, 5, 6, 8)
STATES = torch.cartesian_prod(*(torch.arange(size) for size in SIZES))
PERFECT = (STATES - STATES.double().mean(0)) / STATES.double().std(0)


def draws(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def test_votes_against_a_loop():
    """The share of votes for each latent, against one vote at a time with NumPy's generator."""
    codes = PERFECT @ draws(4, 4) + 0.5 * draws(len(STATES), 4, seed=1)
    found = factor_vae_score(codes, STATES, threshold=0)
    shares = found.train_votes / found.train_votes.sum(0)
    generator = torch.Generator().manual_seed(5)
    for factor in range(4):
        counts = torch.zeros(4)
        for _ in range(1_500):
            value = torch.randint(SIZES[factor], (1,), generator=generator)
            rows = (STATES[:, factor] == value).nonzero().flatten()
            drawn = rows[torch.randint(len(rows), (64,), generator=generator)]
            counts[(codes[drawn].var(0) / codes.var(0)).argmin()] += 1
        torch.testing.assert_close(
            shares[:, factor], counts.double() / 1_500, atol=0.06, rtol=0, check_dtype=False
        )
    assert found.num_active_dims == 4
    assert found.train_votes.sum() == 10_000
    assert found.eval_votes.sum() == 5_000


def test_robustness_against_a_loop():
    codes = PERFECT @ draws(4, 3) + draws(len(STATES), 3, seed=1)
    found = irs(codes, STATES, quantile=0.9)
    for factor in range(4):
        within = []
        for value in range(SIZES[factor]):
            group = codes[STATES[:, factor] == value]
            within.append((group - group.mean(0)).abs().quantile(0.9, dim=0))
        expected = 1 - torch.stack(within).mean(0) / (codes - codes.mean(0)).abs().amax(0)
        torch.testing.assert_close(found.matrix[:, factor], expected)
    assert torch.equal(found.parents, found.matrix.argmax(1))


def test_binning_of_factors_costs_a_perfect_code_only_under_dlib():
    factors = torch.arange(2_000)[:, None] % 40
    codes = factors.double()
    assert irs(codes, factors).score == pytest.approx(1)
    assert irs(codes, factors, convention="dlib").score < 0.98


def test_values_of_one_row_count_only_under_dlib():
    factors = torch.cat([torch.arange(50) % 2, torch.arange(2, 52)])[:, None]
    codes = draws(100, 1)
    alone = irs(codes[:50], factors[:50]).matrix * (codes[:50] - codes[:50].mean()).abs().max()
    found = irs(codes, factors)
    within = (1 - found.matrix) * found.deviations
    torch.testing.assert_close(within, (codes[:50] - codes[:50].mean()).abs().max() - alone)
    # Fifty values of one row each look perfectly robust.
    assert irs(codes, factors, convention="dlib", bins=50).score > found.score


def test_omes_of_given_associations():
    assert omes_of_association(torch.eye(4)).score == pytest.approx(1)
    both = torch.tensor([[1.0, 1], [0, 0]])  # one latent for two factors, beside a dead one
    assert omes_of_association(both, alpha=1).score == pytest.approx(0.5)
    assert omes_of_association(both, alpha=0).score == pytest.approx(1)
    split = torch.tensor([[1.0, 0], [1, 0], [0, 1]])  # two latents for the first factor
    assert omes_of_association(split, alpha=1).score == pytest.approx(1)
    found = omes_of_association(split, alpha=0)
    torch.testing.assert_close(found.factors, torch.tensor([2 / 3, 1.0], dtype=torch.float64))
    uneven = torch.tensor([[0.8, 0.1], [0.2, 0.9]], dtype=torch.float64)
    first = 0.8 * (1 - (0.2 + 0.1) / 2) + 0.2 * (1 - (0.8 + 0.9) / 2)
    assert omes_of_association(uneven, alpha=1).factors[0] == pytest.approx(first)
    with pytest.raises(ValueError, match="within 0 and 1"):
        omes_of_association(2 * torch.eye(2))


def test_association_is_what_a_latent_changes_with():
    codes = torch.stack([PERFECT[:, 0], PERFECT[:, 1] + PERFECT[:, 2]], 1)
    found = omes(codes, STATES, pairs=20_000).association
    expected = torch.tensor([[1, 0, 0, 0], [0, 0.5, 0.5, 0]], dtype=torch.float64)
    torch.testing.assert_close(found, expected, atol=0.02, rtol=0)
