"""Encoded split: what a model says of a part of the data, computed once for all statistics."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from vaescope.alignment import active_by_mean, active_by_variance, decoder_grams
from vaescope.data import EvaluationBatches, FactorDataset
from vaescope.data.batches import View
from vaescope.distributions.posteriors import DiagonalGaussian, FullGaussian, Point, Posterior
from vaescope.distributions.priors import Prior, StandardNormal
from vaescope.models import LatentModel
from vaescope.models.validation import losses_of
from vaescope.panel import Sample
from vaescope.scores import is_over_pruned, record_of

_NUMBERS_AT_A_TIME = 2**17  # of images; conv64 encodes more of them at 0.6 of this speed
STANDARD_NORMAL = StandardNormal()


@dataclass(frozen=True, kw_only=True)
class Codes:
    """What an encoder says about N images of a split."""

    step: int  # number of updates the model has had
    split: str  # `val`, `test` or `held_out`; it begins the log keys
    posterior: type[Posterior]  # family of q(z|x), a class of `vaescope.distributions.posteriors`
    mean: Tensor  # posterior means [N, D]
    sampled: Tensor  # one draw from each posterior [N, D], of the same noise at every evaluation
    variance: Tensor | None = None  # marginal posterior variances [N, D]; None for an autoencoder
    kl: Tensor | None = None  # KL per latent [N, D], nats; None for an autoencoder
    factors: Tensor  # generative factors [N, K]
    factor_kinds: Sequence[str]  # `continuous`, `ordinal`, ... of each factor
    prior: Prior = STANDARD_NORMAL  # p(z), an object of `vaescope.distributions.priors`
    # posterior means of the first images at the evaluation before, [M, D]; None if they were
    # not kept
    previous: Tensor | None = None

    @property
    def idealised(self) -> bool:
        """Whether q is a diagonal and p the standard normal, of which the papers' theory speaks."""
        return self.posterior is DiagonalGaussian and isinstance(self.prior, StandardNormal)

    @property
    def by_latent(self) -> bool:
        """Whether q(z|x) has independent latents, so that each has a KL of its own."""
        return self.posterior not in (Point, FullGaussian)

    @property
    def idealised_variance(self) -> Tensor | None:
        """Posterior variances of which the papers' theory speaks, see ``idealised``."""
        return self.variance if self.idealised else None

    @property
    def over_pruned(self) -> bool | None:
        """Whether fewer latents are active (ICML 2021) than factors vary among these images.

        None for an autoencoder, which has no posterior variance, and without a factor that varies.
        """
        if self.variance is None:
            return None
        active = active_by_variance(self.variance / self.prior.variance)
        varying = (self.factors != self.factors[:1]).any(0)
        return is_over_pruned(float(active.sum()), int(varying.sum()))

    def sample(self, most: int | None = None) -> Sample:
        """The first codes and their factors, as the score panel takes them."""
        return Sample(self.mean[:most], self.factors[:most], self.factor_kinds)

    def by_log_key(self, numbers: Mapping[str, float]) -> dict[str, float]:
        """By log key: while training ``val/...`` or ``align/...``, else ``test/...`` and so on.

        The record of a number says which; without one it is ``val/...``.
        """
        if self.split != "val":
            return {f"{self.split}/{name}": value for name, value in numbers.items()}
        groups = {name: record.group for name in numbers if (record := record_of(name))}
        return {f"{groups.get(name, 'val')}/{name}": value for name, value in numbers.items()}

    def active(self, threshold: float) -> Tensor:
        """Which latents are active by the CVPR 2019 paper's rule ``[D]``; an autoencoder's all."""
        if self.variance is None:
            return torch.ones(self.mean.shape[1], dtype=torch.bool)
        return active_by_mean(self.mean / self.prior.variance**0.5, threshold)


@dataclass(frozen=True, kw_only=True)
class EncodedSplit(Codes):
    """A split as one model encodes it: its codes, and what is needed to go beyond them."""

    model: LatentModel  # the model itself, for statistics of its decoder
    dataset: FactorDataset  # where the images are
    index: Tensor  # which of them, [N]
    view: View | None = None  # what is shown with them in training; None: single images
    # mean of every loss term over the first images, without its weight; weights and targets at this
    # step; their weighted sum as `loss`, and as `loss_final_weights` the loss with the weights
    # and targets that the method's schedules end at
    losses: Mapping[str, float]
    num_jacobians: int = 256  # for how many of the N images decoder Jacobians are computed
    # scores of the earlier evaluations of this run, each with its `step`
    history: Sequence[Mapping[str, float]] = ()

    def images(self, count: int) -> Tensor:
        """The first images as the encoder gets them, ``[at most count, ...]``; made when asked."""
        image = self.dataset.batch(self.index[:count]).image
        return image.to(next(self.model.parameters()))

    @torch.no_grad()
    def encode(self, index: Tensor) -> Tensor:
        """Posterior means of any images of the data set, ``[len(index), D]``, on the CPU."""
        training = self.model.training
        self.model.eval()
        means = []
        for chunk in index.split(_images_at_a_time(self.dataset)):
            image = self.dataset.batch(chunk).image.to(next(self.model.parameters()))
            means.append(self.model.encode(image).mean.cpu())
        self.model.train(training)
        return torch.cat(means)

    def points(self, count: int) -> Tensor:
        """The first posterior means, at which the decoder is measured, ``[at most count, D]``."""
        return self.mean[:count].to(next(self.model.parameters()))

    @property
    def finite(self) -> bool:
        """Whether codes and losses are numbers, so that statistics of them have a meaning."""
        spread = self.mean if self.variance is None else self.variance.log()
        losses = torch.tensor(list(self.losses.values()))
        return all(bool(x.isfinite().all()) for x in (self.mean, spread, losses))

    @cached_property
    def grams(self) -> dict[str, Tensor]:
        """J^T H J ``[num_jacobians, D, D]`` in the metrics H of ``pixels`` and of the ``loss``."""
        likelihood = self.model.likelihood
        metrics = {"pixels": likelihood.pixel_metric, "loss": likelihood.curvature}
        grams = decoder_grams(self.model.decode, self.points(self.num_jacobians), metrics)
        return {name: gram.cpu() for name, gram in grams.items()}

    def first_grams(self, count: int) -> Tensor:
        """J^T J in pixels of at least the first images; of more where they are known already."""
        if "grams" in self.__dict__:
            return self.grams["pixels"]
        return replace(self, num_jacobians=min(count, self.num_jacobians)).grams["pixels"]

    def codes(self) -> Codes:
        """The codes without the model, so that those of many members may be kept."""
        return Codes(**{field.name: getattr(self, field.name) for field in fields(Codes)})


@torch.no_grad()
def encode_split(
    model: LatentModel,
    viewed: EvaluationBatches,
    index: Tensor,
    *,
    split: str,
    step: int,
    num_losses: int | None = None,
    **about: Any,
) -> EncodedSplit:
    """Encode the images ``index [N]`` of a data set, and compute losses, in full precision.

    Args:
        model: any model, left in the mode it was in.
        viewed: where the images are, on the model's device or the CPU, and what is shown with them.
        index: which images.
        split: ``val``, ``test`` or ``held_out``.
        step: number of updates the model has had.
        num_losses: about how many of the images enter the loss terms; None: all.
        **about: the remaining attributes of ``EncodedSplit``.
    """
    training, dataset, like = model.training, viewed.dataset, next(model.parameters())
    batch_size = _images_at_a_time(dataset)
    model.eval()
    parts, losses = [], []
    for number, chunk in enumerate(index.split(batch_size)):
        batch = dataset.batch(chunk).like(like)
        q = model.encode(batch.image)
        noise = model.noise_for(len(chunk), number, use="held out codes")
        part = {"mean": q.mean, "sampled": q.rsample(noise["z"]), "factors": batch.factors}
        if not isinstance(q, Point):
            part |= {"variance": q.variance, "kl": model.kl(q)}
        parts.append({name: value.cpu() for name, value in part.items()})
        if num_losses is None or number * batch_size < num_losses:
            shown = batch if viewed.view is None else viewed.batch(chunk, number).like(like)
            noise = model.noise_for(len(shown.image), number, use="held out")
            losses.append((len(chunk), losses_of(model, shown, step, noise)))
    model.train(training)
    codes: dict[str, Any] = {n: torch.cat([part[n] for part in parts]) for n in parts[0]}
    total, names = sum(count for count, _ in losses), losses[0][1] if losses else ()
    means = {n: sum(count * each[n] for count, each in losses) / total for n in names}
    return EncodedSplit(
        model=model,
        dataset=dataset,
        index=index,
        view=viewed.view,
        step=step,
        split=split,
        posterior=model.posterior,
        prior=model.prior,
        factor_kinds=dataset.factors.kinds,
        losses=means | model.settings(step),
        **codes,
        **about,
    )


def _images_at_a_time(dataset: FactorDataset) -> int:
    return max(32, _NUMBERS_AT_A_TIME // math.prod(dataset.image_shape))
