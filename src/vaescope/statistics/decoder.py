"""The decoder's Jacobian: are its columns orthogonal, and what follows where they are."""

from dataclasses import dataclass

import torch
from torch import Tensor

from vaescope.alignment import (
    column_norms,
    deterministic_surrogate,
    distance_to_orthogonality,
    gram_deviation,
    haar_chance,
    hadamard_gap,
    ima_contrast,
    isometry_deviation,
    norm_spectrum_error,
    off_axis_derivatives,
    off_axis_share,
    order_agreement,
    right_singular_vectors,
    variance_relation,
)
from vaescope.distributions.likelihoods import Bernoulli
from vaescope.ranges import Count, NonNegative
from vaescope.statistics.encoded_split import EncodedSplit
from vaescope.statistics.protocol import Options, finite_numbers

_DECODED_AT_A_TIME = 128


@dataclass
class OfActiveLatents(Options):
    """A statistic that is, in part, about active latents."""

    mean_threshold: NonNegative = 0.5  # which latents are active, as in `Latents`


class Alignment(OfActiveLatents):
    """Are the decoder's Jacobian columns orthogonal, and do the variances follow their lengths?

    Distance to orthogonality (CVPR 2019, eq. 29; un-normalised, exact assignment) with the chance
    level of a Haar rotation, and the median of σ²(1 + cᵀHc/β). See ``OfActiveLatents`` for options.
    """

    def __call__(self, encoded: EncodedSplit) -> dict[str, float]:
        """Distances to orthogonality with their chance levels; the variance relation (ideal 1)."""
        in_pixels, in_loss = encoded.grams["pixels"], encoded.grams["loss"]
        active = encoded.active(self.mean_threshold)
        numbers = _orthogonality("dto", in_pixels)
        numbers |= _orthogonality("dto_active", _part(in_pixels, active))
        if isinstance(encoded.model.likelihood, Bernoulli):  # else the metrics differ by a factor
            numbers |= _orthogonality("dto_active_loss_metric", _part(in_loss, active))
        beta = encoded.model.beta_at(encoded.step)
        variance = encoded.idealised_variance  # the relation is that of its optimum
        if variance is not None and beta and active.any():
            lengths = in_loss.diagonal(dim1=1, dim2=2)
            relation = variance_relation(variance[: len(in_loss)], lengths, beta)
            numbers["variance_relation"] = float(relation[:, active].median())
        return encoded.by_log_key(numbers | {"active_latents": float(active.sum())})


class Spectrum(OfActiveLatents):
    """Singular values of the decoder's Jacobian by rank beside the lengths of its columns.

    Both are changes of the expected image per latent unit. Where columns are orthogonal the two
    are the same numbers. See ``OfActiveLatents`` for options.
    """

    def __call__(self, encoded: EncodedSplit) -> dict[str, float]:
        """Means by rank and by latent; ``norm_spectrum_error`` (0 is orthogonal); order in [-1, 1].

        ``order_agreement`` is about active latents, their column norms in the metric of the loss.
        """
        gram, in_loss = encoded.grams["pixels"], encoded.grams["loss"]
        values, norms = right_singular_vectors(gram)[1].mean(0), column_norms(gram).mean(0)
        numbers = {f"singular_value_{rank:02d}": float(v) for rank, v in enumerate(values)}
        numbers |= {f"column_norm_{j:02d}": float(norm) for j, norm in enumerate(norms)}
        numbers["norm_spectrum_error"] = float(norm_spectrum_error(gram).mean())
        active, variance = encoded.active(self.mean_threshold), encoded.idealised_variance
        if variance is not None and active.sum() >= 2:
            squares = in_loss.diagonal(dim1=1, dim2=2)
            order = order_agreement(variance[: len(squares), active], squares[:, active])
            numbers["order_agreement"] = float(order.mean())
        return encoded.by_log_key(numbers)


class Gaps(OfActiveLatents):
    """What a diagonal posterior costs with this decoder, all in the metric of the loss.

    The surrogates are losses with the best posterior (https://arxiv.org/abs/2002.00041). See
    ``OfActiveLatents`` for options.
    """

    def __call__(self, encoded: EncodedSplit) -> dict[str, float]:
        """Means over images, infinite ones left out; 0 is good, of the surrogates low.

        ``c_ima`` and ``gram_deviation`` of two or more active latents. With a KL weight (that of
        this step): ``hadamard_gap``, ``surrogate_diagonal`` and ``surrogate_full`` of all latents,
        units of the loss; with a diagonal posterior ``isometry_deviation`` of active latents.
        """
        gram, active = encoded.grams["loss"], encoded.active(self.mean_threshold)
        numbers: dict[str, Tensor] = {}
        if active.sum() >= 2:
            numbers["c_ima"] = ima_contrast(_part(gram, active))
            numbers["gram_deviation"] = gram_deviation(_part(gram, active))
        beta, variance = encoded.model.beta_at(encoded.step), encoded.idealised_variance
        if beta:
            mean, nll = encoded.mean[: len(gram)], _nll_at_mean(encoded)
            numbers["hadamard_gap"] = hadamard_gap(gram, beta)
            for name, diagonal in (("diagonal", True), ("full", False)):
                numbers[f"surrogate_{name}"] = deterministic_surrogate(
                    nll, mean, gram, beta, diagonal=diagonal
                )
            if variance is not None and active.any():
                numbers["isometry_deviation"] = isometry_deviation(
                    _part(gram, active), variance[: len(gram), active], beta
                )
        return encoded.by_log_key(
            finite_numbers({name: float(v.mean()) for name, v in numbers.items()})
        )


@dataclass
class OffAxis(Options):
    """Does each singular value of the decoder's Jacobian change along its own latent alone?

    Costs about (D + 1)² decodes a code, as much as D + 1 Jacobians.
    """

    num_codes: Count = 16  # codes at which this is measured, at most
    mean_threshold: NonNegative = 0.5  # which latents are active, as in `Latents`

    def __call__(self, encoded: EncodedSplit) -> dict[str, float]:
        """``off_axis_share`` in [0, 1], 0 is good, of the expected image, on active latents.

        Nothing with fewer than two of them, or if nothing changes anywhere: decoders that are
        linear in pieces (ReLU) have no such derivatives but by a Bernoulli likelihood.
        """
        model, active = encoded.model, encoded.active(self.mean_threshold)
        if active.sum() < 2:
            return {}
        codes, metric = encoded.points(self.num_codes), model.likelihood.pixel_metric
        derivatives = _part(off_axis_derivatives(model.decode, codes, metric).cpu(), active)
        if not derivatives.any():
            return {}
        return encoded.by_log_key({"off_axis_share": float(off_axis_share(derivatives).mean())})


@torch.no_grad()
def _nll_at_mean(encoded: EncodedSplit) -> Tensor:
    """Reconstruction loss of the decoded posterior means ``[num_jacobians]``."""
    model, count = encoded.model, encoded.num_jacobians
    codes = encoded.points(count).split(_DECODED_AT_A_TIME)
    images = encoded.images(count).split(_DECODED_AT_A_TIME)
    pairs = zip(codes, images, strict=True)
    return torch.cat([model.likelihood.nll(model.decode(z), x) for z, x in pairs]).cpu()


def _part(matrices: Tensor, latents: Tensor) -> Tensor:
    """Rows and columns of these latents."""
    return matrices[:, latents][:, :, latents]


def _orthogonality(name: str, gram: Tensor) -> dict[str, float]:
    """DtO, its chance level and their ratio; none of fewer than two latents."""
    dim = gram.shape[-1]
    if dim < 2:
        return {}
    vectors, _ = right_singular_vectors(gram)
    distance, chance = float(distance_to_orthogonality(vectors).mean()), haar_chance(dim)[0]
    return {name: distance, f"{name}_chance": chance, f"{name}_ratio": distance / chance}
