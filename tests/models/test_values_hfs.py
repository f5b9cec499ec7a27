"""Hausdorff factorised support against brute force, and supports of known distance."""

import math

import numpy as np
import pytest
import torch

from builders.methods import STEP, batch_of, made, summands
from vaescope.distributions.posteriors import DiagonalGaussian, FullGaussian
from vaescope.models import BetaVAE, HausdorffVAE
from vaescope.models.hausdorff_vae import hausdorff_distances, missing_deviation

FIRST_TWO = torch.tensor([[0], [1]])


def codes(seed, size=7, latents=4):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(size, latents, generator=generator, dtype=torch.float64)


def by_loops(z, i, j):
    """The largest distance from a combination of values to the nearest code, one by one."""
    z = np.asarray(z.detach())
    combinations = [np.array([a, b]) for a in z[:, i] for b in z[:, j]]
    return max(min(((u - row) ** 2).sum() for row in z[:, [i, j]]) for u in combinations)


@pytest.mark.parametrize("seed", range(4))
def test_distances_against_loops(seed):
    z, pairs = codes(seed), torch.tensor([[0, 0, 2, 3], [1, 3, 1, 2]])
    expected = [by_loops(z, i, j) for i, j in pairs.T.tolist()]
    assert hausdorff_distances(z, pairs).tolist() == pytest.approx(expected, rel=1e-12)


def test_a_grid_has_all_combinations_and_a_grid_without_its_corner_lacks_one():
    values = torch.tensor([-1.0, 0.0, 1.0]).double()
    grid = torch.cartesian_prod(values, 2 * values)
    assert hausdorff_distances(grid, FIRST_TWO).item() == 0
    assert hausdorff_distances(grid[:-1], FIRST_TWO).item() == 1  # (1, 2) to (0, 2), not to (1, 0)


@pytest.mark.parametrize("steps", [2, 4, 5, 9])
def test_a_diagonal_is_far_from_its_square(steps):
    """Corner (1, 0) of a diagonal of points (t, t): the nearest has t next to 1/2."""
    t = torch.linspace(0, 1, steps, dtype=torch.float64)
    expected = min((1 - x) ** 2 + x**2 for x in t.tolist())
    z = torch.stack([t, t], 1)
    assert hausdorff_distances(z, FIRST_TWO).item() == pytest.approx(expected)
    assert hausdorff_distances(3 * z + 5, FIRST_TWO).item() == pytest.approx(9 * expected)


def test_gradients_go_through_both_points():
    """Of (0, 0), (1, 1): u = (0, 1) or (1, 0) and a code share one value, the others go apart."""
    z = codes(0).requires_grad_()
    torch.autograd.gradcheck(lambda z: hausdorff_distances(z, torch.tensor([[0, 1], [2, 3]])), z)
    pair = torch.tensor([[0.0, 0.0], [3.0, 2.0]], dtype=torch.float64, requires_grad=True)
    distance = hausdorff_distances(pair, FIRST_TWO)
    assert distance.item() == 4
    slope = torch.autograd.grad(distance.sum(), pair)[0]
    torch.testing.assert_close(slope, torch.tensor([[0.0, -4.0], [0.0, 4.0]]).double())


@pytest.mark.parametrize("posterior", [DiagonalGaussian, FullGaussian])
def test_all_pairs_of_the_mean_codes_are_in_the_loss(posterior):
    model = made(HausdorffVAE, posterior, beta=2.0, gamma=3.0, num_pairs=None)
    batch, noise = batch_of(), model.noise_for(4, STEP)
    terms = summands(model, batch, STEP, noise)
    mean = model.encode(batch.image).mean
    expected = 3 * sum(by_loops(mean, i, j) for i, j in [(0, 1), (0, 2), (1, 2)])
    assert terms.pop("support").item() == pytest.approx(expected)
    same = summands(made(BetaVAE, posterior, beta=2.0), batch, STEP, noise)
    assert {n: v.item() for n, v in terms.items()} == {n: v.item() for n, v in same.items()}


def test_drawn_pairs_are_distinct_all_of_them_in_time_and_on_average_their_share():
    model = made(HausdorffVAE, DiagonalGaussian, latent_dim=4, num_pairs=2)
    batch = batch_of()
    mean = model.encode(batch.image).mean
    pairs = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    of_pair = [by_loops(mean, i, j) for i, j in pairs]
    counts = np.zeros(6)
    for step in range(300):
        noise = model.noise_for(4, step)
        chosen = noise["pairs"].long().tolist()
        assert len(set(chosen)) == 2
        counts[chosen] += 1
        support = model.terms(batch, step, noise)["support"].item()
        assert support == pytest.approx(sum(of_pair[number] for number in chosen))
    assert counts.min() > 60  # 100 expected, deviation 8
    assert counts.max() < 140


def test_defaults_are_the_weights_that_its_authors_train_with():
    assert made(HausdorffVAE, DiagonalGaussian).weights(0) == {"kl": 0, "support": 300}


@pytest.mark.parametrize("num_pairs", [None, 25])
def test_more_pairs_than_there_are_is_all(num_pairs):
    model = made(HausdorffVAE, DiagonalGaussian, latent_dim=4, num_pairs=num_pairs)
    assert sorted(model.noise_for(4, 0)["pairs"].tolist()) == list(range(6))


def test_scale_term_against_numpy():
    z = codes(1) * torch.tensor([0.1, 0.5, 1.0, 3.0])
    deviation = np.sqrt(np.var(z.numpy(), axis=0, ddof=1) + 1e-6)
    expected = np.maximum(0, 1 - deviation).sum()
    assert missing_deviation(z).item() == pytest.approx(expected)
    assert missing_deviation(z[:1]).item() == pytest.approx(4 * (1 - 1e-3))  # one image: no spread
    model = made(HausdorffVAE, DiagonalGaussian, delta=2.0)
    batch = batch_of()
    terms = summands(model, batch, STEP, model.noise_for(4, STEP))
    mean = model.encode(batch.image).mean
    assert terms["scale"].item() == pytest.approx(2 * missing_deviation(mean).item())


@pytest.mark.parametrize(
    ("symbols", "message"),
    [
        ({"gamma": -1.0}, "gamma=-1.0: give a number from 0"),
        ({"delta": math.nan}, "delta=nan: give a number from 0"),
        ({"num_pairs": 0}, "num_pairs=0: give an integer from 1"),
    ],
)
def test_symbols_that_cannot_work_are_refused(symbols, message):
    with pytest.raises(ValueError, match=message):
        made(HausdorffVAE, DiagonalGaussian, **symbols)
