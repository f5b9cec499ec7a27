"""What a rotation costs models of known weights, as the reproduction measures it."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from vaescope.alignment import predicted_rise
from vaescope.distributions.likelihoods import Gaussian
from vaescope.distributions.posteriors import DiagonalGaussian, FullGaussian, Point
from vaescope.minibatch import Batch
from vaescope.models import Autoencoder, BetaVAE, Parts
from vaescope.reproduction.cvpr2019.rotation import (
    rotation_curve,
    rotation_numbers,
    rotation_verdict,
)

BETA = 0.1
LENGTHS = torch.tensor([1.5, 0.5], dtype=torch.float64)


class Waves(nn.Module):
    def __init__(self, curved):
        super().__init__()
        self.curved = curved
        self.scale = nn.Parameter(LENGTHS.clone())

    def forward(self, z):
        return self.scale * (z.sin() if self.curved else z)


def model(posterior, seed=0, variance=None, curved=False):
    """Codes are the images over the columns' lengths; the best variances of a linear decoder."""
    variance = 1 / (1 + 2 * LENGTHS.square() / BETA) if variance is None else variance

    def network(image_shape, num_parameters, latent_dim):
        encoder = nn.Linear(2, num_parameters).double()
        with torch.no_grad():
            encoder.weight.zero_()
            encoder.bias.zero_()
            encoder.weight[:2] = (1 / LENGTHS).diag()
            if posterior is DiagonalGaussian:
                encoder.bias[2:4] = variance.log()
        return encoder, Waves(curved)

    parts = Parts((2,), network, posterior, Gaussian(), None, latent_dim=2, seed=seed)
    return Autoencoder(parts) if posterior is Point else BetaVAE(parts, beta=BETA)


def run(*models):
    image = torch.rand((200, 2), generator=torch.Generator().manual_seed(0)) - 0.5

    def batch(count):
        return Batch(image[:count], image[:count])

    return SimpleNamespace(models=models, step=0, batch=batch)


def test_a_linear_model_pays_the_prediction():
    curve = rotation_curve(run(model(DiagonalGaussian), model(DiagonalGaussian, 1)), 7, 32)
    assert curve["degrees"].tolist() == pytest.approx([0, 15, 30, 45, 60, 75, 90])
    assert curve["rise"].shape == curve["error"].shape == curve["predicted"].shape == (2, 7)
    gap = abs(curve["rise"] - curve["predicted"])
    assert (gap <= 4 * curve["gap_error"] + 1e-9).all()
    assert (curve["gap_error"] < 0.05 * curve["predicted"].max()).all()
    assert curve["rise"][:, [0, 6]] == pytest.approx(0, abs=1e-9)
    turn = torch.tensor([[1.0, -1.0], [1.0, 1.0]]).double() / 2**0.5
    expected = predicted_rise((2 * LENGTHS.square()).diag()[None], turn, BETA).item() / BETA
    assert curve["predicted"][:, 3] == pytest.approx(expected)
    numbers = rotation_numbers(curve)
    assert numbers["rotation_rise"] == curve["rise"][:, 3].tolist()
    assert [verdict for verdict, _ in rotation_verdict(numbers, "linear")] == ["holds"]


def test_variances_that_are_not_the_best_are_kept():
    """The model's own loss is what rises; better variances would hide it."""
    wide = model(DiagonalGaussian, variance=torch.tensor([0.1, 0.1]).double())
    curve = rotation_curve(run(wide), 3, 32)
    # equal variances: the rotated posterior is the old one, and costs the same
    assert curve["rise"] == pytest.approx(0, abs=0.02)
    assert curve["predicted"][0, 1] > 0.1
    assert [v for v, _ in rotation_verdict(rotation_numbers(curve), "wide")] == ["fails"]


@pytest.mark.parametrize("posterior", [Point, FullGaussian])
def test_others_pay_nothing_and_nothing_is_predicted(posterior):
    curve = rotation_curve(run(model(posterior, curved=True)), 5, 8)
    assert curve["predicted"] is curve["gap_error"] is None
    assert curve["rise"] == pytest.approx(0, abs=1e-9)
    numbers = rotation_numbers(curve)
    assert set(numbers) == {"rotation_rise", "rotation_error"}
    assert [verdict for verdict, _ in rotation_verdict(numbers, "free")] == ["holds"]


def test_without_numbers_there_is_no_verdict():
    assert list(rotation_verdict({}, "none")) == []
