"""InfoMEC against closed forms, scikit-learn and the degenerate cases of the published code."""

import math

import numpy as np
import pytest
import torch
from sklearn.feature_selection import mutual_info_classif
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from vaescope.metrics.information.infomec import (
    info_compactness,
    info_explicitness,
    info_mec,
    info_modularity,
    normalised_information,
    used_latents,
)


def made_up(seed=0, rows=800):
    generator = torch.Generator().manual_seed(seed)
    uniform = torch.rand(rows, 2, generator=generator, dtype=torch.float64)
    factors = (uniform.square() * 4).long()  # small values are frequent
    noise = torch.randn(rows, 3, generator=generator, dtype=torch.float64)
    return torch.cat([factors.double(), factors[:, :1] - factors[:, 1:]], 1) + noise, factors


def published(codes, labels, balanced):
    """Share of the loss without codes, and that loss, for one factor."""
    x = ((codes - codes.mean(0)) / codes.std(0, correction=0)).numpy()
    losses = []
    for inputs in (x, np.zeros_like(x)):
        model = LogisticRegression(
            C=math.inf,
            tol=1e-9,
            max_iter=10_000,
            class_weight="balanced" if balanced else None,
        ).fit(inputs, labels)
        losses.append(log_loss(labels, model.predict_proba(inputs)))
    return 1 - losses[0] / losses[1], losses[1]


@pytest.mark.parametrize("null", ["entropy", "log_k"])
def test_explicitness_is_that_of_scikit_learn(null):
    codes, factors = made_up()
    found = info_explicitness(codes, factors, null=null)
    for place in range(2):
        share, _ = published(codes, factors[:, place].numpy(), null == "log_k")
        assert float(found[place]) == pytest.approx(share, abs=1e-5)
    assert published(codes, factors[:, 0].numpy(), True)[1] == pytest.approx(math.log(4))


def test_nulls_agree_for_balanced_factors_only():
    codes, factors = made_up(1)
    entropy, log_k = (info_explicitness(codes, factors, null=n) for n in ("entropy", "log_k"))
    assert not torch.allclose(entropy, log_k, atol=0.01)
    balanced = torch.arange(800)[:, None] % 4
    codes = balanced.double() + codes
    pair = [float(info_explicitness(codes, balanced, null=n)) for n in ("entropy", "log_k")]
    assert pair[0] == pytest.approx(pair[1], abs=1e-6)


def test_explicitness_of_perfect_and_useless_codes():
    factors = torch.cartesian_prod(torch.arange(3), torch.arange(30)).repeat(20, 1)
    found = info_explicitness(factors.double(), factors)
    torch.testing.assert_close(found, torch.ones(2, dtype=torch.float64), atol=1e-5, rtol=0)
    constant = info_explicitness(torch.full((1800, 3), 0.1), factors)
    torch.testing.assert_close(constant, torch.zeros(2, dtype=torch.float64), atol=1e-9, rtol=0)


def test_explicitness_of_noise_is_the_bias_of_its_parameters():
    generator = torch.Generator().manual_seed(2)
    factors = torch.randint(5, (4000, 20), generator=generator)
    noise = torch.randn(4000, 6, generator=generator)
    expected = 6 * 4 / (2 * 4000 * math.log(5))
    found = float(info_explicitness(noise, factors).mean())
    assert found == pytest.approx(expected, rel=0.2)


def test_explicitness_of_numbers_and_angles_is_a_share_of_variance():
    generator = torch.Generator().manual_seed(3)
    numbers = torch.randn(50_000, 1, generator=generator, dtype=torch.float64)
    angles = 2 * math.pi * torch.rand(50_000, 1, generator=generator, dtype=torch.float64)
    noise = torch.randn(50_000, 1, generator=generator, dtype=torch.float64)
    codes = torch.cat([numbers + noise, angles.cos()], 1)
    found = info_explicitness(
        codes, torch.cat([numbers, angles], 1), kinds=("continuous", "circular")
    )
    np.testing.assert_allclose(found, [0.5, 0.5], atol=0.01)


def test_modularity_and_compactness_in_closed_form():
    matrix = torch.tensor([[0.8, 0.2, 0.0], [0.1, 0.1, 0.2]])
    assert info_modularity(matrix) == pytest.approx(((0.8 + 0.5) / 2 - 1 / 3) / (2 / 3))
    shares = (8 / 9 + 2 / 3 + 1) / 3
    assert info_compactness(matrix) == pytest.approx((shares - 1 / 2) / (1 / 2))
    assert info_modularity(torch.eye(4)[:, :3]) == pytest.approx((3 / 4 + 1 / 12 - 1 / 3) * 1.5)
    assert info_modularity(torch.ones(3, 4)) == pytest.approx(0)
    assert info_compactness(torch.ones(3, 4)) == pytest.approx(0)
    assert (info_modularity(torch.eye(3)), info_compactness(torch.eye(3))) == (1, 1)


@pytest.mark.parametrize("score", [info_modularity, info_compactness])
def test_single_and_missing_latents_and_factors(score):
    assert score(torch.zeros(0, 3)) == 0
    assert score(torch.zeros(2, 3)) == 0
    assert score(torch.zeros(1, 1)) == 0
    assert score(torch.ones(1, 1)) == 1
    with pytest.raises(ValueError, match="negative"):
        score(torch.full((2, 2), -0.1))
    with pytest.raises(ValueError, match="needed"):
        score(torch.zeros(3))


def test_one_latent_is_compact_and_one_factor_modular():
    assert info_compactness(torch.tensor([[0.3, 0.7]])) == 1
    assert info_modularity(torch.tensor([[0.3], [0.7]])) == 1


def test_rules_of_activity():
    spread = torch.linspace(0, 1, 1001, dtype=torch.float64)[:, None]
    codes = spread * torch.tensor([1.0, 0.11, 0.06, 0.04, 0.0]) + 3
    codes = torch.cat([codes, codes[:, :1].clone()], 1)
    codes[:, 5] = 3
    codes[0, 5] = 4  # wide, but almost always the same
    expected = {
        "range_20": [True, True, True, False, False, True],
        "range_8": [True, False, False, False, False, True],
        "iqr": [True, True, False, False, False, False],
        "iqr_absolute": [True, False, False, False, False, False],
        "varies": [True, True, True, True, False, True],
    }
    for rule, mask in expected.items():
        assert used_latents(codes, rule).tolist() == mask
    assert not bool(used_latents(torch.ones(5, 2)).any())
    with pytest.raises(ValueError, match="'range_30'"):
        used_latents(codes, "range_30")


def test_quartiles_are_those_of_numpy():
    codes = torch.randn(103, 40, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    codes *= torch.linspace(0.03, 0.12, 40)
    low, high = np.quantile(codes, [0.25, 0.75], axis=0)
    expected = high - low > 0.1
    assert 0 < expected.sum() < 40
    assert used_latents(codes, "iqr_absolute").tolist() == expected.tolist()


def test_the_rule_decides_about_a_latent_with_a_little_noise():
    factors = torch.cartesian_prod(torch.arange(8), torch.arange(8)).repeat(30, 1)
    generator = torch.Generator().manual_seed(5)
    faint = 0.08 * torch.rand(len(factors), 1, generator=generator, dtype=torch.float64)
    codes = torch.cat([factors / 7, faint], 1)
    information = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.002, 0.002]])
    wide = info_mec(codes, factors, information=information, prune="range_20")
    narrow = info_mec(codes, factors, information=information, prune="range_8")
    assert narrow.modularity == pytest.approx(1)
    assert wide.modularity == pytest.approx(2 / 3)
    assert narrow.explicitness == wide.explicitness == pytest.approx(1, abs=1e-5)


def test_from_codes_in_the_order_of_how_well_they_separate():
    generator = torch.Generator().manual_seed(6)
    factors = torch.randint(6, (1500, 2), generator=generator)
    noise = 0.2 * torch.randn(1500, 2, generator=generator, dtype=torch.float64)
    turned = torch.tensor([[0.8, -0.6], [0.6, 0.8]], dtype=torch.float64)
    aligned = info_mec(factors + noise, factors)
    mixed = info_mec((factors + noise) @ turned, factors)
    useless = info_mec(torch.randn(1500, 2, generator=generator), factors)
    assert aligned.modularity > 0.9 > 0.5 > mixed.modularity
    assert aligned.compactness > 0.9 > 0.5 > mixed.compactness
    assert mixed.explicitness == pytest.approx(aligned.explicitness, abs=1e-6)
    assert aligned.explicitness > 0.8 > 0.02 > useless.explicitness


def test_normalised_information_is_that_of_scikit_learn():
    codes, factors = made_up(7, rows=1500)
    found = normalised_information(codes, factors, neighbours=10)
    labels = factors[:, 0].numpy()
    share = np.bincount(labels) / len(labels)
    expected = mutual_info_classif(codes.numpy(), labels, n_neighbors=10, random_state=0)
    np.testing.assert_allclose(found[:, 0], expected / -(share * np.log(share)).sum(), atol=1e-3)


def test_normalised_information_of_numbers_is_a_squared_correlation():
    generator = torch.Generator().manual_seed(8)
    numbers = torch.randn(4000, 1, generator=generator, dtype=torch.float64)
    codes = 0.8 * numbers + 0.6 * torch.randn(4000, 1, generator=generator)
    assert float(normalised_information(codes, numbers)) == pytest.approx(0.64, abs=0.03)


def test_dead_codes_and_constant_factors():
    codes, factors = made_up(9)
    constant = torch.full_like(factors[:, :1], 3)
    plain = info_mec(codes, factors)
    more = info_mec(codes, torch.cat([factors, constant], 1))
    assert more.modularity == pytest.approx(plain.modularity)
    assert more.explicitness == pytest.approx(plain.explicitness)
    assert float(more.factors[2]) == 0
    for dead in (info_mec(torch.zeros_like(codes), factors), info_mec(codes, constant)):
        assert (dead.modularity, dead.explicitness, dead.compactness) == (0, 0, 0)


def test_wrong_input_is_refused():
    codes, factors = made_up(10)
    with pytest.raises(ValueError, match="information has shape"):
        info_mec(codes, factors, information=torch.zeros(2, 2))
    with pytest.raises(ValueError, match="'entropy' or 'log_k'"):
        info_explicitness(codes, factors, null="uniform")
    with pytest.raises(ValueError, match="NaN or infinite"):
        info_mec(codes * torch.nan, factors)
