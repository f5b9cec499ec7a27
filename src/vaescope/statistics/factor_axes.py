"""The decoder's Jacobian beside that of the factors, at the same images."""

from dataclasses import dataclass

import torch
from torch import Tensor

from vaescope.alignment import (
    decoder_jacobian,
    local_axis_cosines,
    rotated_axis_cosines,
    span_cosines,
    whitening,
)
from vaescope.data.factor_jacobian import slopes_of, with_exact_slopes
from vaescope.data.surroundings import surroundings_of
from vaescope.ranges import Count, NonNegative
from vaescope.statistics.encoded_split import EncodedSplit
from vaescope.statistics.protocol import Options
from vaescope.streams import stream


@dataclass
class FactorAxes(Options):
    """Does each latent move an image as one factor does, at the same images?

    The factors' Jacobian dx/dw comes from images that the data set has one step away in a factor,
    of files from the nearest rows, of sets with derivatives (``smooth_sprites``) from these;
    categorical factors have none. A factor without a latent, as in an over-pruned model, has
    cosine 0.
    """

    num_points: Count = 64  # images at which this is measured, at most
    mean_threshold: NonNegative = 0.5  # which latents are active, as in `Latents`

    def __call__(self, encoded: EncodedSplit) -> dict[str, float]:
        """``factor_axis_cosine`` in [0, 1], 1 is aligned, with ``_chance``; ``factor_span_cosine``.

        The first matches each factor with one active latent, and its chance level is that of the
        same decoder with rotated latents; the second is 1 where the latents together can move
        images as the factors do, in any rotation. Nothing without factors that have an order.
        """
        active, mean = encoded.active(self.mean_threshold), encoded.mean
        latents = active & (mean != mean[:1]).any(0)
        factors, rows = factor_jacobian(encoded, self.num_points)
        if not len(rows) or not latents.any():
            return {}
        points = mean[rows].to(encoded.points(1))
        jacobian = decoder_jacobian(encoded.model.decode_mean, points).cpu()[:, :, latents]
        axes = torch.nn.functional.normalize(factors, dim=1)
        white = jacobian.double() @ whitening(mean[:, latents])
        share = min(1.0, jacobian.shape[2] / factors.shape[2])  # of the factors that have a latent
        numbers = {
            "factor_axis_cosine": local_axis_cosines(jacobian, axes),
            "factor_axis_cosine_chance": rotated_axis_cosines(white, axes),
            "factor_span_cosine": span_cosines(factors, jacobian),
        }
        return encoded.by_log_key({n: share * float(v.mean()) for n, v in numbers.items()})


def factor_jacobian(encoded: EncodedSplit, most: int) -> tuple[Tensor, Tensor]:
    """Slopes of the first images by their factors, those with an order that vary.

    Returns:
        Columns ``[n, X, K]``, float64, a unit being a factor's standard deviation; and which of the
        encoded images they are at ``[n]``: those around which enough others lie.
    """
    kinds = encoded.factor_kinds
    varies = (encoded.factors != encoded.factors[:1]).any(0)
    columns = [k for k, kind in enumerate(kinds) if kind != "categorical" and varies[k]]
    rows = encoded.index[:most].cpu()
    if not columns or len(encoded.dataset) < 2:
        return torch.zeros(0, 0, 0), rows[:0]
    surroundings = surroundings_of(encoded.dataset, columns)
    near = surroundings.around(rows, 0.0, 0, stream(0, "statistics/factor_axes"))
    images, shifts = near.images[near.enough].flatten(2).double(), near.shifts[near.enough]
    centre = encoded.images(most).cpu().flatten(1).double()[near.enough]
    steps_from_it = surroundings.images is not None  # else the nearest rows lie around it
    slopes = slopes_of(images, shifts, centre if steps_from_it else None)
    slopes = with_exact_slopes(slopes, encoded.dataset, rows[near.enough], columns)
    return slopes.mT, near.enough.nonzero()[:, 0]
