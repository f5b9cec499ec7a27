"""Linear models whose statistics are known in closed form."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from vaescope.data import EvaluationBatches, Factors, RenderedDataset
from vaescope.distributions.likelihoods import Gaussian
from vaescope.distributions.posteriors import DiagonalGaussian, Point
from vaescope.models import VAE, Autoencoder, BetaVAE, Parts
from vaescope.statistics import encode_split

LEVELS = 20
STD = math.sqrt((LEVELS**2 - 1) / 12)  # of equally many 0, 1, ...
# squared error: H = 2
GRAM = torch.tensor([18.0, 2.0], dtype=torch.float64)
MIX = torch.tensor(
    [[3.0, 0.0], [0.0, 0.6], [0.0, 0.8]], dtype=torch.float64
)  # [X, D], lengths 3, 1


class Grid(RenderedDataset):
    """Two uncorrelated factors of variance 1, seen through orthogonal columns."""

    factors = Factors(names=("a", "b"), sizes=(LEVELS, LEVELS), kinds=("ordinal", "ordinal"))
    image_shape = (3,)
    source = "computed"

    def images(self, values):
        return ((values - (LEVELS - 1) / 2) / STD).double() @ MIX.T


def turn(angle):
    """z = R z' of codes z' = R^T z as columns."""
    c, s = math.cos(angle), math.sin(angle)
    return torch.tensor([[c, -s], [s, c]], dtype=torch.float64)


def make_model(
    angle=0.0, *, posterior=DiagonalGaussian, beta=1.0, variance=None, decoder=None, seed=0
):
    """The model whose codes are the factors, rotated by ``angle``; exact, no noise in the data."""
    rotation = turn(angle)
    if variance is None:
        variance = 1 / (1 + GRAM / beta)

    def network(image_shape, num_parameters, latent_dim):
        encoder = nn.Linear(3, num_parameters).double()
        linear = nn.Linear(2, 3, bias=False).double()
        with torch.no_grad():
            encoder.weight.zero_()
            encoder.bias.zero_()
            encoder.weight[:2] = rotation.T @ torch.linalg.pinv(MIX)
            if posterior is not Point:
                encoder.bias[2:4] = variance.log()
            linear.weight.copy_(MIX @ rotation)
        return encoder, linear if decoder is None else decoder

    parts = Parts((3,), network, posterior, Gaussian(), None, latent_dim=2, seed=seed)
    if posterior is Point:
        return Autoencoder(parts)
    return VAE(parts) if beta == 1 else BetaVAE(parts, beta=beta)


@pytest.fixture
def held_out():
    """Encoded splits of the grid: ``held_out(angle, posterior=..., split=...)``."""

    def at(*args, split="val", step=0, **kept):
        dataset = Grid()
        index = torch.arange(len(dataset))
        model = make_model(*args, **kept)
        batches = EvaluationBatches(dataset, None, 0)
        return encode_split(model, batches, index, split=split, step=step, num_jacobians=50)

    return at


@pytest.fixture
def grid():
    """The grid as a data module: all of it is the test part."""
    index = torch.arange(LEVELS**2)
    return SimpleNamespace(
        rows={"train": index, "test": index},
        evaluation_rows=lambda split, num_samples: index[:num_samples],
        dataset=Grid(),
        view=None,
        split_seed=0,
    )
