"""What every method is built from: network, posterior, likelihood, prior and optimiser."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from vaescope.distributions.likelihoods import Likelihood
from vaescope.distributions.posteriors import Posterior
from vaescope.distributions.priors import Prior, StandardNormal

NetworkFactory = Callable[[tuple[int, ...], int, int], tuple[nn.Module, nn.Module]]
OptimizerFactory = Callable[[Iterable[Any]], torch.optim.Optimizer]


@dataclass(frozen=True)
class Parts:
    """What every method is built from; a method's own constructor adds only its own symbols.

    Args:
        image_shape: of one observation, without the batch: ``(C, H, W)`` or ``(X,)``.
        network: factory ``(image_shape, num_parameters, latent_dim) -> (encoder, decoder)``.
        posterior: family of q(z|x), a class of ``distributions.posteriors``.
        likelihood: what the decoder's output means, an object of ``distributions.likelihoods``.
        optimizer: factory ``parameters -> optimiser``, also of groups of parameters.
        latent_dim: number of latents D, at least 1.
        seed: of the training noise; the initial weights come from torch's global generator.
        prior: p(z), an object of ``vaescope.distributions.priors``.
        schedule_steps: number of updates of which schedules without a length of their own take a
            share; None: not known.
    """

    image_shape: tuple[int, ...]
    network: NetworkFactory
    posterior: type[Posterior]
    likelihood: Likelihood
    optimizer: OptimizerFactory
    latent_dim: int = 10
    seed: int = 0
    prior: Prior = field(default_factory=StandardNormal)
    schedule_steps: int | None = None
