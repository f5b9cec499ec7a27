"""Picture of a modification: original images, what is added to them, and the sums."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from vaescope.data.dataset import FactorDataset
from vaescope.files import replacing
from vaescope.report.figures import grid_figure
from vaescope.report.html.render import save_figure
from vaescope.streams import stream

COLUMNS = 12


@torch.no_grad()
def save_sheet(
    path: Path,
    dataset: FactorDataset,
    change_of: Callable[[Tensor, Tensor], Tensor],
    epsilon: float,
    seed: int,
) -> None:
    """Write a PNG of random images [C, H, W]: original, modification in full contrast, modified.

    Args:
        path: of the file, which is written whole or not at all.
        dataset: the original images.
        change_of: factor values [B, K] and rows [B] -> m [B, C, H, W] in [-1, 1].
        epsilon: largest change of a pixel.
        seed: of the choice of images.
    """
    rows = torch.from_numpy(stream(seed, "modification/sheet").integers(len(dataset), size=COLUMNS))
    images, change = dataset.images_at(rows, rows), change_of(dataset.values(rows), rows).cpu()
    added = epsilon * change
    shown = torch.stack([images, 0.5 + 0.5 * change, (images + added).clamp(0, 1)])
    labels = ["original", f"modification × {1 / epsilon:.3g}", "modified"]
    title = f"x' = x + m, |m| ≤ {epsilon:g}; mean |m| {float(added.abs().mean()):.3g}"
    with replacing(path) as temporary:
        save_figure(grid_figure(shown, labels, title), temporary, "png")
