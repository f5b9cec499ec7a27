"""Rotation of trained latents: what it costs, beside what theory predicts."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from vaescope.alignment import (
    plane_rotation,
    posterior_curvature,
    predicted_rise,
    rotated_losses,
)
from vaescope.distributions.posteriors import DiagonalGaussian, Point
from vaescope.models import LatentModel
from vaescope.reproduction.paper import Opened
from vaescope.streams import stream

FREE = 1e-6  # nats
WITHIN = 0.2  # of the prediction


def rotation_curve(run: Opened, num_angles: int = 19, num_draws: int = 64) -> dict[str, Any]:
    """Rise of the loss as the first two latents are rotated and the networks compensate.

    The posterior is the encoder's at every angle, and the same noise serves all angles of an image.

    Args:
        run: of one or more seeds.
        num_angles: from 0 to 90 degrees; an odd number includes 45.
        num_draws: of noise for each image, an even number.

    Returns:
        ``degrees [A]``; by seed ``rise [S, A]``, in units of beta for a VAE (nats) and of the loss
        for an autoencoder, and its standard error over images and noise ``error [S, A]``. For
        diagonal posteriors ``predicted [S, A]``, the rise to second order, and the standard error
        ``gap_error [S, A]`` of the difference of the two; else None.
    """
    angles = np.linspace(0, math.pi / 2, num_angles)
    curves: dict[str, list[np.ndarray]] = {
        n: [] for n in ("rise", "error", "predicted", "gap_error")
    }
    for model in run.models:
        rises, predicted = _rises(model.double(), run, angles, num_draws)
        curves["rise"].append(rises.mean(0))
        curves["error"].append(_standard_error(rises))
        if predicted is not None:
            curves["predicted"].append(predicted.mean(0))
            curves["gap_error"].append(_standard_error(rises - predicted))
    whole = {n: rows for n, rows in curves.items() if len(rows) == len(run.models)}
    stacked = {name: np.stack(whole[name]) if name in whole else None for name in curves}
    return {"degrees": np.degrees(angles), **stacked}


def rotation_numbers(curve: Mapping[str, Any]) -> dict[str, list[float]]:
    """A `rotation_curve` at 45 degrees.

    Returns:
        For each seed ``rotation_rise``, ``rotation_error`` and, for diagonal posteriors,
        ``rotation_predicted`` and ``rotation_gap_error``.
    """
    middle = int(np.abs(curve["degrees"] - 45).argmin())
    return {
        f"rotation_{name}": curve[name][:, middle].tolist()
        for name in ("rise", "error", "predicted", "gap_error")
        if curve[name] is not None
    }


def rotation_verdict(
    numbers: Mapping[str, Sequence[float]], label: str
) -> Iterator[tuple[str, str]]:
    """Whether a rotation costs what it is said to cost: a verdict and the numbers behind it.

    Nothing without numbers. Two standard errors count for and against a diagonal posterior.

    Args:
        numbers: `rotation_numbers` of a run.
        label: its name.
    """
    if "rotation_rise" not in numbers:
        return
    rise, seeds = float(np.mean(numbers["rotation_rise"])), len(numbers["rotation_rise"])
    if "rotation_predicted" not in numbers:
        largest = float(np.abs(numbers["rotation_rise"]).max())
        yield ("holds" if largest < FREE else "fails"), f"{label}: at most {largest:.1g} nats"
        return
    predicted = float(np.mean(numbers["rotation_predicted"]))
    # Seeds are measured on the same images: their errors may not average out.
    error, gap_error = (
        float(np.mean(numbers[f"rotation_{name}"])) for name in ("error", "gap_error")
    )
    gap, allowed = rise - predicted, WITHIN * abs(predicted)
    sure, excluded = abs(gap) + 2 * gap_error <= allowed, abs(gap) - 2 * gap_error > allowed
    yield (
        "holds" if sure else "fails" if excluded else "open",
        f"{label}: {rise:.3f} ± {error:.3f} nats, predicted {predicted:.3f}, difference "
        f"{gap:+.3f} ± {gap_error:.3f} (n = {seeds})",
    )


def _rises(
    model: LatentModel, run: Opened, angles: np.ndarray, num_draws: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """Rise of each image's loss at each angle, and the rise predicted ``[N, A]``."""
    image, beta = run.batch(256).image.double(), model.beta_at(run.step)
    with torch.no_grad():
        posterior = model.encode(image)
    half = stream(model.seed, "rotation").standard_normal((num_draws // 2, *posterior.mean.shape))
    noise = torch.from_numpy(np.concatenate([half, -half]))  # in pairs: odd terms cancel
    point = model.posterior is Point
    turns = [plane_rotation(model.latent_dim, 0, 1, angle) for angle in angles]
    losses = [
        rotated_losses(
            model.decode,
            model.likelihood.nll,
            image,
            posterior,
            turn,
            beta=None if point else beta,
            noise=None if point else noise,
        )
        for turn in turns
    ]
    rises = (torch.stack(losses, 1) - losses[0][:, None]) / (beta or 1.0)
    if not (isinstance(posterior, DiagonalGaussian) and beta):
        return rises.numpy(), None
    curvature = posterior_curvature(model.decode, model.likelihood.nll, image, posterior, noise)
    curved = torch.linalg.eigvalsh(curvature)[:, 0] > -beta  # else no width would be the best
    if curved.sum() < 2:
        return rises.numpy(), None
    predicted = [predicted_rise(curvature[curved], turn, beta) / beta for turn in turns]
    return rises[curved].numpy(), torch.stack(predicted, 1).numpy()


def _standard_error(values: np.ndarray) -> np.ndarray:
    """Of the mean over the first dimension."""
    return values.std(0, ddof=1) / math.sqrt(len(values))
