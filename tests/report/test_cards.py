"""The cards of a run's page: what they say follows from the scores, and only from those."""

import pytest

from vaescope.report.run.cards import cards_of

FACTORS = ("shape", "scale", "angle")
ROW = {
    "seed": 0,
    "likelihood": "Bernoulli",
    "test/mig": 0.3,
    "test/mig_chance": 0.1,
    "test/mig_ceiling": 0.9,
    "test/dto_active": 0.5,
    "test/dto_active_chance": 2.0,
    "test/active_by_variance": 4.0,
    "test/polarization_gap": 0.02,
    "test/polarized_share": 0.25,
    "test/reconstruction": 20.0,
}


def cards(*rows, **about):
    return {card.name: card for card in cards_of(rows, **about)}


def test_each_number_stands_between_its_ends():
    found = cards(ROW, untrained=200.0, num_latents=10, varying=FACTORS)
    mig, dto = found["MIG"], found["Distance to orthogonality"]
    assert (mig.value, mig.bar.share) == ("0.30", 25.0)  # a quarter of the way from 0.1 to 0.9
    assert mig.beside == "25 % of the way from chance to ceiling"
    assert (dto.bar.share, dto.bar.right) == (25.0, "chance 2.00")
    assert (found["Active latents"].bar.share, found["Active latents"].bar.tick) == (40.0, 30.0)
    assert found["Δ_KL"].bar.tick == 30.0  # 0.03 on a bar to 0.1
    assert found["Δ_KL"].mark == "polarized"
    assert found["Reconstruction"].beside == "90 % below the untrained model"
    assert found["Reconstruction"].unit == "nats"


@pytest.mark.parametrize(
    ("active", "mark"),
    [
        ((3, 4), "enough for every factor"),
        ((2, 3), "over-pruned: 1 of 2 seeds"),
        ((2,), "over-pruned"),
    ],
)
def test_over_pruned_is_fewer_active_latents_than_factors_that_vary(active, mark):
    rows = [{"test/active_by_variance": float(number)} for number in active]
    card = cards(*rows, varying=FACTORS)["Active latents"]
    assert card.mark == mark
    assert card.is_good == mark.startswith("enough")
    flagged = [
        {**row, "test/over_pruned": float(n < 3)} for row, n in zip(rows, active, strict=True)
    ]
    assert cards(*flagged)["Active latents"].mark == mark  # the flag that was kept, without names


def test_what_a_run_does_not_have_is_not_shown():
    assert cards({"seed": 0, "num_samples": 9}) == {}
    (card,) = cards({"test/active_by_variance": 2.0}).values()
    assert (card.mark, card.beside, card.bar) == ("", "", None)
    assert cards({"held_out/reconstruction": 3.0})["Reconstruction"].bar is None


def test_of_several_seeds_there_is_a_mean_and_a_range():
    rows = [ROW | {"seed": seed, "test/mig": mig} for seed, mig in enumerate((0.1, 0.5))]
    card = cards(*rows)["MIG"]
    assert (card.value, card.unit, card.bar.spread) == ("0.30", "0.1 to 0.5", (0.0, 50.0))
