"""Records of the statistics: what each one is about, what it logs, what its numbers mean."""

from vaescope.scores.information import OF_INFORMATION
from vaescope.scores.prediction import OF_PREDICTION
from vaescope.scores.record import Score, StatisticRecord, logged

_PANEL = {score.name: score for score in (*OF_INFORMATION, *OF_PREDICTION)}

STATISTICS = (
    StatisticRecord(
        "disentanglement",
        "mutual information gap, disentanglement_lib's convention",
        (_PANEL["mig"],),
    ),
    StatisticRecord(
        "neighbours",
        "the CVPR paper's score from 5 nearest neighbours in single latents",
        (
            _PANEL["neighbour_score"],
            Score(
                "neighbour_score_excess",
                "the same with accuracies of discrete factors above chance",
                good="high",
            ),
        ),
    ),
    StatisticRecord(
        "local",
        "MIG inside small boxes of factor values ([Rhodes & Lee 2021]"
        "(https://arxiv.org/abs/2106.02923)): 20 boxes of 500 images",
        (
            Score(
                "local_mig",
                "MIG inside small boxes of factor values; 1: latents are aligned near each image",
                good="high",
                chance="the same with factors shuffled inside the boxes",
                ceiling="the same of a perfect code with these bins",
            ),
        ),
    ),
    StatisticRecord(
        "identifiability",
        "continuous and ordinal factors found in matched latents (0 for a factor that is left "
        "without one), or linear in all of them",
        (
            _PANEL["mcc"],
            _PANEL["mcc_rank"],
            Score(
                "linear_r2",
                "share of the ordered factors' variance that is linear in the code",
                good="high",
            ),
        ),
    ),
    StatisticRecord(
        "latents",
        "active latents by the CVPR paper's rule (std μ > 0.5) and the ICML paper's (E σ² < 0.8)",
        logged(
            {
                "active_by_mean": "latents whose mean has a std > 0.5 (CVPR 2019)",
                "active_by_variance": "latents with a variance < 0.8 (ICML 2021)",
                "kl_total": "KL(q(z|x) || prior), nats per observation",
                "kl_latent_*": "the same of one latent",
            }
        ),
    ),
    StatisticRecord(
        "latent_types",
        "[three types of latents](https://arxiv.org/abs/2109.12679), and how mean and sampled "
        "codes differ by them",
        logged(
            {
                "latents_active": "latents that carry information at every image",
                "latents_mixed": "latents that carry information at some images",
                "latents_passive": "latents that follow the prior at every image",
                "total_correlation_mean": "of the mean codes as a Gaussian, nats; 0 is "
                "uncorrelated",
                "total_correlation_sampled": "of the sampled codes as a Gaussian, nats",
                "entropy_latent_*": "entropy of one latent's mean, nats",
            }
        ),
    ),
    StatisticRecord(
        "intrinsic_dimension",
        "nearest-neighbour estimates; the gap is what [FONDUE](https://arxiv.org/abs/2209.12806) "
        "thresholds",
        logged(
            {
                "dimension_data": "intrinsic dimension of the images",
                "dimension_mean": "intrinsic dimension of the mean codes",
                "dimension_sampled": "intrinsic dimension of the sampled codes",
                "dimension_gap": "of sampled over mean codes: what passive latents add; near 0 "
                "without",
            }
        ),
    ),
    StatisticRecord(
        "polarized",
        "Δ_KL and the share of training with Δ_KL < 3 % to the end",
        (
            Score(
                "polarization_gap",
                "of the KL to its polarized form; < 0.03 is polarized",
                good="low",
                symbol="Δ_KL",
            ),
            Score(
                "polarized_share", "share of training with that gap < 0.03 to the end", good="high"
            ),
        ),
    ),
    StatisticRecord(
        "alignment",
        "distance to orthogonality (eq. 29; un-normalised, exact assignment) with its Haar chance "
        "level; median σ²(1 + cᵀHc/β)",
        (
            Score(
                "dto",
                "distance to orthogonality, all latents; 0 is orthogonal",
                good="low",
                symbol="DtO, all latents",
                chance="the same of a random rotation (Haar)",
            ),
            Score("dto_ratio", "dto / dto_chance; 1 is chance, 0 is orthogonal", good="low"),
            Score("active_latents", "latents that the statistics of the active ones are about"),
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
            Score(
                "dto_active_loss_metric_ratio",
                "the two's ratio; 1 is chance, 0 is orthogonal",
                good="low",
            ),
            Score("variance_relation", "median s_j^2 (1 + c_j^T H c_j / beta), active; theory: 1"),
        ),
    ),
    StatisticRecord(
        "spectrum",
        "singular values by rank beside column norms by latent; order of the norms against 1/σ",
        (
            *logged(
                {
                    "singular_value_*": "of the decoder's Jacobian, by rank",
                    "column_norm_*": "length of the Jacobian's column, by latent",
                }
            ),
            Score(
                "norm_spectrum_error",
                "of column norms as singular values; 0 is orthogonal",
                good="low",
            ),
            Score(
                "order_agreement",
                "rank correlation of column norms and 1 / s_j, active; theory: 1",
                good="high",
            ),
        ),
    ),
    StatisticRecord(
        "gaps",
        "what a diagonal posterior costs with this decoder, against the best full one; [loss with "
        "the best posterior](https://arxiv.org/abs/2002.00041)",
        (
            *logged(
                {
                    "c_ima": "log volume that active columns lose to their angles, nats; 0 is "
                    "orthogonal",
                    "gram_deviation": "rms cosine between active columns; 0 is orthogonal",
                    "hadamard_gap": "loss of the best diagonal posterior over the best full one",
                },
                good="low",
            ),
            *logged(
                {
                    "surrogate_diagonal": "loss with the best diagonal posterior, decoder "
                    "linearised",
                    "surrogate_full": "loss with the best full posterior, decoder linearised",
                }
            ),
            Score(
                "isometry_deviation",
                "of the decoder scaled by s_j to an isometry, active; 0 is one",
                good="low",
            ),
        ),
    ),
    StatisticRecord(
        "off_axis",
        "do singular values change along their own latent alone? 16 codes, (D + 1)² decodes each; "
        "nothing for decoders linear in pieces",
        (
            Score(
                "off_axis_share",
                "of the singular values' changes; 0: each along its own latent alone",
                good="low",
            ),
        ),
    ),
    StatisticRecord(
        "local_pca",
        "Jacobian columns against the principal axes in which images with near (whitened) codes "
        "differ, with random rotations as chance; codes against global ones. Where axes have equal "
        "variance there is nothing to see: the value of chance",
        (
            Score(
                "local_pca_cosine",
                "of Jacobian columns and local principal axes of the data; 1 is PCA",
                good="high",
                chance="the same of randomly rotated latents",
            ),
            Score(
                "global_pca_correlation",
                "of active latents and principal components; 1 is PCA",
                good="high",
            ),
        ),
    ),
    StatisticRecord(
        "drift",
        "likeness of codes to those of the evaluation before, while training",
        logged(
            {
                "drift_mcc": "likeness of active latents to the evaluation before; 1: unmoved axes",
                "drift_procrustes": "the same of all codes up to a rotation",
                "drift_cka": "the same of the codes' inner products",
            }
        ),
    ),
    StatisticRecord(
        "agreement",
        "likeness of codes among the seeds of an ensemble, up to order and sign, rotations, linear "
        "maps; [UDR](https://arxiv.org/abs/1905.12614)",
        (
            *logged(
                {
                    "agreement_mcc": "of active latents with other seeds'; 1: the same axes",
                    "agreement_rank_mcc": "the same of ranks",
                    "agreement_procrustes": "of codes with other seeds', up to a rotation; 1: the "
                    "same",
                    "agreement_linear": "share of other seeds' codes that is linear in these",
                    "agreement_cka": "of inner products of codes with other seeds'; 1: the same",
                },
                good="high",
            ),
            Score(
                "udr",
                "unsupervised disentanglement ranking; 1: other seeds find the same axes",
                good="high",
                symbol="UDR",
            ),
        ),
    ),
)
