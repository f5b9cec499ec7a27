"""What every method is built from: network, posterior, likelihood, prior and optimiser."""

from collections.abc import Callable, Iterable
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Protocol

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
            share; None: those of the trainer.
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


class ImageData(Protocol):
    """A data module, of vaescope or another that says the shape of its images."""

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of one observation, ``(C, H, W)`` or ``(X,)``."""


@dataclass(frozen=True)
class PartsFor:
    """Parts that fit some data: those that are named, and else what ``vaescope train`` chooses.

    None: by the data and by the method, as ``data=...`` and ``model=...`` choose on the command
    line; where that network takes no images of this shape, one that does. A text is an option of
    the group of that name (``network="mlp"``); what else is given is taken as it is.

    Args:
        data: of which module; its ``image_shape`` is asked for, images are not.
        network: option or factory, see ``Parts``.
        posterior: option or class.
        likelihood: option or object.
        prior: option or object.
        optimizer: option or factory.
        latent_dim: number of latents D.
        seed: of the training noise; None: that of the data's batches.
    """

    data: ImageData
    _: KW_ONLY
    network: str | NetworkFactory | None = None
    posterior: str | type[Posterior] | None = None
    likelihood: str | Likelihood | None = None
    prior: str | Prior | None = None
    optimizer: str | OptimizerFactory | None = None
    latent_dim: int | None = None
    seed: int | None = None


PartsOrData = Parts | PartsFor | ImageData


def resolved_parts(method: type, given: PartsOrData) -> Parts:
    """All parts of a method, those that were left open chosen for these data.

    Raises:
        ConfigError: the data have no ``image_shape``, or not what the method learns from; an
            option is unknown.
    """
    if isinstance(given, Parts):
        return given
    from vaescope.models.defaults import chosen_parts  # imports Hydra

    return chosen_parts(method, given if isinstance(given, PartsFor) else PartsFor(given))
