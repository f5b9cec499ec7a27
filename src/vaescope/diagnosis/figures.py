"""Drawings of a diagnosis: numbers over the posterior's width, directions as images, spectra."""

from collections.abc import Sequence

import torch
from markupsafe import Markup
from matplotlib.figure import Figure
from torch import Tensor

from vaescope.data.dataset import FactorDataset
from vaescope.data.factor_jacobian import slopes_of
from vaescope.data.surroundings import Surroundings
from vaescope.diagnosis.dataset_diagnosis import Diagnosis
from vaescope.diagnosis.image_components import Spectra
from vaescope.escaping import for_figure
from vaescope.report.data.figures import picture_grid
from vaescope.report.html.render import inline_svg
from vaescope.streams import stream

_DRAWS = 256
_COMPONENTS = 8


def curves(found: Diagnosis) -> Markup:
    """Alignment, distance to orthogonality and norms over the posterior's width."""
    figure = Figure(figsize=(10, 3), layout="constrained")
    first, second, third = figure.subplots(1, 3)
    widths = [at.scale for at in found.scales]
    low, high = zip(*(at.interval for at in found.scales), strict=True)
    first.fill_between(widths, low, high, color="C0", alpha=0.2, linewidth=0)
    first.plot(widths, [at.alignment for at in found.scales], "o-", label="the likelihood's metric")
    first.plot(widths, [at.alignment for at in found.pixels], "o:", label="squared error")
    first.set(ylabel="alignment", ylim=(-0.03, 1.03))
    first.axvline(found.predicted_at, color="0.7", linewidth=1)
    first.legend(frameon=False, fontsize=7)
    second.plot(widths, [at.dto for at in found.scales], "o-")
    second.axhline(found.dto_chance, color="black", linestyle=":", linewidth=1)
    second.set(ylabel="DtO (dotted: chance)", ylim=(0, 1.1 * found.dto_chance))
    for k, name in enumerate(found.factors):
        norms = [at.norms[k] for at in found.scales]
        third.plot(widths, norms, "o-", label=for_figure(name), color=f"C{k % 10}")
    third.set(ylabel="norm of ∂x/∂w", yscale="log")
    third.legend(frameon=False, fontsize=7)
    for axis in (first, second, third):
        axis.set_xlabel("posterior's width, std of the factors")
        axis.spines[["top", "right"]].set_visible(False)
    return inline_svg(figure, "alignment, distance to orthogonality and norms by width")


def spectrum(found: Spectra) -> Markup:
    """Shares of variance of principal components, of all images and of neighbourhoods."""
    figure = Figure(figsize=(6, 3), layout="constrained")
    axis = figure.subplots()
    of_neighbours = f"an image and its {found.neighbours} nearest, mean"
    for shares, label in (
        (found.components.shares, "all images"),
        (found.local_shares, of_neighbours),
    ):
        positive = [share if share > 0 else float("nan") for share in shares]
        axis.plot(range(1, len(shares) + 1), positive, "o-", label=label)
    axis.set(xlabel="principal component", ylabel="share of variance", yscale="log")
    axis.legend(frameon=False, fontsize=8)
    axis.spines[["top", "right"]].set_visible(False)
    return inline_svg(figure, "shares of variance of principal components")


def direction_images(
    dataset: FactorDataset,
    surroundings: Surroundings,
    scale: float,
    rotation: Sequence[Sequence[float]],
    *,
    count: int = 3,
    seed: int = 0,
) -> tuple[str, str]:
    """How images change along factors and along predicted latents, as two data URIs.

    Args:
        dataset: of images.
        surroundings: of the factors that the rotation is of.
        scale: posterior's width.
        rotation: directions of the predicted latents [K, K].
        count: images, a row each.
        seed: of their choice.

    Returns:
        Sheets of 1 + K columns: the mean image around each point, then its slopes, grey where they
        are 0.
    """
    rng = stream(seed, "diagnosis/shown")
    rows = torch.from_numpy(rng.choice(len(dataset), count, replace=len(dataset) < count))
    near = surroundings.around(rows, scale, _DRAWS, rng)
    images = near.images.flatten(2)
    slopes = slopes_of(images, near.shifts).unflatten(2, dataset.image_shape)
    turned = torch.einsum("nk...,kj->nj...", slopes, torch.tensor(rotation).to(slopes))
    mean = near.images.mean(1, keepdim=True)
    along_factors, along_latents = (
        picture_grid(torch.cat([mean, _grey(changes)], 1)) for changes in (slopes, turned)
    )
    return along_factors, along_latents


def component_images(axes: Tensor) -> str:
    """The first principal components [C, *image_shape] as one data URI."""
    return picture_grid(_grey(axes[:_COMPONENTS])[None])


def _grey(changes: Tensor) -> Tensor:
    """Signed images [..., C, H, W] in [0, 1], 0 as grey, each stretched by itself."""
    largest = changes.abs().amax((-3, -2, -1), keepdim=True)
    return 0.5 + 0.5 * changes / largest.where(largest > 0, 1.0)
