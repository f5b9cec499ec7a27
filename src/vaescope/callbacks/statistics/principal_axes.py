"""Are a decoder's axes those of PCA, near each image and over all of them?"""

from vaescope.alignment import (
    decoder_jacobian,
    local_axis_cosines,
    local_principal_axes,
    pca_correlations,
    rotated_axis_cosines,
)
from vaescope.callbacks.held_out import HeldOut
from vaescope.ranges import AtLeastTwo, Count, NonNegative, in_range


class LocalPCA:
    """Active latents beside the principal axes of held-out images.

    Neighbours are as near as the held-out images are dense: raise ``num_samples`` (and the
    evaluation's own) for axes that are more local. The cost is that of a Gram matrix of
    ``num_samples`` images, its eigendecomposition, and ``num_points`` Jacobians.

    Args:
        neighbours: nearest images that make local axes, at most.
        num_points: images around which they are taken, at most.
        num_samples: images among which neighbours are searched and of the global PCA, at most.
        mean_threshold: which latents are active, as in ``Latents``.

    Raises:
        ValueError: for a count below 1, or fewer than 2 neighbours.
    """

    @in_range
    def __init__(
        self,
        neighbours: AtLeastTwo = 50,
        num_points: Count = 64,
        num_samples: AtLeastTwo = 2000,
        mean_threshold: NonNegative = 0.5,
    ) -> None:
        self.neighbours = neighbours
        self.num_points = num_points
        self.num_samples = num_samples
        self.mean_threshold = mean_threshold

    def __call__(self, held_out: HeldOut) -> dict[str, float]:
        """``local_pca_cosine`` in [0, 1], high is PCA, of rotated latents as ``_chance``.

        ``global_pca_correlation`` in [0, 1]: of codes with the principal components of all images.
        """
        active = held_out.active(self.mean_threshold)
        images = held_out.images(self.num_samples).flatten(1)
        num_axes = min(int(active.sum()), len(images) - 1, self.neighbours - 1, images.shape[1])
        if num_axes < 1:
            return {}
        data = images.cpu()
        axes, _ = local_principal_axes(
            data,
            data[: self.num_points],
            neighbours=min(self.neighbours, len(data)),
            num_axes=num_axes,
        )
        codes = held_out.points(min(self.num_points, len(data)))
        jacobian = decoder_jacobian(held_out.model.decode_mean, codes).cpu()[:, :, active]
        numbers = {
            "local_pca_cosine": float(local_axis_cosines(jacobian, axes).mean()),
            "local_pca_cosine_chance": float(rotated_axis_cosines(jacobian, axes).mean()),
        }
        correlations = pca_correlations(held_out.mean[: len(data), active], data)
        if len(correlations):
            numbers["global_pca_correlation"] = float(correlations.mean())
        return held_out.named("align", numbers)
