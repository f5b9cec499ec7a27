"""Statistics of how latents align with local principal axes: tensors in, numbers out."""

from vaescope.alignment.jacobian import column_norms, decoder_gram, decoder_grams, decoder_jacobian
from vaescope.alignment.latents import active_by_mean, active_by_variance
from vaescope.alignment.linear import LinearOptimum, axis_cosines, linear_vae_optimum
from vaescope.alignment.orthogonality import (
    distance_to_orthogonality,
    haar_chance,
    nearest_signed_permutation,
    right_singular_vectors,
)
from vaescope.alignment.polarized import (
    kl_diagonal,
    polarization_gap,
    polarized_share,
    simplified_kl,
)
from vaescope.alignment.variance_relation import ima_contrast, variance_relation

__all__ = [
    "LinearOptimum",
    "active_by_mean",
    "active_by_variance",
    "axis_cosines",
    "column_norms",
    "decoder_gram",
    "decoder_grams",
    "decoder_jacobian",
    "distance_to_orthogonality",
    "haar_chance",
    "ima_contrast",
    "kl_diagonal",
    "linear_vae_optimum",
    "nearest_signed_permutation",
    "polarization_gap",
    "polarized_share",
    "right_singular_vectors",
    "simplified_kl",
    "variance_relation",
]
