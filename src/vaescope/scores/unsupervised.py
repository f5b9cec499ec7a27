"""Records of the scores without factors: how latents depend on each other."""

from vaescope.scores.record import Family, panel_score

_WASSERSTEIN = Family("wasserstein", "of the codes as a Gaussian", supervised=False)
_SEPARABILITY = Family("separability", "of q(z|x), Monte Carlo", cost="high", supervised=False)

WITHOUT_FACTORS = (
    panel_score(
        Family("total_correlation", "of the codes as a Gaussian", supervised=False),
        "total_correlation",
        "linear dependence of the latents, nats",
        "infinite for exact copies",
        "0 upward",
        good="low",
    ),
    panel_score(
        _WASSERSTEIN,
        "wasserstein_correlation",
        "distance of the latents' covariance from diagonal",
        "their scale",
        "0 upward",
        good="low",
    ),
    panel_score(
        _WASSERSTEIN,
        "wasserstein_correlation_normalised",
        "the same, divided by the variance",
        "copies raise it",
        "0 to below 2",
        good="low",
    ),
    panel_score(
        Family("latent_information", "dlib: 20 bins", supervised=False),
        "latent_information",
        "mean information between two latents, nats",
        "few rows raise it",
        "0 upward",
        good="low",
    ),
    panel_score(
        Family("support", "batches of mean codes", cost="high", supervised=False),
        "factorised_support",
        "how far are combinations of latents' values from any code?",
        "scale and batch size",
        "0 upward",
        good="low",
    ),
    panel_score(
        _SEPARABILITY,
        "sepin",
        "what a latent knows of the image and no other does, nats",
        "few rows; wide posteriors lower it",
        "0 upward",
    ),
    panel_score(
        _SEPARABILITY, "wsepin", "the same, weighted by what latents know", "as SEPIN", "0 upward"
    ),
)
