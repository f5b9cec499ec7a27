"""Are a decoder's axes those of PCA, near each image and over all of them?"""

from dataclasses import dataclass

from vaescope.alignment import (
    axis_consistency,
    decoder_jacobian,
    local_axis_cosines,
    local_principal_axes,
    pca_correlations,
    rotated_axis_cosines,
    whitening,
)
from vaescope.ranges import AtLeastTwo, Count, NonNegative
from vaescope.statistics.encoded_split import EncodedSplit
from vaescope.statistics.protocol import Options


@dataclass
class LocalPCA(Options):
    """Active latents beside the principal axes of the images.

    Near an image the axes are those in which its neighbours change, and neighbours have near codes:
    posterior means, whitened, so that any model has the same neighbourhoods in rotated or scaled
    codes. Neither factors nor a posterior's width are used: sets without factors and autoencoders
    have the same statistic. Neighbours are as near as the images of the split are dense: raise
    ``num_samples`` (and the evaluation's own) for axes that are more local. The cost is that of a
    Gram matrix of ``num_samples`` images, its eigendecomposition, and ``num_points`` Jacobians.
    """

    # nearest images that make local axes, at most; more than active latents
    neighbours: AtLeastTwo = 50
    num_points: Count = 64  # images around which they are taken, at most
    # images among which neighbours are searched and of the global PCA, at most
    num_samples: AtLeastTwo = 2000
    mean_threshold: NonNegative = 0.5  # which latents are active, as in `Latents`

    def __call__(self, encoded: EncodedSplit) -> dict[str, float]:
        """``local_pca_cosine`` in [0, 1], and the same of rotated latents, ``_chance``.

        1 is PCA. Where the data change as much along several axes (equal singular values) there is
        nothing to align with, and both are what a random rotation has. Two latents have a high
        chance level, 0.90 or less. ``global_pca_correlation`` in [0, 1]: of codes with the
        principal components of all images; below 1 for data that are curved in the codes.
        ``local_axis_direction`` in [0, 1], with ``_chance``, and ``local_axis_order`` in [-1, 1]:
        whether the decoder's local axes are the same, and as strong beside each other, everywhere.
        """
        images = encoded.images(self.num_samples).flatten(1).cpu()
        mean = encoded.mean[: len(images)]
        latents = encoded.active(self.mean_threshold) & (mean != mean[:1]).any(0)
        if len(images) < 3 or not latents.any():
            return {}
        codes = mean[:, latents]
        local = local_principal_axes(
            images,
            codes,
            codes[: self.num_points],
            neighbours=min(self.neighbours, len(images)),
        )
        # the slopes of a neighbourhood are the derivatives at its centre
        centres = mean[local.nearest].mean(1).to(encoded.points(1))
        jacobian = decoder_jacobian(encoded.model.decode_mean, centres).cpu()[:, :, latents]
        white = jacobian.double() @ whitening(codes)
        numbers = {
            "local_pca_cosine": float(local_axis_cosines(jacobian, local.axes).mean()),
            "local_pca_cosine_chance": float(rotated_axis_cosines(white, local.axes).mean()),
        }
        if len(white) > 1 and white.shape[2] > 1:
            found = axis_consistency(white.mT @ white)
            numbers["local_axis_direction"] = found.direction
            numbers["local_axis_direction_chance"] = found.direction_chance
            numbers["local_axis_order"] = found.order
        correlations = pca_correlations(codes, images)
        if len(correlations):
            numbers["global_pca_correlation"] = float(correlations.mean())
        return encoded.by_log_key(numbers)
