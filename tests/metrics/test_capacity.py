"""Explicitness and size of DCI-ES: closed forms, least squares one by one, codes that are known."""

import math

import pytest
import torch

from vaescope.metrics.prediction.probe_capacity import _features, dci_es, explicitness_of_losses

CAPACITIES = (0, 8, 32, 128, 512)


def draws(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(*shape, generator=generator, dtype=torch.float64)


FACTORS = 2 * draws(1500, 2) - 1


def scored(codes, factors=FACTORS, **options):
    cut = len(codes) * 2 // 3
    rows = codes[:cut], factors[:cut], codes[cut:], factors[cut:]
    return dci_es(*rows, **({"capacities": CAPACITIES} | options))


def test_a_flat_curve_is_one_an_even_fall_zero_and_a_late_one_minus_one():
    losses = torch.stack(
        [torch.full((101,), 0.3), torch.linspace(1, 0, 101), torch.ones(101)], 1
    ).double()
    losses[-1, 2] = 0
    found = explicitness_of_losses(losses, torch.ones(3))
    expected = torch.tensor([1.0, 0.0, -1 + 0.01])  # the last step is half under the curve
    torch.testing.assert_close(found, expected.double(), atol=1e-7, rtol=0)


def test_the_area_is_relative_to_the_baseline():
    losses = torch.tensor([[0.5], [0.25], [0.0]]).double()
    assert explicitness_of_losses(losses, torch.tensor([0.5])).item() == pytest.approx(0.0)
    assert explicitness_of_losses(losses, torch.tensor([1.0])).item() == pytest.approx(0.5)


def test_losses_are_those_of_ridge_regressions_one_by_one():
    codes = draws(300, 3, seed=1)
    factors = (codes[:, :1] * 5).sin() + 0.1 * draws(300, 1, seed=2)
    train, test = slice(200), slice(200, 300)
    found = dci_es(
        codes[train], factors[train], codes[test], factors[test], capacities=(0, 4, 16), ridge=0.01
    )
    own, other, linear = _features(codes[train], codes[test], 16, seed=0)
    mean, scale = factors[train].mean(), factors[train].std(correction=0)
    unit = (factors - mean) / scale
    best = 1.0
    for place, capacity in enumerate((0, 4, 16)):
        used = own[:, : linear + capacity]
        gram = used.T @ used / 200 + 0.01 * torch.eye(linear + capacity).double()
        answers = other[:, : linear + capacity] @ torch.linalg.solve(
            gram, used.T @ unit[train] / 200
        )
        truth = unit[test]
        loss = float((answers - truth).square().sum() / truth.square().sum())
        best = min(best, loss)
        assert found.losses[place].item() == pytest.approx(best, rel=1e-9)


def test_linear_codes_need_no_features_however_they_are_turned():
    angle = math.pi / 5
    turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    for codes in (FACTORS, FACTORS @ turn.double(), 3 * FACTORS + 7):
        found = scored(codes)
        assert found.explicitness == pytest.approx(1.0, abs=1e-6)
        assert found.size == 1.0


def test_the_more_a_code_is_curved_the_lower():
    """sign(v) sqrt|v|, then a sine of more and more turns: none loses a value."""
    mild = scored(FACTORS.sign() * FACTORS.abs().sqrt())
    once, twice = (
        torch.cat([(n * math.pi * FACTORS).sin(), (n * math.pi * FACTORS).cos()], 1) for n in (1, 2)
    )
    folded = torch.cat([once, FACTORS**2], 1)
    assert 1 > mild.explicitness > scored(once).explicitness
    assert scored(folded).explicitness <= scored(once).explicitness + 0.02
    # after two turns different values share a code, so that all probes fail alike
    assert scored(twice).losses[-1].min() > 0.5


def test_a_code_that_knows_nothing_has_no_better_probe():
    found = scored(draws(1500, 4, seed=3))
    assert found.explicitness == pytest.approx(1.0, abs=0.02)
    assert found.losses.min() > 0.97
    assert found.size == 0.5


def test_classes_are_named_and_circles_followed():
    labels = (draws(1500, 1, seed=4) * 4).long()
    one_hot = torch.nn.functional.one_hot(labels[:, 0], 4).double()
    linear = scored(one_hot, labels, kinds=["categorical"])
    assert linear.explicitness == pytest.approx(1.0)
    assert linear.baselines.item() == pytest.approx(3 / 4)
    assert linear.losses.max() == 0
    # a line names the classes at its ends alone, waves all
    in_line = scored(labels.double(), labels, kinds=["categorical"])
    assert in_line.losses[0].item() == pytest.approx(1 / 2, abs=0.05)
    assert in_line.losses[-1].item() == 0
    assert in_line.explicitness < linear.explicitness
    angle = 2 * math.pi * draws(1500, 1, seed=5)
    circle = torch.cat([angle.cos(), angle.sin()], 1)
    assert scored(circle, angle, kinds=["circular"]).explicitness == pytest.approx(1, abs=1e-6)
    assert scored(angle, angle, kinds=["circular"]).explicitness < 0.95


def test_dead_latents_and_copies_change_the_size_alone():
    codes = FACTORS.sign() * FACTORS.abs().sqrt()
    more = torch.cat([codes, codes, torch.zeros_like(codes)], 1)
    one, other = scored(codes), scored(more)
    beside_dead = scored(torch.cat([codes, torch.ones_like(codes)], 1))
    assert torch.equal(beside_dead.losses, one.losses)
    assert beside_dead.size == one.size / 2
    assert other.explicitness == pytest.approx(one.explicitness, abs=0.02)
    assert other.size == pytest.approx(one.size / 3)


def test_dead_codes_and_factors_with_one_value_are_defined():
    dead = scored(torch.ones(1500, 2).double())
    assert dead.explicitness == pytest.approx(1.0)
    assert dead.losses.min() > 0.97
    still = torch.cat([FACTORS[:, :1], torch.zeros_like(FACTORS[:, :1])], 1)
    found = scored(FACTORS, still)
    assert found.per_factor.tolist() == pytest.approx([1.0, 0.0], abs=1e-6)
    assert found.explicitness == pytest.approx(1.0, abs=1e-6)
    assert scored(FACTORS, torch.zeros_like(FACTORS)).explicitness == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"capacities": (0,)}, "0 and larger"),
        ({"capacities": (8, 16)}, "0 and larger"),
        ({"capacities": (0, 16, 8)}, "0 and larger"),
        ({"ridge": 0.0}, "more than 0"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        scored(FACTORS, **options)


def test_codes_that_are_no_numbers_are_refused():
    codes = FACTORS.clone()
    codes[0, 0] = torch.nan
    with pytest.raises(ValueError, match="NaN"):
        scored(codes)
    with pytest.raises(ValueError, match="other numbers"):
        dci_es(FACTORS, FACTORS, FACTORS[:, :1], FACTORS)
