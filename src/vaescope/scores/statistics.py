"""Records of what each statistic logs, by its option ``statistics=NAME``."""

from dataclasses import replace

from vaescope.scores.information import OF_INFORMATION
from vaescope.scores.prediction import OF_PREDICTION
from vaescope.scores.record import Score, high, low

_PANEL = {score.name: score for score in (*OF_INFORMATION, *OF_PREDICTION)}

_ROWS = "the same of factors whose rows are shuffled"


def _align(*scores: Score) -> tuple[Score, ...]:
    return tuple(replace(score, group="align") for score in scores)


STATISTICS: dict[str, tuple[Score, ...]] = {
    "disentanglement": (_PANEL["mig"],),
    "neighbours": (
        _PANEL["neighbour_score"],
        high("neighbour_score_excess", "with accuracies of discrete factors above chance"),
    ),
    "local": (
        high(
            "local_mig",
            "MIG inside small boxes of factor values; 1: latents are aligned near each image",
            chance="the same with factors shuffled inside the boxes",
            ceiling="the same of a perfect code with these bins",
        ),
    ),
    "pipe": (
        high(
            "pipe",
            "are images of mixed latents told from reconstructions? 1: no; 0: every one",
            symbol="PIPE",
        ),
    ),
    "identifiability": (
        _PANEL["mcc"],
        _PANEL["mcc_rank"],
        high("linear_r2", "share of the ordered factors' variance linear in the code"),
    ),
    "static_dynamic": (
        high(
            "static_from_static", "static factors that the static code tells, 0 to 1", chance=_ROWS
        ),
        low("dynamic_from_static", "dynamic factors that it tells, 0 to 1: a leak", chance=_ROWS),
        low("static_from_dynamic", "static factors that the dynamic code tells", chance=_ROWS),
        high("dynamic_from_dynamic", "dynamic factors that it tells, 0 to 1", chance=_ROWS),
        high(
            "static_dynamic_gap",
            "what each code tells of its own factors less of the others; 1: apart; 0: mixed",
            chance=_ROWS,
        ),
    ),
    "latents": (
        Score("active_by_mean", "latents whose mean has a std > 0.5 (CVPR 2019)"),
        Score("active_by_variance", "latents with a variance < 0.8 (ICML 2021)"),
        Score("kl_total", "KL(q(z|x) || prior), nats per observation"),
        Score("kl_latent_*", "the same of one latent"),
    ),
    "collapse": (
        Score("signal_share_*", "of one latent's variance; 0: collapsed, whatever its scale"),
        Score("collapse_beta_*", "beta at which that latent dies, by the theory of linear VAEs"),
        Score("collapse_order_*", "place in which it dies as beta rises; 1: the first"),
        Score("next_collapse_beta", "the lowest of these betas among active latents"),
    ),
    "latent_types": (
        Score("latents_active", "latents that carry information at every image"),
        Score("latents_mixed", "latents that carry information at some images"),
        Score("latents_passive", "latents that follow the prior at every image"),
        Score("total_correlation_mean", "of the mean codes as a Gaussian, nats; 0 is uncorrelated"),
        Score("total_correlation_sampled", "of the sampled codes as a Gaussian, nats"),
        Score("entropy_latent_*", "entropy of one latent's mean, nats"),
    ),
    "intrinsic_dimension": (
        Score("dimension_data", "intrinsic dimension of the images"),
        Score("dimension_mean", "intrinsic dimension of the mean codes"),
        Score("dimension_sampled", "intrinsic dimension of the sampled codes"),
        Score(
            "dimension_gap", "of sampled over mean codes: passive latents add it; near 0 without"
        ),
    ),
    "polarized": _align(
        low(
            "polarization_gap",
            "of the KL to its polarized form; < 0.03 is polarized",
            symbol="Δ_KL",
        ),
        high("polarized_share", "share of training with that gap < 0.03 to the end"),
    ),
    "alignment": _align(
        low(
            "dto",
            "distance to orthogonality, all latents; 0 is orthogonal",
            symbol="DtO, all latents",
            chance="the same of a random rotation (Haar)",
        ),
        low("dto_ratio", "dto / dto_chance; 1 is chance, 0 is orthogonal"),
        Score("active_latents", "latents that the statistics of the active ones are about"),
        low(
            "dto_active",
            "distance to orthogonality, active latents",
            symbol="DtO, active latents",
            chance="the same of a random rotation of as many latents",
        ),
        low(
            "dto_active_ratio",
            "dto_active / dto_active_chance; 1 is chance, 0 is orthogonal",
            symbol="DtO / chance, active latents",
        ),
        low(
            "dto_active_loss_metric",
            "dto_active in the loss's own metric (theory: 0)",
            chance="the same of a random rotation",
        ),
        low("dto_active_loss_metric_ratio", "the two's ratio; 1 is chance, 0 is orthogonal"),
        Score("variance_relation", "median s_j^2 (1 + c_j^T H c_j / beta), active; theory: 1"),
    ),
    "spectrum": _align(
        Score("singular_value_*", "of the decoder's Jacobian, by rank"),
        Score("column_norm_*", "length of the Jacobian's column, by latent"),
        low("norm_spectrum_error", "of column norms as singular values; 0: orthogonal"),
        high("order_agreement", "rank correlation of column norms and 1 / s_j, active; theory: 1"),
    ),
    "gaps": _align(
        low("c_ima", "log volume that active columns lose to their angles, nats; 0 is orthogonal"),
        low("gram_deviation", "rms cosine between active columns; 0 is orthogonal"),
        low("hadamard_gap", "loss of the best diagonal posterior over the best full one"),
        Score("surrogate_diagonal", "loss with the best diagonal posterior, decoder linearised"),
        Score("surrogate_full", "loss with the best full posterior, decoder linearised"),
        low("isometry_deviation", "of the decoder scaled by s_j to an isometry, active; 0: one"),
    ),
    "off_axis": _align(
        low("off_axis_share", "of the singular values' changes; 0: along their own latent")
    ),
    "local_pca": _align(
        high(
            "local_pca_cosine",
            "of Jacobian columns and local principal axes of the data; 1 is PCA",
            chance="the same of randomly rotated latents",
        ),
        high("global_pca_correlation", "of active latents and principal components; 1 is PCA"),
        Score(
            "local_axis_direction",
            "|cosine| of the decoder's local axes at two images; 1: the same everywhere",
            chance="the same of axes with random directions",
        ),
        Score("local_axis_order", "rank correlation of their strengths; 1: one order everywhere"),
    ),
    "factor_axes": _align(
        high(
            "factor_axis_cosine",
            "of Jacobian columns and the factors' own dx/dw; 1: each latent moves one factor",
            chance="the same of randomly rotated latents",
        ),
        high("factor_span_cosine", "of the directions that both span; 1: the same ones"),
    ),
    "drift": _align(
        Score("drift_mcc", "likeness of active latents to the evaluation before; 1: unmoved axes"),
        Score("drift_procrustes", "the same of all codes up to a rotation"),
        Score("drift_cka", "the same of the codes' inner products"),
    ),
    "agreement": (
        *_align(
            high("agreement_mcc", "of active latents with other seeds'; 1: the same axes"),
            high("agreement_rank_mcc", "the same of ranks"),
            high("agreement_procrustes", "of codes with other seeds' up to rotation; 1: equal"),
            high("agreement_linear", "share of other seeds' codes that is linear in these"),
            high("agreement_cka", "of inner products of codes with other seeds'; 1: equal"),
        ),
        high(
            "udr",
            "unsupervised disentanglement ranking; 1: other seeds find the same axes",
            symbol="UDR",
        ),
    ),
}
