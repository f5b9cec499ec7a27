"""Records of the scores of interventions: what codes do while factors are fixed or changed."""

from vaescope.scores.record import Family, panel_score

OF_INTERVENTIONS = (
    panel_score(
        Family("factor_vae", "dlib's sizes, rows drawn from the sample"),
        "factor_vae_score",
        "does the latent that varies least name the factor that is fixed?",
        "generous: noise, copies and rotations up to nearly 45 degrees leave it at 1",
        "chance to 1",
    ),
    panel_score(
        Family("beta_vae", "dlib's sizes, rows drawn from the sample"),
        "beta_vae_score",
        "do mean differences of pairs name the factor that they share?",
        "very generous: one missing factor and most rotations leave it near 1",
        "chance to 1",
    ),
    panel_score(
        Family("irs", "exact: discrete factors are not binned", options={"convention": "exact"}),
        "irs",
        "do latents stay where they are while other factors change?",
        "single outliers of a latent raise it; factors without a latent do not lower it",
        "about 0.4 by chance to 1",
    ),
    panel_score(
        Family("irs_dlib", "dlib: factors in 20 bins", "irs", options={"convention": "dlib"}),
        "irs_dlib",
        "IRS with factors in 20 bins",
        "as IRS; ceiling below 1",
        "about 0.4 by chance to 1",
    ),
    panel_score(
        Family("omes", "pairs of rows that differ in one factor", cost="high"),
        "omes",
        "does one latent change with a factor, and with no other?",
        "copies, splits and shared latents lower it; needs rows that differ in one factor",
    ),
)
