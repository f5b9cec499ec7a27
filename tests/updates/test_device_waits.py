"""In no update does the host wait for the device: each can be captured in a CUDA graph."""

from contextlib import nullcontext

import pytest
import torch
from pytorch_lightning.plugins.precision import Precision

from builders.methods import METHODS, STEP, batch_of, made
from vaescope.distributions.posteriors import Box, DiagonalLaplace, FullGaussian, Point
from vaescope.ensemble import Ensemble
from vaescope.minibatch import on_tensors
from vaescope.models import VAE, Autoencoder, SigmaVAE
from vaescope.updates.device_waits import first_wait
from vaescope.updates.program import UpdateProgram, named_weights


@pytest.fixture(autouse=True)
def without_autocast(monkeypatch):
    """There is none on the device that stands for a GPU."""
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())


def single(tensor):
    return tensor.float() if tensor.is_floating_point() else tensor


def wait_of(*members):
    """The first wait in an update of one model, or of several together."""
    seeds = range(len(members))
    batches = [on_tensors(single, batch_of(seed=seed)) for seed in seeds]
    if len(members) == 1:
        (module,), (batch,) = members, batches
    else:
        module = Ensemble(members)
        batch = on_tensors(lambda *columns: torch.stack(columns), *batches)
        module.num_images = members[0].num_images
    noise = module.noise_for(4, STEP)
    weights = named_weights(module)
    optimizer = torch.optim.Adam(weights.values())
    program = UpdateProgram(module, optimizer, Precision(), set(weights), compiled=False)
    return first_wait(program.gradients, program.state[0], batch, torch.tensor(STEP), noise)


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__name__)
def test_no_method_makes_the_host_wait(method, size):
    members = [made(method, method.posteriors[0], seed=seed).float() for seed in range(size)]
    assert wait_of(*members) is None


@pytest.mark.parametrize("posterior", [FullGaussian, DiagonalLaplace, Box])
def test_no_posterior_makes_the_host_wait(posterior):
    assert wait_of(made(VAE, posterior).float()) is None


def test_a_given_variance_is_no_copy_from_the_host():
    assert wait_of(made(SigmaVAE, SigmaVAE.posteriors[0], variance=0.1).float()) is None


class Sparse(Autoencoder):
    """Codes that are above 0, of which there are as many as there are."""

    def terms(self, batch, step, noise):
        codes = self.encode(batch.image).mean
        return {"above": codes[codes > 0].sum()}


class Switched(Autoencoder):
    """One of two losses, by the codes."""

    def terms(self, batch, step, noise):
        mean = self.encode(batch.image).mean.mean()
        return {"mean": mean if mean > 0 else 2 * mean}


class Copied(Autoencoder):
    """Codes times numbers that come from the host at each update."""

    def terms(self, batch, step, noise):
        codes = self.encode(batch.image).mean
        return {"mean": (codes * torch.ones(3).to(codes.device)).mean()}


@pytest.mark.parametrize(
    ("method", "what"),
    [(Sparse, "aten.nonzero"), (Switched, "aten._local_scalar_dense"), (Copied, "aten._to_copy")],
)
def test_what_makes_the_host_wait_is_named(method, what):
    assert what in wait_of(made(method, Point).float())


def test_arguments_keep_their_numbers():
    x = torch.ones(3)
    assert first_wait(lambda value: value.mul_(2), x) is None
    assert x.tolist() == [1, 1, 1]
