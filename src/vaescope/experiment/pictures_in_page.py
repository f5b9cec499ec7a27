"""Traversals and reconstructions for a run's page, as strips of images."""

import base64

import torch
from torch import Tensor
from torch.nn import functional

from vaescope.report.figures import drawable, sheet_png, traversals
from vaescope.run_folder.pictures_file import Pictures, Strip
from vaescope.statistics.encoded_split import EncodedSplit
from vaescope.statistics.heat_maps import used_latents

_NUM_IMAGES, _NUM_STEPS, _EXTENT = 12, 11, 2.0
_MOST_STRIPS, _LARGEST = 32, 96  # pixels of an image's longer side, from which on it is shrunk


@torch.no_grad()
def pictures_of(encoded: EncodedSplit, order: list[int]) -> Pictures:
    """Each latent on its way through the prior's range, and the first images rebuilt.

    Args:
        encoded: of images.
        order: all latents; those in use come first, at most 32 are shown.
    """
    model, used = encoded.model, used_latents(encoded)
    shown = sorted(order, key=lambda j: not used[j])[:_MOST_STRIPS]
    rows = traversals(model, encoded.mean[0], shown, extent=_EXTENT, num_steps=_NUM_STEPS)
    images = encoded.images(_NUM_IMAGES)
    rebuilt = model.decode_mean(model.encode(images).mean).float().cpu()
    given = images.float().cpu()
    values = torch.linspace(-_EXTENT, _EXTENT, _NUM_STEPS).tolist()
    return Pictures(
        values=[round(value, 4) for value in values],
        strips=[
            Strip(latent, _distance(row[0], row[-1]), _strip(row))
            for latent, row in zip(shown, rows, strict=True)
        ],
        given=_strip(given),
        rebuilt=_strip(rebuilt),
        errors=[_distance(*pair) for pair in zip(given, rebuilt, strict=True)],
    )


def _distance(first: Tensor, second: Tensor) -> float:
    """Root mean square over pixels."""
    return float(f"{float((first - second).square().mean().sqrt()):.4g}")


def _strip(images: Tensor) -> str:
    """Images [S, C, H, W] side by side, of a page's size."""
    images = drawable(images)
    times = -(-max(images.shape[-2:]) // _LARGEST)
    if times > 1:
        images = functional.avg_pool2d(images, times, ceil_mode=True)
    return base64.b64encode(sheet_png(images[None])).decode("ascii")
