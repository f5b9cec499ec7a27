"""What is measured on the data and the weights of runs for the ICML 2021 paper."""

from typing import Any

import torch

from vaescope.data.sets.modified.dataset import Modified
from vaescope.data.sets.modified.uniform_noise import UniformNoise
from vaescope.reproduction.paper import Numbers, Opened

MOST_IMAGES = 10_000
EXAMPLES = 6


@torch.no_grad()
def largest_change(run: Opened) -> Numbers:
    """Largest change of a pixel, max |x' - x|, over at most 10,000 images, and what it may be.

    Returns:
        ``largest_change`` and ``epsilon``, a number each; nothing of an original set.
    """
    dataset = run.data.dataset
    if not isinstance(dataset, Modified | UniformNoise):
        return {}
    changes = [
        (dataset.images_at(rows, rows) - dataset.original.images_at(rows, rows)).abs().amax()
        for rows in run.rows(MOST_IMAGES).split(500)
    ]
    return {"largest_change": [float(torch.stack(changes).max())], "epsilon": [dataset.epsilon]}


@torch.no_grad()
def example_images(run: Opened) -> dict[str, Any]:
    """A few images: ``original``, ``change`` and ``modified`` `[n, C, H, W]`, and ``epsilon``."""
    dataset, rows = run.data.dataset, run.rows(EXAMPLES)
    assert isinstance(dataset, Modified)
    original, modified = dataset.original.images_at(rows, rows), dataset.images_at(rows, rows)
    return {
        "original": original,
        "change": modified - original,
        "modified": modified,
        "epsilon": dataset.epsilon,
    }


@torch.no_grad()
def codes_and_factors(run: Opened) -> dict[str, Any]:
    """Codes `[n, D]` of the first seed and factors `[n, K]`, with their names."""
    batch, model = run.batch(1000), run.models[0]
    return {
        "seed": model.seed,
        "codes": model.encode(batch.image).mean.numpy(),
        "factors": batch.factors.numpy(),
        "names": run.data.factors.names,
    }


def reference_losses(run: Opened) -> dict[str, dict[str, float]]:
    """Losses of both imagined VAEs on rows that were kept back: ``original`` and ``modified``."""
    dataset = run.data.dataset
    assert isinstance(dataset, Modified)
    history = dataset.facts.get("history", [])
    return {each["part"]: each for each in history if each["part"] in ("original", "modified")}


def margins(losses: dict[str, dict[str, float]]) -> Numbers:
    """L_dis - L_ent on original and modified images; above 0 rotated latents pay."""
    return {f"margin_{part}": [each["margin"]] for part, each in losses.items()}
