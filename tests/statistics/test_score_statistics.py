"""Statistics of scores: one number for one name, whoever asks and however quickly."""

import pytest
import torch

from vaescope.distributions.posteriors import Point
from vaescope.panel import score_panel
from vaescope.statistics import (
    Alignment,
    Codes,
    Disentanglement,
    Identifiability,
    Latents,
    Neighbours,
    PanelScores,
)

ROWS = 2000
GENERATOR = torch.Generator().manual_seed(0)
FACTORS = torch.stack(
    [
        torch.randint(60, (ROWS,), generator=GENERATOR).double(),
        torch.randint(7, (ROWS,), generator=GENERATOR).double(),
        torch.rand(ROWS, generator=GENERATOR, dtype=torch.float64),
    ],
    1,
)
NOISE = torch.randn(ROWS, 3, generator=GENERATOR, dtype=torch.float64)
CODES = FACTORS / torch.tensor([60.0, 7.0, 1.0]) + 0.001 * NOISE
KINDS = ("ordinal", "categorical", "continuous")


def codes_of(codes=CODES, factors=FACTORS, kinds=KINDS):
    return Codes(
        step=0,
        split="test",
        posterior=Point,
        mean=codes,
        sampled=codes,
        factors=factors,
        factor_kinds=kinds,
    )


def test_the_default_statistic_and_the_panel_have_one_mig():
    """60 ordered values beside a float column are 60 classes: log 20 bins of log 60 nats."""
    plain = Disentanglement()(codes_of())
    for repeats in (0, 2, 20):
        found = PanelScores(["mig"], repeats=repeats)(codes_of())
        assert {name: found[name] for name in plain} == plain
    ceiling = plain["test/mig_ceiling"]
    assert 0.85 < plain["test/mig"] < ceiling < 0.91  # (0.73 + 1 + 0.95) / 3 without chance
    as_numbers = Disentanglement()(codes_of(kinds=["continuous"] * 3))
    assert as_numbers["test/mig_ceiling"] > ceiling + 0.05


def test_the_other_statistics_are_the_panel_s_too():
    neighbours, found = Neighbours()(codes_of()), PanelScores(["neighbours", "mcc"])(codes_of())
    assert neighbours["test/neighbour_score"] == found["test/neighbour_score"]
    identifiability = Identifiability()(codes_of())
    for name in ("mcc", "mcc_rank"):
        assert identifiability[f"test/{name}"] == found[f"test/{name}"]


@pytest.mark.parametrize("seed", range(3))
def test_which_latents_are_active_does_not_depend_on_the_number_of_shuffles(seed):
    generator = torch.Generator().manual_seed(seed)
    factors = torch.stack([torch.randint(n, (300,), generator=generator) for n in (3, 4, 5)], 1)
    noise = torch.randn(300, 8, generator=generator, dtype=torch.float64)
    codes = torch.cat([factors + 0.1 * noise[:, :3], noise[:, 3:]], 1)
    names = ["modularity", "mig_sup", "minimality", "mig"]
    scores = [
        {n: f.score for n, f in score_panel(codes, factors, scores=names, repeats=r).items()}
        for r in (0, 2, 20, 50)
    ]
    assert scores[0] == scores[1] == scores[2] == scores[3]
    assert scores[0]["modularity"] > 0.97  # noise alone has 2/3


def test_an_autoencoder_has_one_number_of_active_latents(held_out):
    """It has no prior in whose units a latent could be still: all count, everywhere."""
    small = held_out(posterior=Point, seed=0)
    assert Latents()(small)["val/active_by_mean"] == small.mean.shape[1]
    assert Alignment()(small)["align/active_latents"] == small.mean.shape[1]
    assert Latents(mean_threshold=100.0)(small)["val/active_by_mean"] == small.mean.shape[1]
    vae = held_out()
    for threshold in (0.1, 100.0):
        found = Latents(mean_threshold=threshold)(vae)["val/active_by_mean"]
        assert found == Alignment(mean_threshold=threshold)(vae)["align/active_latents"]
