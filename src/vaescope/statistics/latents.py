"""What latents are used for, and how many dimensions they span."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Interval

from vaescope.alignment import (
    LatentType,
    active_by_variance,
    collapse_beta,
    gaussian_total_correlation,
    latent_entropies,
    latent_types,
    mle_dimension,
    polarization_gap,
    polarized_share,
    sampled_total_correlation,
    signal_share,
)
from vaescope.ranges import AtLeastTwo, Count, NonNegative
from vaescope.statistics.encoded_split import EncodedSplit
from vaescope.statistics.protocol import Options, finite_numbers


@dataclass
class Latents(Options):
    """How many latents are active, by both papers' rules, and the KL of each."""

    # CVPR 2019: active if the means' standard deviation is above this, in units of the prior's. An
    # autoencoder has no prior: all its latents are active, here as in the statistics of the decoder
    mean_threshold: NonNegative = 0.5
    variance_threshold: NonNegative = 0.8  # ICML 2021: active if the mean variance is below this

    def __call__(self, encoded: EncodedSplit) -> dict[str, float]:
        """Counts of active latents in [0, D], KL in nats per image."""
        numbers = {"active_by_mean": float(encoded.active(self.mean_threshold).sum())}
        if encoded.variance is not None and encoded.kl is not None:
            variance = encoded.variance / encoded.prior.variance
            by_variance = active_by_variance(variance, self.variance_threshold)
            numbers["active_by_variance"] = float(by_variance.sum())
            numbers["kl_total"] = float(encoded.kl.sum(1).mean())
            if encoded.by_latent:
                per_latent = encoded.kl.mean(0)
                numbers |= {f"kl_latent_{j:02d}": float(kl) for j, kl in enumerate(per_latent)}
        return encoded.by_log_key(numbers)


class Collapse:
    """How close each latent is to its collapse, and the beta at which it would come to that.

    Thresholds are those of the linear VAE (https://arxiv.org/abs/1911.02469), in the weight of the
    KL that this method has, for a diagonal Gaussian posterior and the standard normal prior.
    """

    def __call__(self, encoded: EncodedSplit) -> dict[str, float]:
        """By latent ``signal_share`` in [0, 1], ``collapse_beta`` and ``collapse_order``.

        The order is the place in which latents die as beta rises, 1 for the first.
        ``next_collapse_beta`` is the lowest threshold of a latent that is active (ICML 2021).
        """
        if encoded.variance is None:
            return {}
        shares = signal_share(encoded.mean, encoded.variance)
        numbers = {f"signal_share_{j:02d}": float(share) for j, share in enumerate(shares)}
        beta, variance = encoded.model.beta_at(encoded.step), encoded.idealised_variance
        if variance is not None and beta:
            betas = collapse_beta(encoded.mean, variance, beta)
            places = betas.argsort().argsort() + 1
            for j, (threshold, place) in enumerate(zip(betas, places, strict=True)):
                numbers[f"collapse_beta_{j:02d}"] = float(threshold)
                numbers[f"collapse_order_{j:02d}"] = float(place)
            active = active_by_variance(variance)
            if active.any():
                numbers["next_collapse_beta"] = float(betas[active].min())
        return encoded.by_log_key(numbers)


@dataclass
class PolarizedRegime(Options):
    """How far the KL is from its form in the polarized regime, and since when it has been close."""

    threshold: NonNegative = 0.03  # gap below which a run counts as polarized
    mean_threshold: NonNegative = 0.5  # which latents are active, as in `Latents`

    def __call__(self, encoded: EncodedSplit) -> dict[str, float]:
        """``polarization_gap`` (0 is polarized) and ``polarized_share`` of training in [0, 1]."""
        if encoded.variance is None or not encoded.idealised:
            return {}
        active = encoded.active(self.mean_threshold)
        key = "align/polarization_gap"
        gap = polarization_gap(encoded.mean, encoded.variance, active)
        series = [(row["step"], row[key]) for row in encoded.history if key in row]
        series = [(s, g) for s, g in series if s < encoded.step] + [(encoded.step, gap)]
        numbers = {"polarization_gap": gap}
        if encoded.step > 0:
            steps, gaps = zip(*series, strict=True)
            share = polarized_share(steps, gaps, encoded.step, self.threshold)
            numbers["polarized_share"] = share
        return encoded.by_log_key(numbers)


@dataclass
class LatentTypes(Options):
    """Active, mixed and passive latents, and what they do to mean and to sampled codes.

    See https://arxiv.org/abs/2109.12679.
    """

    # a latent is off at an image where its variance is above this
    variance_threshold: NonNegative = 0.8
    mean_threshold: NonNegative = 0.2  # largest variance of a passive latent's mean over the data
    share: Annotated[float, Interval(gt=0.5, le=1)] = 0.95  # of the images that must agree

    def __call__(self, encoded: EncodedSplit) -> dict[str, float]:
        """Counts in [0, D]; total correlations and entropies in nats, infinite ones left out."""
        mean, variance = encoded.mean, encoded.variance
        if len(mean) < 2:
            return {}
        numbers = {"total_correlation_mean": gaussian_total_correlation(mean)}
        if variance is not None:
            types = latent_types(
                mean,
                variance / encoded.prior.variance,
                variance_threshold=self.variance_threshold,
                mean_threshold=self.mean_threshold,
                share=self.share,
            )
            for kind in LatentType:
                numbers[f"latents_{kind.name.lower()}"] = float((types == kind).sum())
            if encoded.by_latent:
                numbers["total_correlation_sampled"] = sampled_total_correlation(mean, variance)
        entropies = enumerate(latent_entropies(mean))
        numbers |= {f"entropy_latent_{j:02d}": float(entropy) for j, entropy in entropies}
        return encoded.by_log_key(finite_numbers(numbers))


@dataclass
class IntrinsicDimension(Options):
    """How many dimensions the images, the mean codes and the sampled codes have.

    The gap of the last two is what FONDUE thresholds, https://arxiv.org/abs/2209.12806.

    Raises:
        ValueError: for too few images for so many neighbours.
    """

    neighbours: AtLeastTwo = 20  # nearest neighbours in use, at least 2
    num_samples: Count = 1000  # images of the split that are used, at most

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.neighbours < self.num_samples:
            raise ValueError(
                f"neighbours={self.neighbours}, num_samples={self.num_samples}: give more samples "
                "than neighbours"
            )

    def __call__(self, encoded: EncodedSplit) -> dict[str, float]:
        """``dimension_data``, ``_mean``, ``_sampled``; ``_gap``: what passive latents add, near 0.

        None of what has too few distinct points, or neighbours that are all equally far.
        """
        points = {"data": encoded.images(self.num_samples).cpu(), "mean": encoded.mean}
        if encoded.variance is not None:
            points["sampled"] = encoded.sampled
        found = {}
        for name, values in points.items():
            used = values[: self.num_samples].flatten(1)
            distinct = len(used.unique(dim=0))
            if distinct == 1 or distinct > self.neighbours:
                found[name] = mle_dimension(used, neighbours=self.neighbours)
        found = finite_numbers(found)
        if "mean" in found and "sampled" in found:
            found["gap"] = found["sampled"] - found["mean"]
        return encoded.by_log_key({f"dimension_{name}": value for name, value in found.items()})
