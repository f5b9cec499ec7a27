"""What every logged number means, in one line: for tables and for the report."""

# terms of losses, each without its weight, per observation
LOSS_TERMS = {
    "reconstruction": "reconstruction loss, summed over pixels; of SlowVAE that of both images",
    "kl": "KL(q(z|x) || prior), nats; of SlowVAE the mean of both images'",
    "capacity_gap": "|KL - C| of the annealed VAE, nats; 0: the KL is at its capacity",
    "mutual_information": "of code and image by the batch's estimate of q(z), nats",
    "aggregate_total_correlation": "KL(q(z) || product of its marginals), estimated, nats",
    "dimensionwise_kl": "sum over latents of KL(q(z_j) || prior), estimated, nats",
    "discriminator": "cross-entropy of FactorVAE's adversary, nats; log 2: it is fooled",
    "off_diagonal": "squared covariances of the codes, summed; 0: uncorrelated",
    "diagonal": "squared distances of the codes' variances from 1, summed",
    "mmd": "squared discrepancy of codes and prior, 0 to 2; 0: the same distribution",
    "support": "squared Hausdorff distances of codes to all combinations, summed over pairs",
    "scale": "sum over latents of how much their standard deviation is below 1",
    "hessian": "variance of v^T H v of the decoder over signs v, or its share; 0: no interaction",
    "jacobian_l1": "sum of |d decoder / d z| over latents and pixels",
    "cosines": "squared cosines between columns of the Jacobian, summed; 0: orthogonal",
    "code": "half the squared norm of the code",
    "log_determinant": "half the log-determinant of the best posterior's precision, nats",
    "commitment": "mean squared distance of encoder outputs to their codebook values",
    "quantisation": "the same distance, with the gradient of the codebook",
    "transition": "of two images' posteriors from a Laplace about each other, nats",
    "triplet": "hinge of a triplet's distances; 0: the negative is far enough",
    "contrast": "cross-entropy of telling real pairs from others, nats",
    "cross_entropy": "of the label, nats; 0: every label is told",
    "supervised": "regulariser of labelled images, at least 0",
}

GLOSSARY = {
    "loss": "sum of weight x term, with the weights of this step; low is good",
    "loss_final_weights": "the same with the weights that schedules end at: compares across steps",
    **LOSS_TERMS,
    "kl_total": "KL(q(z|x) || prior), nats per observation",
    "mig": "mutual information gap; 1: each factor in one latent",
    "mig_chance": "MIG of the same codes with shuffled factors",
    "mig_ceiling": "MIG that a perfect code reaches with these bins",
    "neighbour_score": "CVPR 2019's 5-nearest-neighbour disentanglement score; 1 is best",
    "neighbour_score_chance": "the same of shuffled factors",
    "neighbour_score_excess": "the same with accuracies of discrete factors above chance",
    "local_mig": "MIG inside small boxes of factor values; 1: latents are aligned near each image",
    "local_mig_chance": "the same with factors shuffled inside the boxes",
    "local_mig_ceiling": "the same of a perfect code with these bins",
    "mcc": "mean |correlation| of matched latents and ordered factors; 1 is best",
    "mcc_rank": "the same of their ranks",
    "linear_r2": "share of the ordered factors' variance that is linear in the code",
    "active_by_mean": "latents whose mean has a std > 0.5 (CVPR 2019)",
    "active_by_variance": "latents with a variance < 0.8 (ICML 2021)",
    "latents_active": "latents that carry information at every image",
    "latents_mixed": "latents that carry information at some images",
    "latents_passive": "latents that follow the prior at every image",
    "total_correlation_mean": "of the mean codes as a Gaussian, nats; 0 is uncorrelated",
    "total_correlation_sampled": "of the sampled codes as a Gaussian, nats",
    "dimension_data": "intrinsic dimension of the images",
    "dimension_mean": "intrinsic dimension of the mean codes",
    "dimension_sampled": "intrinsic dimension of the sampled codes",
    "dimension_gap": "of sampled over mean codes: what passive latents add; near 0 without",
    "polarization_gap": "of the KL to its polarized form; < 0.03 is polarized",
    "polarized_share": "share of training with that gap < 0.03 to the end",
    "dto": "distance to orthogonality, all latents; 0 is orthogonal",
    "dto_chance": "the same of a random rotation (Haar)",
    "dto_ratio": "dto / dto_chance; 1 is chance, 0 is orthogonal",
    "active_latents": "latents that the statistics of the active ones are about",
    "dto_active": "distance to orthogonality, active latents",
    "dto_active_chance": "the same of a random rotation of as many latents",
    "dto_active_ratio": "dto_active / dto_active_chance; 1 is chance, 0 is orthogonal",
    "dto_active_loss_metric": "dto_active in the loss's own metric (theory: 0)",
    "dto_active_loss_metric_chance": "the same of a random rotation",
    "dto_active_loss_metric_ratio": "the two's ratio; 1 is chance, 0 is orthogonal",
    "variance_relation": "median s_j^2 (1 + c_j^T H c_j / beta), active; theory: 1",
    "norm_spectrum_error": "of column norms as singular values; 0 is orthogonal",
    "order_agreement": "rank correlation of column norms and 1 / s_j, active; theory: 1",
    "c_ima": "log volume that active columns lose to their angles, nats; 0 is orthogonal",
    "gram_deviation": "rms cosine between active columns; 0 is orthogonal",
    "hadamard_gap": "loss of the best diagonal posterior over the best full one",
    "surrogate_diagonal": "loss with the best diagonal posterior, decoder linearised",
    "surrogate_full": "loss with the best full posterior, decoder linearised",
    "isometry_deviation": "of the decoder scaled by s_j to an isometry, active; 0 is one",
    "off_axis_share": "of the singular values' changes; 0: each along its own latent alone",
    "local_pca_cosine": "of Jacobian columns and local principal axes of the data; 1 is PCA",
    "local_pca_cosine_chance": "the same of randomly rotated latents",
    "global_pca_correlation": "of active latents and principal components; 1 is PCA",
    "drift_mcc": "likeness of active latents to the evaluation before; 1: unmoved axes",
    "drift_procrustes": "the same of all codes up to a rotation",
    "drift_cka": "the same of the codes' inner products",
    "agreement_mcc": "of active latents with other seeds'; 1: the same axes",
    "agreement_rank_mcc": "the same of ranks",
    "agreement_procrustes": "of codes with other seeds', up to a rotation; 1: the same",
    "agreement_linear": "share of other seeds' codes that is linear in these",
    "agreement_cka": "of inner products of codes with other seeds'; 1: the same",
    "udr": "unsupervised disentanglement ranking; 1: other seeds find the same axes",
}

# which end of a score is good, where it is not in ``score_facts``
LOW_IS_GOOD = {
    *("loss", "reconstruction", "polarization_gap", "dto", "dto_ratio", "dto_active"),
    *("dto_active_ratio", "dto_active_loss_metric", "dto_active_loss_metric_ratio"),
    *("norm_spectrum_error", "c_ima", "gram_deviation", "hadamard_gap", "isometry_deviation"),
    *("off_axis_share",),
}
ONE_IS_BEST = {
    *("mig", "neighbour_score", "neighbour_score_excess", "local_mig", "mcc", "mcc_rank"),
    *("linear_r2", "polarized_share", "order_agreement", "local_pca_cosine"),
    *("global_pca_correlation", "agreement_mcc", "agreement_rank_mcc", "agreement_procrustes"),
    *("agreement_linear", "agreement_cka", "udr"),
}

# how tables head the columns of scores that papers write in another way than log keys
SYMBOLS = {
    "mig": "MIG",
    "mcc": "MCC",
    "udr": "UDR",
    "dto": "DtO, all latents",
    "dto_active": "DtO, active latents",
    "dto_active_ratio": "DtO / chance, active latents",
    "polarization_gap": "Δ_KL",
}


def heading(key: str) -> str:
    """A column's heading: ``test/dto_active`` -> ``DtO, active latents``."""
    return SYMBOLS.get(name_of(key), name_of(key).replace("_", " "))


def name_of(key: str) -> str:
    """The quantity in a log key: ``val/mig`` -> ``mig``."""
    return key.rsplit("/", 1)[-1]


def in_order(keys: list[str]) -> list[str]:
    """The keys that the glossary explains, in its order."""
    known = list(GLOSSARY)
    return sorted(
        (k for k in keys if name_of(k) in GLOSSARY), key=lambda k: known.index(name_of(k))
    )
