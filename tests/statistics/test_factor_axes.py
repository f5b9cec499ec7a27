"""The decoder beside the factors: of the linear VAE's optimum, of rotated and of pruned ones."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from vaescope.alignment import linear_vae_optimum
from vaescope.data import EvaluationBatches, SyntheticLinear
from vaescope.data.sets.own.datamodule import OwnVectors
from vaescope.distributions.likelihoods import Gaussian
from vaescope.distributions.posteriors import DiagonalGaussian, Point
from vaescope.models import BetaVAE, Parts
from vaescope.statistics import FactorAxes, encode_split

HALF_RIGHT = math.pi / 4
BETA = 1e-3
COSINE, CHANCE, SPAN = (
    f"align/factor_{name}" for name in ("axis_cosine", "axis_cosine_chance", "span_cosine")
)


def optimum_on_synthetic_linear(angle):
    """The optimum of a linear VAE on the set's own covariance, its latents turned."""
    dataset = SyntheticLinear(num_points=200)
    mixing = dataset.mixing.double()
    best = linear_vae_optimum(mixing @ mixing.T / 12, BETA, latent_dim=2)
    c, s = math.cos(angle), math.sin(angle)
    rotation = torch.tensor([[c, -s], [s, c]], dtype=torch.float64)

    def network(image_shape, num_parameters, latent_dim):
        encoder, decoder = nn.Linear(3, num_parameters).double(), nn.Linear(2, 3).double()
        gram = best.decoder.T @ best.decoder + BETA / 2 * torch.eye(2)
        weight = rotation.T @ torch.linalg.inv(gram) @ best.decoder.T
        with torch.no_grad():
            encoder.weight.zero_()
            encoder.weight[:2] = weight
            encoder.bias[:2] = -weight @ mixing.sum(1) / 2
            encoder.bias[2:] = best.posterior_variance.log()
            decoder.weight.copy_(best.decoder @ rotation)
            decoder.bias.copy_(mixing.sum(1) / 2)
        return encoder, decoder

    model = BetaVAE(
        Parts((3,), network, DiagonalGaussian, Gaussian(), None, latent_dim=2), beta=BETA
    )
    batches, index = EvaluationBatches(dataset, None, 0), torch.arange(200)
    return encode_split(model, batches, index, split="val", step=0)


def test_the_optimum_on_synthetic_linear_is_aligned_and_a_rotated_one_at_chance():
    found = FactorAxes()(optimum_on_synthetic_linear(0.0))
    assert found[COSINE] > 0.99
    assert found[SPAN] == pytest.approx(1, abs=1e-4)
    angles = (torch.arange(12) + 0.5) * HALF_RIGHT / 6  # all rotations
    turned = [FactorAxes(num_points=8)(optimum_on_synthetic_linear(float(a))) for a in angles]
    assert sum(one[COSINE] for one in turned) / 12 == pytest.approx(turned[0][CHANCE], abs=0.03)
    assert all(one[SPAN] == pytest.approx(1, abs=1e-4) for one in turned)
    assert 0.85 < found[CHANCE] < 8**0.5 / math.pi  # less than of equal columns


@pytest.mark.parametrize("posterior", [DiagonalGaussian, Point])
def test_latents_that_are_the_factors_move_images_as_they_do(held_out, posterior):
    found = FactorAxes()(held_out(posterior=posterior))
    assert (found[COSINE], found[SPAN]) == (pytest.approx(1), pytest.approx(1))
    turned = FactorAxes()(held_out(HALF_RIGHT, posterior=posterior))
    # columns (3, 1) and (-3, 1) beside (3, 0) and (0, 1)
    assert turned[COSINE] == pytest.approx(2 / math.sqrt(10))
    assert turned[SPAN] == pytest.approx(1)
    assert turned[CHANCE] == pytest.approx(found[CHANCE], abs=0.01)


def test_a_factor_without_a_latent_counts(held_out):
    encoded = held_out()
    pruned = replace(encoded, mean=encoded.mean * torch.tensor([1.0, 0.1]))
    found = FactorAxes()(pruned)
    assert (found[COSINE], found[SPAN]) == (pytest.approx(0.5), pytest.approx(0.5))


def test_rows_of_a_file_serve_where_nothing_can_be_rendered(held_out):
    encoded = held_out()
    table = encoded.dataset.values(torch.arange(400))[torch.randperm(400)[:150]]
    kinds = encoded.dataset.factors
    scattered = OwnVectors(encoded.dataset.images(table).float(), kinds, "a test", table)
    model, index = encoded.model, torch.arange(60)
    batches = EvaluationBatches(scattered, None, 0)
    found = FactorAxes()(encode_split(model, batches, index, split="val", step=0))
    assert (found[COSINE], found[SPAN]) == (pytest.approx(1), pytest.approx(1))


def test_nothing_without_an_ordered_factor_or_an_active_latent(held_out):
    encoded = held_out()
    assert FactorAxes()(replace(encoded, factor_kinds=["categorical"] * 2)) == {}
    assert FactorAxes(mean_threshold=9)(encoded) == {}
    assert FactorAxes()(replace(encoded, factors=encoded.factors * 0)) == {}
