"""Figure 5 of the CVPR 2019 paper: runs that differ in beta, and where latents are to be pruned."""

import numpy as np

from vaescope.reproduction.results import Result, Results

VARIANCES = 4 / 12, 1 / 12  # of the linear data's axes
SWEPT = {"synthetic_linear": "Synth. Lin.", "dsprites": "dSprites"}
TOLD_AT = 1.0  # a trained run's latents say where they will die; dSprites' are asked at this beta

ByBeta = dict[float, Result]  # by beta, the smallest first


def sweep_of(results: Results, data: str) -> ByBeta:
    """Finished runs of the sweep on these data."""
    found = {
        float(result.config["model"]["beta"]): result
        for name, result in results.items()
        if name.startswith(f"figure5_{data}_beta_") and result.rows
    }
    return dict(sorted(found.items()))


def predicted_thresholds(sweep: ByBeta, data: str) -> np.ndarray:
    """The betas at which latents die, by seed `[S, D]`; empty where nothing says them.

    Of the linear data 2 lambda_j in closed form. Of others what `statistics=collapse` reads off the
    run at beta = 1: a prediction for all larger ones.
    """
    if data == "synthetic_linear":
        return 2 * np.array([VARIANCES])
    if TOLD_AT not in sweep:
        return np.empty((0, 0))
    run = sweep[TOLD_AT]
    latents = range(int(run.config.get("latent_dim", 0)))
    columns = [run.values(f"test/collapse_beta_{j:02d}") for j in latents]
    known = [column for column in columns if len(column)]
    return np.stack(known, axis=1) if known else np.empty((0, 0))
