"""Nearest-neighbour information against closed forms, brute force and scikit-learn."""

import numpy as np
import pytest
import torch
from scipy.integrate import trapezoid
from scipy.special import digamma
from sklearn.feature_selection import mutual_info_classif, mutual_info_regression

from vaescope.metrics.information.information_matrix import entropy
from vaescope.metrics.information.ksg import nearest_information


def normal(seed, *shape):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def classes(seed, rows, count):
    return torch.randint(count, (rows, 1), generator=torch.Generator().manual_seed(seed))


def standardised(values):
    return (values - values.mean()) / values.std(correction=0)


def ross(code, labels, neighbours):
    """The definition, by all pairs."""
    distance = (code[:, None] - code[None]).abs()
    terms = []
    for row, label in enumerate(labels):
        mates = distance[row, labels == label].sort().values[1:]
        k = min(neighbours, len(mates))
        if k:
            inside = int((distance[row] < mates[k - 1]).sum())
            terms.append(digamma(k) - digamma(len(mates) + 1) - digamma(inside))
    return digamma(len(terms)) + np.mean(terms)


def kraskov(code, target, neighbours):
    """The definition, by all pairs; target [M, N]."""
    of_code = (code[:, None] - code[None]).abs()
    of_target = (target[:, :, None] - target[:, None]).abs().amax(0)
    joint = torch.maximum(of_code, of_target)
    radius = joint.sort(1).values[:, neighbours, None]
    near = [(d < radius).sum(1).double().digamma().mean() for d in (of_code, of_target)]
    return float(digamma(neighbours) + digamma(len(code)) - near[0] - near[1])


@pytest.mark.parametrize("neighbours", [1, 3, 7])
def test_classes_by_brute_force(neighbours):
    labels = classes(0, 120, 9)
    codes = normal(1, 120, 2) + 0.5 * labels
    found = nearest_information(codes, labels, neighbours=neighbours)[:, 0]
    expected = [ross(standardised(code), labels[:, 0], neighbours) for code in codes.T]
    assert found.tolist() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("neighbours", [1, 3, 7])
def test_reals_and_angles_by_brute_force(neighbours):
    codes = normal(2, 120, 2)
    factors = torch.stack([codes[:, 0] + normal(3, 120), 6 * normal(4, 120)], 1)
    kinds = ["continuous", "circular"]
    found = nearest_information(codes, factors, kinds=kinds, neighbours=neighbours)
    angle = torch.stack([standardised(f(factors[:, 1])) for f in (torch.cos, torch.sin)])
    targets = [standardised(factors[:, 0])[None], angle]
    expected = [[kraskov(standardised(c), t, neighbours) for t in targets] for c in codes.T]
    np.testing.assert_allclose(found, np.clip(expected, 0, None), atol=1e-12)


def test_estimates_are_those_of_scikit_learn():
    codes, factor = normal(5, 500, 3), normal(6, 500, 1)
    codes[:, :1] += factor
    found = nearest_information(codes, factor)[:, 0]
    expected = mutual_info_regression(codes.numpy(), factor[:, 0].numpy(), random_state=0)
    np.testing.assert_allclose(found, expected, atol=2e-3)
    labels = classes(7, 500, 5)
    codes[:, :1] += labels
    found = nearest_information(codes, labels)[:, 0]
    # scikit-learn shifts nothing and scales alike, but adds noise to every column.
    expected = mutual_info_classif(codes.numpy(), labels[:, 0].numpy(), random_state=0)
    np.testing.assert_allclose(found, expected, atol=2e-3)


@pytest.mark.parametrize("correlation", [0.0, 0.6, 0.95])
def test_gaussian_pairs_have_their_information(correlation):
    pair = normal(8, 4000, 2)
    other = correlation * pair[:, :1] + np.sqrt(1 - correlation**2) * pair[:, 1:]
    found = float(nearest_information(pair[:, :1], other))
    assert found == pytest.approx(-0.5 * np.log(1 - correlation**2), abs=0.04)


def test_a_mixture_has_its_information():
    labels = classes(9, 4000, 2)
    codes = normal(10, 4000, 1) + 2 * labels
    grid = np.linspace(-8, 10, 20001)
    parts = [np.exp(-0.5 * (grid - mean) ** 2) / np.sqrt(2 * np.pi) for mean in (0, 2)]
    mixed = (parts[0] + parts[1]) / 2
    entropy_of_mixture = -trapezoid(mixed * np.log(mixed), grid)
    expected = entropy_of_mixture - 0.5 * np.log(2 * np.pi * np.e)
    assert float(nearest_information(codes, labels)) == pytest.approx(expected, abs=0.03)


def test_an_angle_goes_round():
    angle = 2 * np.pi * torch.rand(2000, 1, generator=torch.Generator().manual_seed(0)).double()
    turned = torch.remainder(angle + 0.1 * normal(11, 2000, 1), 2 * np.pi)
    # A normal wrapped error: log(2 pi) minus its entropy.
    expected = np.log(2 * np.pi) - 0.5 * np.log(2 * np.pi * np.e * 0.01)
    codes = torch.cat([turned.cos(), turned], 1)
    found = nearest_information(codes, angle, kinds=["circular"])[:, 0]
    assert float(found[1]) == pytest.approx(expected, abs=0.05)
    assert 0 < found[0] < found[1]


def test_tied_codes_reach_the_entropy():
    labels = torch.arange(4000)[:, None] % 8
    found = float(nearest_information(labels.double(), labels))
    assert found == pytest.approx(digamma(4000) - digamma(500), abs=1e-3)
    assert found == pytest.approx(float(entropy(labels)), abs=2e-3)


def test_latents_may_be_moved_scaled_and_turned():
    codes, labels = normal(12, 300, 3), classes(13, 300, 4)
    codes[:, 0] += labels[:, 0]
    changed = torch.stack([-3 * codes[:, 2] + 1, 1e6 * codes[:, 0]], 1)
    expected = nearest_information(codes, labels)[[2, 0]]
    torch.testing.assert_close(nearest_information(changed, labels), expected)


def test_what_is_constant_or_single_has_no_information():
    codes, labels = normal(14, 50, 2), classes(15, 50, 3)
    codes[:, 0] = 4.2
    assert nearest_information(codes, labels)[0].tolist() == [0]
    assert not nearest_information(codes, torch.zeros(50, 1, dtype=torch.int64)).any()
    assert not nearest_information(codes, torch.zeros(50, 1)).any()
    assert not nearest_information(codes, torch.arange(50)[:, None]).any()


def test_mistakes_are_told():
    codes, labels = normal(16, 20, 2), classes(17, 20, 3)
    with pytest.raises(ValueError, match="20 neighbours of 20 rows: give 1 to N - 1"):
        nearest_information(codes, labels, neighbours=20)
    with pytest.raises(ValueError, match="finite"):
        nearest_information(codes / 0, labels)
    with pytest.raises(ValueError, match="finite"):
        nearest_information(codes[:19], labels)
    with pytest.raises(ValueError, match=r"2 kinds .* but one for each of 1 factors"):
        nearest_information(codes, labels, kinds=["ordinal"] * 2)
    with pytest.raises(ValueError, match=r"kinds = .*colour.* one of ordinal"):
        nearest_information(codes, labels, kinds=["colour"])
