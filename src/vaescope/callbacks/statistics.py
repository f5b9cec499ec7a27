"""Named groups of numbers about one look at held-out data; the numbers themselves are elsewhere."""

from typing import Protocol

import torch

from vaescope.alignment import (
    active_by_mean,
    active_by_variance,
    decoder_grams,
    distance_to_orthogonality,
    haar_chance,
    polarization_gap,
    polarized_share,
    right_singular_vectors,
    variance_relation,
)
from vaescope.callbacks.held_out import HeldOut
from vaescope.likelihoods import Bernoulli
from vaescope.metrics import information_gaps, mig_ceiling, mig_chance
from vaescope.posteriors import DiagonalGaussian


class Statistic(Protocol):
    """Maps a look at held-out data to named numbers."""

    def __call__(self, held_out: HeldOut) -> dict[str, float]:
        """Return log keys and values; empty where the statistic has no meaning."""
        ...


class Disentanglement:
    """MIG of the posterior means with its chance level and the ceiling set by the bins.

    Args:
        bins: equal-width bins over each latent's range.

    Raises:
        ValueError: for fewer than 2 bins.
    """

    def __init__(self, bins: int = 20) -> None:
        if bins < 2:
            raise ValueError(f"bins={bins}: give at least 2")
        self.bins = bins

    def __call__(self, held_out: HeldOut) -> dict[str, float]:
        """Keys ``mig``, ``mig_chance``, ``mig_ceiling``, all in [0, 1]; mig high is good."""
        codes, factors = held_out.mean, held_out.factors
        if factors.shape[1] == 0:
            return {}
        numbers = {
            "mig": information_gaps(codes, factors, bins=self.bins).score,
            "mig_chance": mig_chance(codes, factors, bins=self.bins),
            "mig_ceiling": mig_ceiling(factors, bins=self.bins),
        }
        return {held_out.key("val", name): value for name, value in numbers.items()}


class Latents:
    """How many latents are active, by both papers' rules, and the KL of each.

    Args:
        mean_threshold: CVPR 2019: active if the means' standard deviation is above this.
        variance_threshold: ICML 2021: active if the mean variance is below this.
    """

    def __init__(self, mean_threshold: float = 0.5, variance_threshold: float = 0.8) -> None:
        self.mean_threshold = mean_threshold
        self.variance_threshold = variance_threshold

    def __call__(self, held_out: HeldOut) -> dict[str, float]:
        """Counts of active latents in [0, D], KL in nats per image."""
        by_mean = active_by_mean(held_out.mean, self.mean_threshold)
        numbers = {"active_by_mean": float(by_mean.sum())}
        if held_out.variance is not None and held_out.kl is not None:
            by_variance = active_by_variance(held_out.variance, self.variance_threshold)
            numbers["active_by_variance"] = float(by_variance.sum())
            numbers["kl_total"] = float(held_out.kl.sum(1).mean())
            if held_out.model.posterior is DiagonalGaussian:  # else a latent has no KL of its own
                per_latent = held_out.kl.mean(0)
                numbers |= {f"kl_latent_{j:02d}": float(kl) for j, kl in enumerate(per_latent)}
        return {held_out.key("val", name): value for name, value in numbers.items()}


class PolarizedRegime:
    """How far the KL is from its form in the polarized regime, and since when it has been close.

    Args:
        threshold: gap below which a run counts as polarized.
        mean_threshold: which latents are active, as in ``Latents``.
    """

    def __init__(self, threshold: float = 0.03, mean_threshold: float = 0.5) -> None:
        self.threshold = threshold
        self.mean_threshold = mean_threshold

    def __call__(self, held_out: HeldOut) -> dict[str, float]:
        """``polarization_gap`` (0 is polarized) and ``polarized_share`` of training in [0, 1]."""
        if held_out.variance is None or held_out.model.posterior is not DiagonalGaussian:
            return {}
        active = active_by_mean(held_out.mean, self.mean_threshold)
        key = "align/polarization_gap"
        gap = polarization_gap(held_out.mean, held_out.variance, active)
        series = [(row["step"], row[key]) for row in held_out.history if key in row]
        series = [(s, g) for s, g in series if s < held_out.step] + [(held_out.step, gap)]
        numbers = {"polarization_gap": gap}
        if held_out.step > 0:
            steps, gaps = zip(*series, strict=True)
            share = polarized_share(steps, gaps, held_out.step, self.threshold)
            numbers["polarized_share"] = share
        return {held_out.key("align", name): value for name, value in numbers.items()}


class Alignment:
    """Are the decoder's Jacobian columns orthogonal, and do the variances follow their lengths?

    Args:
        mean_threshold: which latents are active, as in ``Latents``.
    """

    def __init__(self, mean_threshold: float = 0.5) -> None:
        self.mean_threshold = mean_threshold

    def __call__(self, held_out: HeldOut) -> dict[str, float]:
        """Distances to orthogonality with their chance levels; the variance relation (ideal 1)."""
        model, codes = held_out.model, held_out.mean[: held_out.num_jacobians]
        codes = codes.to(next(model.parameters()))
        active = torch.ones(codes.shape[1], dtype=torch.bool)
        if held_out.variance is not None:
            active = active_by_mean(held_out.mean, self.mean_threshold)
        metrics = {"pixels": model.likelihood.pixel_metric, "loss": model.likelihood.curvature}
        grams = decoder_grams(model.decode, codes, metrics)
        in_pixels, in_loss = grams["pixels"].cpu(), grams["loss"].cpu()
        numbers = _orthogonality("dto", in_pixels) | _orthogonality("dto_active", in_pixels, active)
        if isinstance(model.likelihood, Bernoulli):  # else the two metrics differ by a factor
            numbers |= _orthogonality("dto_active_loss_metric", in_loss, active)
        beta = model.beta_at(held_out.step)
        diagonal = model.posterior is DiagonalGaussian  # the relation is that of its optimum
        if held_out.variance is not None and diagonal and beta and active.any():
            lengths = in_loss.diagonal(dim1=1, dim2=2)
            relation = variance_relation(held_out.variance[: len(codes)], lengths, beta)
            numbers["variance_relation"] = float(relation[:, active].median())
        numbers["active_latents"] = float(active.sum())
        return {held_out.key("align", name): value for name, value in numbers.items()}


def _orthogonality(
    name: str, gram: torch.Tensor, active: torch.Tensor | None = None
) -> dict[str, float]:
    """DtO, its chance level and their ratio, on all or on the active latents; none without any."""
    if active is not None:
        gram = gram[:, active][:, :, active]
    dim = gram.shape[-1]
    if dim < 2:
        return {}
    vectors, _ = right_singular_vectors(gram)
    distance = float(distance_to_orthogonality(vectors).mean())
    chance, _ = haar_chance(dim)
    return {name: distance, f"{name}_chance": chance, f"{name}_ratio": distance / chance}
