"""Records of the terms of losses (each without its weight, per observation) and of training."""

from vaescope.scores.record import Score, low

LOSS_TERMS = (
    low(
        "reconstruction", "reconstruction loss, summed over pixels; of SlowVAE that of both images"
    ),
    Score("kl", "KL(q(z|x) || prior), nats; of SlowVAE the mean of both images'"),
    Score("kl_static", "KL of a sequence's static code to its prior, nats per frame"),
    Score(
        "kl_dynamic", "KL of dynamic codes to their prior, given the frame before, nats per frame"
    ),
    Score("capacity_gap", "|KL - C| of the annealed VAE, nats; of DAVA (KL/D - C)^4; 0: at C"),
    Score("controlled_kl", "KL times the weight that ControlVAE's controller gives it, nats"),
    Score("controlled_beta", "that weight; it rises while the KL is above its target"),
    Score("mutual_information", "of code and image by the batch's estimate of q(z), nats"),
    Score("aggregate_total_correlation", "KL(q(z) || product of its marginals), estimated, nats"),
    Score("dimensionwise_kl", "sum over latents of KL(q(z_j) || prior), estimated, nats"),
    Score("discriminator", "cross-entropy of the adversary, nats; log 2: it is fooled"),
    Score("adversarial", "of reconstructions taken for mixed ones, as DAVA weighs it"),
    Score("accuracy_of_adversary", "share that it tells, 0 to 1; 1/2: it is fooled"),
    Score("generator", "-log of the adversary's odds that generated images are real, nats"),
    Score("gradient_penalty", "half the adversary's squared gradient by real images"),
    Score("noise", "squared error of the noise that a denoiser finds, summed over pixels"),
    Score("encoding", "-log q(z|g(z)) of a generator's own codes, nats"),
    Score("off_diagonal", "squared covariances of the codes, summed; 0: uncorrelated"),
    Score("diagonal", "squared distances of the codes' variances from 1, summed"),
    Score("mmd", "squared discrepancy of codes and prior, 0 to 2; 0: the same distribution"),
    Score("support", "squared Hausdorff distances of codes to all combinations, over pairs"),
    Score("scale", "sum over latents of how much their standard deviation is below 1"),
    Score("hessian", "variance of v^T H v over signs v, or its share; 0: no interaction"),
    Score("jacobian_l1", "sum of |d decoder / d z| over latents and pixels"),
    Score("distortion", "of the decoder, relaxed, 0 to 1; 0: an isometry up to one scale"),
    Score("cosines", "squared cosines between columns of the Jacobian, summed; 0: orthogonal"),
    Score("code", "half the squared norm of the code"),
    Score("log_determinant", "half that of the best posterior's precision, or of J^T J, nats"),
    Score("angles", "of Jacobian columns: sum_k log|J_k| - 1/2 log det J^T J; 0: orthogonal"),
    Score("commitment", "mean squared distance of encoder outputs to their codebook values"),
    Score("quantisation", "the same distance, with the gradient of the codebook"),
    Score("multiinformation", "of latents, by kernel densities of a batch, nats"),
    Score("transition", "of two images' posteriors from a Laplace about each other, nats"),
    Score("parallel", "-log cos^2 between changes by elements of one latent; 0: all are parallel"),
    Score("perpendicular", "cos^2 between changes by elements of two latents; 0: right angles"),
    Score("commutators", "squared commutators of a codebook's elements; 0: they commute"),
    Score("sparsity", "of what an element changes; 0: each moves one latent"),
    Score("switches", "cross-entropy of which latents differ between two images, nats"),
    Score("equivariance", "squared distance of a moved code from the code it should be"),
    Score("decoder_equivariance", "reconstruction loss of the next image from a moved code"),
    Score("triplet", "hinge of a triplet's distances; 0: the negative is far enough"),
    Score("contrast", "cross-entropy of telling real pairs from others, nats"),
    Score("cross_entropy", "of the label, nats; 0: every label is told"),
    Score("supervised", "regulariser of labelled images, at least 0"),
)

LOSSES = (
    low("loss", "sum of weight x term, with the weights of this step"),
    low("loss_final_weights", "with the weights that schedules end at: compares across steps"),
    *LOSS_TERMS,
)

# further numbers of training: its speed and rate, and weights and moving targets of terms
TRAINING = (
    Score("steps_per_second", "updates a second since the last row"),
    Score("lr", "learning rate, where it has a schedule; of several groups of weights the first's"),
    Score("weight_*", "weight of the loss term of that name at this step"),
    Score("target_*", "value that the loss term of that name is held to at this step"),
)
