"""LatentModel: the training step, optimiser, encoder and decoder that every method shares."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call

from vaescope.distributions.posteriors import NoisyPosterior, Point, Posterior
from vaescope.distributions.priors import Prior, StandardNormal
from vaescope.errors import ConfigError
from vaescope.minibatch import Batch, BatchSlice
from vaescope.models.drawn_numbers import stack_numbers, tensors_like
from vaescope.models.generation import Generation
from vaescope.models.optimizers import optimizer_for
from vaescope.models.parts import PartsOrData, resolved_parts
from vaescope.models.schedules import schedule_length, warn_of_unfinished_schedules, weighted_sum
from vaescope.models.states import move_states
from vaescope.models.trainer_facts import batches_before, num_images_of
from vaescope.models.updating import Updating
from vaescope.models.validation import Validation
from vaescope.streams import Rewinder, stream

Noise = Mapping[str, Tensor]
Terms = dict[str, Tensor]


class LatentModel(Generation, Validation, Updating):
    """An encoder, a decoder and what a method minimises with them.

    A method writes ``terms``, the quantities of its paper's equation, and ``weights``, what they
    are multiplied by: the loss is the sum of weight times term. ``beta`` is the weight of the KL.

    Args:
        parts: ``Parts``; or a data module, for which they are chosen as ``vaescope train`` does; or
            ``PartsFor`` one, where some are named. Of every method, which adds its own symbols.

    Raises:
        ValueError: if ``latent_dim`` is below 1, or method, posterior and prior do not go together;
            of every method, if a number is out of its declared range or an option unknown.

    Source: Kingma & Welling 2014, https://arxiv.org/abs/1312.6114: encoder, decoder and a sample
    that is a function of noise. Differs: any family of posteriors, and a point.
    """

    posteriors: ClassVar[tuple[type[Posterior], ...]] = StandardNormal.posteriors
    only_these: ClassVar[str] = "its KL is that of a density"
    any_prior: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ()  # what a batch has from the data's view
    normals: tuple[str, ...] = ("z",)  # noise ``[B, D]`` that is standard normal
    of_whole_batch: str = ""  # what its loss is of all images together; empty: a mean over images
    states: tuple[str, ...] = ()  # weights that `states_after` moves, and no gradient does

    def __init__(self, parts: PartsOrData) -> None:
        super().__init__()
        parts = resolved_parts(type(self), parts)
        if problem := self.latent_problem(parts.latent_dim, parts.posterior, type(parts.prior)):
            raise ValueError(problem)
        self.latent_dim, self.seed = parts.latent_dim, parts.seed
        self.image_shape, self.logs_updates = tuple(parts.image_shape), True
        self.posterior, self.prior, self.likelihood = parts.posterior, parts.prior, parts.likelihood
        self.num_images: int | None = None
        self.make_optimizer = partial(optimizer_for, parts.optimizer)
        self.schedule_steps = parts.schedule_steps
        self.encoder, self.decoder = parts.network(
            self.image_shape,
            parts.posterior.num_parameters(parts.latent_dim),
            self.latent_dim,
        )

    @classmethod
    def latent_problem(
        cls, latent_dim: int, posterior: type, prior: type[Prior] = StandardNormal
    ) -> str | None:
        """Why this method cannot have these latents, in one sentence; None if it can."""
        if latent_dim < 1:
            return f"latent_dim={latent_dim}: a model needs at least 1 latent"
        if posterior not in cls.posteriors:
            allowed = ", ".join(family.__name__ for family in cls.posteriors)
            return (
                f"posterior={posterior.__name__} does not go with {cls.__name__}, "
                f"which works with {allowed}: {cls.only_these}"
            )
        if not cls.any_prior and prior is not StandardNormal:
            return (
                f"prior={prior.__name__} does not go with {cls.__name__}, which works with "
                f"StandardNormal: {cls.only_these}"
            )
        if cls.any_prior and posterior not in prior.posteriors:
            allowed = ", ".join(family.__name__ for family in prior.posteriors)
            return (
                f"prior={prior.__name__} does not go with posterior={posterior.__name__}, which "
                f"has mass where it has none, so that the KL is infinite; choose {allowed}"
            )
        return None

    def terms(self, batch: Batch, step: int, noise: Noise) -> Terms:
        """Named scalars without their weights; a pure function of networks and arguments.

        Args:
            batch: images ``[B, ...]``, and whatever the data's view adds.
            step: number of updates made so far, for targets that move.
            noise: all random numbers, as ``noise_for`` draws them.

        Returns:
            Scalars that carry gradients, each in its own unit: a KL in nats, without beta.
        """
        raise NotImplementedError

    def weights(self, step: int) -> dict[str, float]:
        """Weights of terms after ``step`` updates, by the terms' names; not named: 1."""
        return {}

    def targets(self, step: int) -> dict[str, float]:
        """Values at which quantities are held after ``step`` updates, by the quantities' names."""
        return {}

    def settings(self, step: int) -> dict[str, float]:
        """All weights and targets after ``step`` updates, as they are logged: ``weight_kl``."""
        weights = {f"weight_{name}": value for name, value in self.weights(step).items()}
        targets = {f"target_{name}": value for name, value in self.targets(step).items()}
        return weights | targets

    def elbo_terms(self, q: NoisyPosterior, z: Tensor, image: Tensor) -> Terms:
        """-log p(x|z) and KL(q(z|x) || p(z)) of codes z drawn from q, means over the batch."""
        return {"reconstruction": self.nll(z, image), "kl": self.kl(q).sum(-1).mean()}

    def states_after(self, states: Mapping[str, Tensor], terms: Terms, step: int) -> Terms:
        """Values of ``states`` behind an update of these terms, all scalars, or ``[S]``."""
        return {}

    def loss(self, terms: Mapping[str, Tensor], step: int) -> Tensor:
        """Sum of weight times term, of the terms' shape: a scalar, or ``[S]`` of an ensemble."""
        return weighted_sum(terms, self.weights(step))

    def beta_at(self, step: int) -> float | None:
        """Weight of the KL after ``step`` updates; None for a method without one."""
        return None

    @property
    def schedule_end(self) -> int:
        """Number of updates after which no weight and no target moves any more."""
        return 0

    def length_of(self, anneal_steps: int | None, share: float) -> int:
        """Number of updates of a schedule: ``anneal_steps`` or, if None, a share of the run."""
        return schedule_length(anneal_steps, share, self.schedule_steps)

    def forward(
        self, image: Tensor | Batch, step: int | None = None, noise: Noise | None = None
    ) -> Any:
        """Expected images of the posterior means of images ``[B, ...]``, ``[B, ...]``.

        With a batch, a step and noise it is ``terms``, as ``torch.func.functional_call`` calls it.
        """
        if isinstance(image, Tensor):
            return self.decode_mean(self.encode(image).mean)
        return self.terms(image, step, noise)  # type: ignore[arg-type] # given together

    def terms_of(
        self, weights: Mapping[str, Tensor], batch: Batch, step: int | Tensor, noise: Noise
    ) -> Terms:
        """``terms`` as a function of the weights, by their names, too."""
        terms: Terms = functional_call(self, dict(weights), (batch, step, noise))
        return terms

    def encode(self, image: Tensor) -> Any:
        """Posterior q(z|x) of images ``[B, ...]``, at least in single precision."""
        parameters = self.encoder(image)
        if parameters.dtype in (torch.bfloat16, torch.float16):
            parameters = parameters.float()
        return self.posterior.from_parameters(parameters, self.latent_dim)

    def kl(self, q: NoisyPosterior) -> Tensor:
        """KL(q(z|x) || p(z)) in nats ``[B, D]``; at least 0, its sum over latents is the whole."""
        return self.prior.kl(q)

    def decode(self, z: Tensor) -> Tensor:
        """Decoder output (for a Bernoulli likelihood: logits) of codes ``[B, D]``, ``[B, ...]``."""
        output = self.decoder(z)
        return output.float() if output.dtype in (torch.bfloat16, torch.float16) else output

    def decode_mean(self, z: Tensor) -> Tensor:
        """Expected images of codes ``[B, D]``, ``[B, ...]``."""
        return self.likelihood.mean(self.decode(z))

    def nll(self, z: Tensor, image: Tensor) -> Tensor:
        """Reconstruction loss: summed over each image's dimensions, mean over the batch, scalar."""
        return self.likelihood.nll(self.decode(z), image).mean()

    def setup(self, stage: str | None = None) -> None:
        """Take the size of the training set from the data."""
        self.num_images = num_images_of(self.trainer)

    @property
    def data_size(self) -> int:
        """Number of training images N, for methods that speak of the whole data set.

        Raises:
            RuntimeError: it is not known; ``num_images`` was not set and nothing was trained.
        """
        if self.num_images is None:
            raise RuntimeError("the size of the training set is not known; set model.num_images")
        return self.num_images

    @property
    def seeds(self) -> tuple[int, ...]:
        """Its one seed; an ensemble has several."""
        return (self.seed,)

    def members(self) -> Iterator["LatentModel"]:
        """Itself, or with averaged weights a copy that has those; an ensemble has several."""
        yield self.averaged()

    def noise_for(self, batch_size: int, batch: int, use: str = "noise") -> dict[str, Tensor]:
        """Random numbers for one batch, ``z [B, D]``: the same on every device.

        ``batch`` is how many came before; ``use`` is training's or another independent stream.
        """
        drawn = self.draw_noise(stream(self.seed, use, batch), batch_size)
        return tensors_like(next(self.parameters()), drawn)

    def noise_of(self, batch_size: int, first: int, count: int) -> dict[str, Tensor]:
        """``noise_for`` of ``count`` batches, ``first`` of which came before, ``[count, ...]``."""
        streams = Rewinder()
        each = [
            self.draw_noise(streams.at(self.seed, "noise", batch), batch_size)
            for batch in range(first, first + count)
        ]
        return tensors_like(next(self.parameters()), stack_numbers(each))

    def draw_noise(self, rng: np.random.Generator, batch_size: int) -> dict[str, np.ndarray]:
        """``noise_for`` from any generator; a method that needs more noise extends this."""
        shape = (batch_size, self.latent_dim)
        return {name: rng.standard_normal(shape, dtype=np.float32) for name in self.normals}

    def slice_noise(self, noise: Noise, own: BatchSlice) -> dict[str, Tensor]:
        """Of the noise of a whole batch what one of several processes needs for its own rows."""
        return {name: own.of(value) for name, value in noise.items()}

    def training_step(self, batch: Batch, batch_idx: int) -> dict[str, Any]:
        """One summed loss; terms, weights and targets go to the callbacks beside it."""
        own = BatchSlice(self.trainer.global_rank, self.trainer.world_size)
        number = batches_before(self, batch_idx)
        noise = self.noise_for(len(batch.image) * own.ranks, number)
        if own.ranks > 1:
            noise = self.slice_noise(noise, own)
        outcome = self.update_outcome(batch, self.global_step, noise)
        self.log_update(outcome)
        return outcome

    def update_outcome(self, batch: Batch, step: int, noise: Noise) -> dict[str, Any]:
        """The ``outcome`` of the update behind ``step``, with everything that it depends on."""
        terms = self.terms(batch, step, noise)
        move_states(self, terms, step)
        return self.outcome(terms, step)

    def outcome(self, terms: Terms, step: int) -> dict[str, Any]:
        """What trainer and callbacks are given of an update; terms are scalars or ``[S]``."""
        losses = self.loss(terms, step)
        return {
            "loss": losses.sum(),
            "losses": losses.detach(),
            "terms": {name: value.detach() for name, value in terms.items()},
            "settings": self.settings(step),
        }

    def on_train_start(self) -> None:
        """Say it if the run ends before a schedule does."""
        warn_of_unfinished_schedules(self)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The one optimiser over all weights."""
        return self.make_optimizer(self.parameters())


class PointModel(LatentModel):
    """A method whose codes have no noise: an autoencoder, or contrastive learning of an encoder."""

    posteriors = (Point,)
    only_these = "it has no noise and no KL"
    any_prior = False


def require_label(column: Tensor | None, view: str) -> Tensor:
    """What a method is told of a batch's images.

    Raises:
        ConfigError: the batch does not have it; the ``view`` to choose is named.
    """
    if column is None:
        raise ConfigError(f"the method needs labelled images; choose view={view}")
    return column
