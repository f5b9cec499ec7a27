"""Semi-supervised methods: any method with one more term for the labels of a few images."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaescope.distributions.posteriors import Point
from vaescope.minibatch import Batch, BatchSlice
from vaescope.models.base import LatentModel, Noise, PartsOrData, Terms, require_label
from vaescope.models.optimizers import optimizer_for
from vaescope.models.parts import Parts, resolved_parts
from vaescope.models.schedules import linear_schedule
from vaescope.models.supervision import Anneal, Regulariser, Supervision
from vaescope.ranges import Labels, NonNegative, Steps, in_range

# attributes that are the inner method's
_INNER = ("encoder", "decoder", "num_images", "schedule_steps")


class SemiSupervised(LatentModel):
    """S2: the loss of an unsupervised method + gamma_sup(step) R_sup(mu(x'), y), x' labelled.

    It has the inner method's networks, noise, schedules and optimiser; the inner method is not
    shown the labelled images.

    Args:
        unsupervised: the inner method, ``parts -> method``.
        gamma_sup: weight of the regulariser, at least 0; the default is the 4 of the published
            code's example times its batch size of 64.
        regulariser: R_sup, see ``Supervision``, where ``factor_sizes`` is told, too.
        anneal: gamma_sup is ``fixed``, rises ``linear``ly from 0, or is 0 at first and then there
            at once, ``fine_tune``.
        anneal_steps: number of updates that this takes; None: a third of the run.

    Source: Locatello et al. 2020, https://arxiv.org/abs/1905.01258, section 4. Differs: see
    ``Supervision`` for what its published code does otherwise.
    """

    needs = ("a second image", "its labels")

    @in_range
    def __init__(
        self,
        parts: PartsOrData,
        *,
        unsupervised: Callable[[Parts], LatentModel],
        gamma_sup: NonNegative = 256.0,
        regulariser: Regulariser = "xent",
        factor_sizes: Sequence[Labels] | None = None,
        anneal: Anneal = "fixed",
        anneal_steps: Steps | None = None,
    ) -> None:
        super(LatentModel, self).__init__()  # the inner method has the networks
        parts = resolved_parts(type(self), parts)
        if problem := self.latent_problem(parts.latent_dim, parts.posterior, type(parts.prior)):
            raise ValueError(problem)
        if anneal != "fixed" and anneal_steps == 0:
            raise ValueError(f"anneal={anneal!r}, anneal_steps=0: give at least 1 step, or fixed")
        self.latent_dim, self.seed = parts.latent_dim, parts.seed
        self.image_shape, self.logs_updates = tuple(parts.image_shape), True
        self.posterior, self.prior, self.likelihood = parts.posterior, parts.prior, parts.likelihood
        self.make_optimizer = partial(optimizer_for, parts.optimizer)
        self.gamma_sup, self.anneal, self.anneal_steps = gamma_sup, anneal, anneal_steps
        self.unsupervised = unsupervised(parts)
        self.states = tuple(f"unsupervised.{name}" for name in self.unsupervised.states)
        self.supervision = Supervision(regulariser, factor_sizes)
        wholes = (self.unsupervised.of_whole_batch, self.supervision.of_whole_batch)
        self.of_whole_batch = " and ".join(filter(None, wholes))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.unsupervised, name) if name in _INNER else super().__getattr__(name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _INNER:
            setattr(self.unsupervised, name, value)
        else:
            super().__setattr__(name, value)

    def terms(self, batch: Batch, step: int, noise: Noise) -> Terms:
        """The inner method's terms of the unlabelled images, and R_sup."""
        labels = require_label(batch.known.factor_labels, "labelled")
        unlabelled = batch._replace(partners=(), known=batch.known._replace(factor_labels=None))
        terms = self.unsupervised.terms(unlabelled, step, noise)
        mean = self.encode(batch.partners[0].image).mean
        return terms | {"supervised": self.supervision(mean, labels)}

    def weights(self, step: int) -> dict[str, float]:
        gamma = self.gamma_sup
        if self.anneal == "linear":
            gamma = linear_schedule(0.0, gamma, self._steps, step)
        if self.anneal == "fine_tune":
            gamma = gamma * (step >= self._steps)
        return self.unsupervised.weights(step) | {"supervised": gamma}

    def targets(self, step: int) -> dict[str, float]:
        return self.unsupervised.targets(step)

    def states_after(self, states: Mapping[str, Tensor], terms: Terms, step: int) -> Terms:
        inner = {name.partition(".")[2]: value for name, value in states.items()}
        after = self.unsupervised.states_after(inner, terms, step)
        return {f"unsupervised.{name}": value for name, value in after.items()}

    def encode(self, image: Tensor) -> Any:
        return self.unsupervised.encode(image)

    def decode(self, z: Tensor) -> Tensor:
        return self.unsupervised.decode(z)

    def draw_noise(self, rng: np.random.Generator, batch_size: int) -> dict[str, np.ndarray]:
        return self.unsupervised.draw_noise(rng, batch_size)

    def slice_noise(self, noise: Noise, own: BatchSlice) -> dict[str, Tensor]:
        return self.unsupervised.slice_noise(noise, own)

    def beta_at(self, step: int) -> float | None:
        return self.unsupervised.beta_at(step)

    @property
    def schedule_end(self) -> int:
        return max(self._steps, self.unsupervised.schedule_end)

    @property
    def _steps(self) -> int:
        """Length of the schedule of gamma_sup."""
        return 0 if self.anneal == "fixed" else self.length_of(self.anneal_steps, 1 / 3)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The inner method's optimiser, with the regulariser's weights as a group more."""
        optimizer = self.unsupervised.configure_optimizers()
        if own := list(self.supervision.parameters()):
            optimizer.add_param_group({"params": own})
        return optimizer


class Supervised(LatentModel):
    """An encoder of labels alone, R_sup(mu(x'), y), and a decoder that shows its codes.

    Args:
        regulariser: R_sup, see ``Supervision``, where ``factor_sizes`` is told, too.

    Source: Locatello et al. 2020, https://arxiv.org/abs/1905.01258, the fully supervised baseline.
    Differs: the decoder sees mu, not a draw from a posterior whose variance nothing trains.
    """

    needs = ("a second image", "its labels")
    posteriors = (Point,)
    only_these = "labels train no variance"
    any_prior = False

    @in_range
    def __init__(
        self,
        parts: PartsOrData,
        *,
        regulariser: Regulariser = "xent",
        factor_sizes: Sequence[Labels] | None = None,
    ) -> None:
        super().__init__(parts)
        self.supervision = Supervision(regulariser, factor_sizes)
        self.of_whole_batch = self.supervision.of_whole_batch

    def terms(self, batch: Batch, step: int, noise: Noise) -> Terms:
        """R_sup of the labelled images, and -log p(x|z) of the unlabelled ones for the decoder."""
        labels = require_label(batch.known.factor_labels, "labelled")
        z = self.encode(batch.image).mean.detach()
        mean = self.encode(batch.partners[0].image).mean
        return {
            "reconstruction": self.nll(z, batch.image),
            "supervised": self.supervision(mean, labels),
        }
