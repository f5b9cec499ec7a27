"""Records of the terms of losses (each without its weight, per observation) and of training."""

from vaescope.scores.record import Score, logged

LOSS_TERMS = (
    Score(
        "reconstruction",
        "reconstruction loss, summed over pixels; of SlowVAE that of both images",
        good="low",
    ),
    *logged(
        {
            "kl": "KL(q(z|x) || prior), nats; of SlowVAE the mean of both images'",
            "capacity_gap": "|KL - C| of the annealed VAE, nats; 0: the KL is at its capacity",
            "mutual_information": "of code and image by the batch's estimate of q(z), nats",
            "aggregate_total_correlation": "KL(q(z) || product of its marginals), estimated, nats",
            "dimensionwise_kl": "sum over latents of KL(q(z_j) || prior), estimated, nats",
            "discriminator": "cross-entropy of FactorVAE's adversary, nats; log 2: it is fooled",
            "off_diagonal": "squared covariances of the codes, summed; 0: uncorrelated",
            "diagonal": "squared distances of the codes' variances from 1, summed",
            "mmd": "squared discrepancy of codes and prior, 0 to 2; 0: the same distribution",
            "support": "squared Hausdorff distances of codes to all combinations, over pairs",
            "scale": "sum over latents of how much their standard deviation is below 1",
            "hessian": "variance of v^T H v over signs v, or its share; 0: no interaction",
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
    ),
)

LOSSES = (
    *logged(
        {
            "loss": "sum of weight x term, with the weights of this step",
            "loss_final_weights": "with the weights that schedules end at: compares across steps",
        },
        good="low",
    ),
    *LOSS_TERMS,
)

# further numbers of training: its speed, and weights and moving targets of terms
TRAINING = logged(
    {
        "steps_per_second": "updates a second since the last row",
        "weight_*": "weight of the loss term of that name at this step",
        "target_*": "value that the loss term of that name is held to at this step",
    }
)
