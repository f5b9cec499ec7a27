"""Statistics of how latents align with local principal axes: tensors in, numbers out.

An argument of one of these names means the same in every function, unless the function says more:

- ``mean``, ``variance``: of the posteriors of N images [N, D]; variances, not their logarithms.
- ``codes``: one number per latent [N, D].
- ``gram``: J^T J or J^T H J [N, D, D], symmetric, of the decoder's Jacobian J at each of N codes.
- ``beta``: weight of the KL term, above 0.
- ``seed``: of all random draws.

What cannot be used (shapes that do not fit, values that are not finite, options out of range) is
refused by a ``ValueError`` that says what was given and what is needed; tensors, by an
``InputError``, which is one.
"""

from vaescope.alignment.active_mixed_passive import (
    LatentType,
    active_by_mean,
    active_by_variance,
    gaussian_total_correlation,
    latent_entropies,
    latent_types,
    sampled_total_correlation,
)
from vaescope.alignment.any_decoder import DecoderAlignment, dto
from vaescope.alignment.axes_compared import AxisConsistency, axis_consistency, span_cosines
from vaescope.alignment.collapse import collapse_beta, signal_share
from vaescope.alignment.curvature import posterior_curvature
from vaescope.alignment.decoder_derivatives import (
    column_norms,
    decoder_gram,
    decoder_grams,
    decoder_jacobian,
)
from vaescope.alignment.gaps import (
    deterministic_surrogate,
    gram_deviation,
    hadamard_gap,
    isometry_deviation,
)
from vaescope.alignment.gram_derivatives import off_axis_derivatives, off_axis_share
from vaescope.alignment.intrinsic_dimension import fondue, mle_dimension, two_nn_dimension
from vaescope.alignment.linear_vae import LinearOptimum, axis_cosines, linear_vae_optimum
from vaescope.alignment.local_axes import LocalAxes, local_principal_axes, whitening
from vaescope.alignment.optimality import (
    ima_contrast,
    norm_spectrum_error,
    order_agreement,
    variance_relation,
)
from vaescope.alignment.orthogonality import (
    distance_to_orthogonality,
    haar_chance,
    nearest_signed_permutation,
    right_singular_vectors,
)
from vaescope.alignment.pca_agreement import (
    local_axis_cosines,
    pca_correlations,
    rotated_axis_cosines,
)
from vaescope.alignment.polarized import (
    kl_diagonal,
    polarization_gap,
    polarized_share,
    simplified_kl,
)
from vaescope.alignment.rotation import (
    plane_rotation,
    predicted_rise,
    rotated_losses,
    rotated_posterior,
)
from vaescope.alignment.similarity import (
    centred_kernel_alignment,
    correlation_match,
    linear_alignment,
    matched_correlation,
    mean_correlation,
    orthogonal_alignment,
    pairwise,
)
