"""Records of what each statistic logs, by its option ``statistics=NAME``."""

from dataclasses import replace

from vaescope.scores.information import OF_INFORMATION
from vaescope.scores.prediction import OF_PREDICTION
from vaescope.scores.record import Score, logged

_PANEL = {score.name: score for score in (*OF_INFORMATION, *OF_PREDICTION)}


def _align(*scores: Score) -> tuple[Score, ...]:
    return tuple(replace(score, group="align") for score in scores)


STATISTICS: dict[str, tuple[Score, ...]] = {
    "disentanglement": (_PANEL["mig"],),
    "neighbours": (
        _PANEL["neighbour_score"],
        *logged(
            {"neighbour_score_excess": "with accuracies of discrete factors above chance"}, "high"
        ),
    ),
    "local": (
        Score(
            "local_mig",
            "MIG inside small boxes of factor values; 1: latents are aligned near each image",
            good="high",
            chance="the same with factors shuffled inside the boxes",
            ceiling="the same of a perfect code with these bins",
        ),
    ),
    "identifiability": (
        _PANEL["mcc"],
        _PANEL["mcc_rank"],
        *logged({"linear_r2": "share of the ordered factors' variance linear in the code"}, "high"),
    ),
    "latents": logged(
        {
            "active_by_mean": "latents whose mean has a std > 0.5 (CVPR 2019)",
            "active_by_variance": "latents with a variance < 0.8 (ICML 2021)",
            "kl_total": "KL(q(z|x) || prior), nats per observation",
            "kl_latent_*": "the same of one latent",
        }
    ),
    "latent_types": logged(
        {
            "latents_active": "latents that carry information at every image",
            "latents_mixed": "latents that carry information at some images",
            "latents_passive": "latents that follow the prior at every image",
            "total_correlation_mean": "of the mean codes as a Gaussian, nats; 0 is uncorrelated",
            "total_correlation_sampled": "of the sampled codes as a Gaussian, nats",
            "entropy_latent_*": "entropy of one latent's mean, nats",
        }
    ),
    "intrinsic_dimension": logged(
        {
            "dimension_data": "intrinsic dimension of the images",
            "dimension_mean": "intrinsic dimension of the mean codes",
            "dimension_sampled": "intrinsic dimension of the sampled codes",
            "dimension_gap": "of sampled over mean codes: passive latents add it; near 0 without",
        }
    ),
    "polarized": _align(
        Score(
            "polarization_gap",
            "of the KL to its polarized form; < 0.03 is polarized",
            good="low",
            symbol="Δ_KL",
        ),
        *logged({"polarized_share": "share of training with that gap < 0.03 to the end"}, "high"),
    ),
    "alignment": _align(
        Score(
            "dto",
            "distance to orthogonality, all latents; 0 is orthogonal",
            good="low",
            symbol="DtO, all latents",
            chance="the same of a random rotation (Haar)",
        ),
        *logged({"dto_ratio": "dto / dto_chance; 1 is chance, 0 is orthogonal"}, "low"),
        *logged({"active_latents": "latents that the statistics of the active ones are about"}),
        Score(
            "dto_active",
            "distance to orthogonality, active latents",
            good="low",
            symbol="DtO, active latents",
            chance="the same of a random rotation of as many latents",
        ),
        Score(
            "dto_active_ratio",
            "dto_active / dto_active_chance; 1 is chance, 0 is orthogonal",
            good="low",
            symbol="DtO / chance, active latents",
        ),
        Score(
            "dto_active_loss_metric",
            "dto_active in the loss's own metric (theory: 0)",
            good="low",
            chance="the same of a random rotation",
        ),
        *logged(
            {"dto_active_loss_metric_ratio": "the two's ratio; 1 is chance, 0 is orthogonal"}, "low"
        ),
        *logged({"variance_relation": "median s_j^2 (1 + c_j^T H c_j / beta), active; theory: 1"}),
    ),
    "spectrum": _align(
        *logged(
            {
                "singular_value_*": "of the decoder's Jacobian, by rank",
                "column_norm_*": "length of the Jacobian's column, by latent",
            }
        ),
        *logged(
            {"norm_spectrum_error": "of column norms as singular values; 0: orthogonal"}, "low"
        ),
        *logged(
            {"order_agreement": "rank correlation of column norms and 1 / s_j, active; theory: 1"},
            "high",
        ),
    ),
    "gaps": _align(
        *logged(
            {
                "c_ima": "log volume that active columns lose to their angles, nats; "
                "0 is orthogonal",
                "gram_deviation": "rms cosine between active columns; 0 is orthogonal",
                "hadamard_gap": "loss of the best diagonal posterior over the best full one",
            },
            "low",
        ),
        *logged(
            {
                "surrogate_diagonal": "loss with the best diagonal posterior, decoder linearised",
                "surrogate_full": "loss with the best full posterior, decoder linearised",
            }
        ),
        *logged(
            {"isometry_deviation": "of the decoder scaled by s_j to an isometry, active; 0: one"},
            "low",
        ),
    ),
    "off_axis": _align(
        *logged(
            {"off_axis_share": "of the singular values' changes; 0: along their own latent"}, "low"
        )
    ),
    "local_pca": _align(
        Score(
            "local_pca_cosine",
            "of Jacobian columns and local principal axes of the data; 1 is PCA",
            good="high",
            chance="the same of randomly rotated latents",
        ),
        *logged(
            {"global_pca_correlation": "of active latents and principal components; 1 is PCA"},
            "high",
        ),
    ),
    "drift": _align(
        *logged(
            {
                "drift_mcc": "likeness of active latents to the evaluation before; 1: unmoved axes",
                "drift_procrustes": "the same of all codes up to a rotation",
                "drift_cka": "the same of the codes' inner products",
            }
        )
    ),
    "agreement": (
        *_align(
            *logged(
                {
                    "agreement_mcc": "of active latents with other seeds'; 1: the same axes",
                    "agreement_rank_mcc": "the same of ranks",
                    "agreement_procrustes": "of codes with other seeds' up to rotation; 1: equal",
                    "agreement_linear": "share of other seeds' codes that is linear in these",
                    "agreement_cka": "of inner products of codes with other seeds'; 1: equal",
                },
                "high",
            )
        ),
        Score(
            "udr",
            "unsupervised disentanglement ranking; 1: other seeds find the same axes",
            good="high",
            symbol="UDR",
        ),
    ),
}
