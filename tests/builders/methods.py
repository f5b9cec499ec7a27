"""Every method on small networks in double precision, and a batch for it."""

import pkgutil
from functools import partial
from importlib import import_module

import torch

from vaescope import models, networks
from vaescope.distributions.likelihoods import Gaussian, Likelihood
from vaescope.minibatch import Batch, Known
from vaescope.models import (
    DSVAE,
    BetaVAE,
    EncDiff,
    FactorQVAE,
    FactorVAE,
    LatentModel,
    Parts,
    PrincipalFlow,
    SemiSupervised,
    WeaklySupervisedGAN,
)

for _module in pkgutil.walk_packages(models.__path__, "vaescope.models."):
    import_module(_module.name)


def _subclasses(cls):
    return {cls}.union(*(_subclasses(child) for child in cls.__subclasses__()))


METHODS = sorted(
    (
        method
        for method in _subclasses(LatentModel)
        if method.__module__.startswith("vaescope.") and method.terms is not LatentModel.terms
    ),
    key=lambda method: method.__name__,
)
LIKELIHOODS = Likelihood.__args__
NETWORKS = {
    "linear": ((5,), networks.linear),
    "mlp": ((2, 3), partial(networks.mlp, encoder_sizes=(7,), decoder_sizes=(6, 5))),
    "conv64": ((1, 64, 64), networks.conv64),
}
STEP = 3
# arguments without a default, and networks that have not millions of weights
GIVEN = {
    SemiSupervised: {"unsupervised": BetaVAE},
    DSVAE: {"length": 3},  # of `batch_of`
    FactorVAE: {"width": 50},
    FactorQVAE: {"width": 12, "num_values": 5},
    WeaklySupervisedGAN: {"width": 9},
    EncDiff: {"channels": 8, "token_dim": 3, "num_heads": 2, "num_steps": 3},
    PrincipalFlow: {"num_components": 8, "num_layers": 2, "width": 7},
}


def made(method, posterior, likelihood=Gaussian, network="mlp", seed=0, latent_dim=3, **symbols):
    """A model in double precision, its weights and its noise from ``seed``."""
    image_shape, factory = NETWORKS[network]
    torch.manual_seed(seed)
    parts = Parts(
        image_shape=image_shape,
        network=factory,
        posterior=posterior,
        likelihood=likelihood(),
        optimizer=partial(torch.optim.Adam, lr=1e-3),
        latent_dim=latent_dim,
        seed=seed,
        schedule_steps=300,
    )
    model = method(parts, **(GIVEN.get(method, {}) | symbols)).double()
    model.num_images = 100
    return model


def summands(model, batch, step, noise):
    """Weight times term, by name: what the loss is the sum of."""
    weights = model.weights(step)
    return {k: weights.get(k, 1) * v for k, v in model.terms(batch, step, noise).items()}


def batch_of(network="mlp", seed=0, size=4):
    generator = torch.Generator().manual_seed(100 + seed)
    shape = (size, *NETWORKS[network][0])
    image = torch.rand(shape, generator=generator, dtype=torch.float64)
    second = torch.rand(shape, generator=generator, dtype=torch.float64)
    factors = torch.randint(0, 3, (size, 2), generator=generator)
    known = Known(
        changed=torch.rand(size, 2, generator=generator) < 0.5,
        label=torch.arange(size) % 3,
        factor_labels=torch.arange(size)[:, None] / size,
    )
    third = torch.rand(shape, generator=generator, dtype=torch.float64)
    partners = (Batch(second, factors), Batch(third, factors))
    return Batch(image, factors, torch.arange(size), partners, known)
