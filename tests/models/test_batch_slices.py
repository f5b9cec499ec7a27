"""The rows of a batch that one of several processes takes, and what a loss makes of them."""

import pytest
import torch

from builders.methods import METHODS, STEP, batch_of, made
from vaescope.minibatch import BatchSlice, on_tensors
from vaescope.models import (
    AnnealedVAE,
    BetaVAE,
    ControlVAE,
    FactorVAE,
    HessianVAE,
    InfoVAE,
    SemiSupervised,
    SigmaVAE,
    Supervised,
)

HALVES = [BatchSlice(rank, 2) for rank in range(2)]
WITH_OPTIONS = [
    (SigmaVAE, {"variance": "learned"}),
    (HessianVAE, {"normalised": True, "reduction": "mean"}),
    (Supervised, {"regulariser": "cov"}),
    (SemiSupervised, {"regulariser": "cov"}),
    (SemiSupervised, {"unsupervised": InfoVAE}),
]


def names(case):
    return case.__name__ if isinstance(case, type) else "-".join(map(str, case))


def mean_of_halves(model, batch, noise):
    parts = [
        model.terms(on_tensors(own.of, batch), STEP, model.slice_noise(noise, own))
        for own in HALVES
    ]
    return {name: (parts[0][name] + parts[1][name]) / 2 for name in parts[0]}


@pytest.mark.parametrize(
    ("method", "options"), [*((m, {}) for m in METHODS), *WITH_OPTIONS], ids=names
)
def test_a_loss_that_is_no_mean_over_images_says_so(method, options):
    """Only then is a run on two devices another than on one with twice the batch."""
    model = made(method, method.posteriors[0], **options)
    batch = batch_of(size=8)
    noise = model.noise_for(8, 0)
    if isinstance(model, AnnealedVAE):  # between the mean KLs of the halves
        model.anneal_steps, model.max_capacity = 0, model.terms(batch, 0, noise)["kl"].item()
    if isinstance(model, ControlVAE):  # between the bounds of its weight
        model.target, model.initial_target, model.k_p = 0.0, 0.0, 100.0
    whole, halves = model.terms(batch, STEP, noise), mean_of_halves(model, batch, noise)
    same = all(torch.allclose(whole[name], halves[name], rtol=1e-9) for name in whole)
    assert same is (model.of_whole_batch == "")


def test_permutations_of_a_slice_stay_within_it():
    model = made(FactorVAE, FactorVAE.posteriors[0])
    noise = model.noise_for(8, 0)
    for own in HALVES:
        permutation = model.slice_noise(noise, own)["permutation"]
        assert torch.equal(permutation.sort(0).values, torch.arange(4).expand(3, 4).T)
    whole = model.slice_noise(noise, BatchSlice())
    assert all(torch.equal(whole[name].to(noise[name]), noise[name]) for name in noise)


def test_slices_are_the_batch():
    model, batch = made(BetaVAE, BetaVAE.posteriors[0]), batch_of(size=8)
    noise = model.noise_for(8, 0)["z"]
    assert torch.equal(torch.cat([own.of(noise) for own in HALVES]), noise)
    rows = [on_tensors(own.of, batch).partners[1].image for own in HALVES]
    assert torch.equal(torch.cat(rows), batch.partners[1].image)
