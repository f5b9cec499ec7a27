"""Figures of what a model does: traversals and reconstructions, for images and for vectors."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image
from torch import Tensor

from vaescope.escaping import for_figure
from vaescope.models import LatentModel

_MOST = 4  # channels shown of an image
_MOST_WRITTEN = 400  # fields of a heat map whose numbers can be read
_GIF_ZOOM = 2
_GAP = 2  # pixels between the images of a sheet
_FRAME = (208, 73, 55)  # red
_INK = "#7b858f"  # is read on white and on a dark page


@torch.no_grad()
def traversals(
    model: LatentModel,
    code: Tensor,
    order: Sequence[int],
    *,
    extent: float = 2.0,
    num_steps: int = 11,
) -> Tensor:
    """Expected images as one latent after the other moves through the prior's range.

    Args:
        model: any model.
        code: where the other latents stay ``[D]``.
        order: latents to show, in this order (R of them).
        extent: from ``-extent`` to ``extent``, in standard deviations of the prior.
        num_steps: number of values S.

    Returns:
        ``[R, S, *image_shape]``.
    """
    values = torch.linspace(-extent, extent, num_steps)
    codes = code.expand(len(order), num_steps, -1).clone()
    for row, latent in enumerate(order):
        codes[row, :, latent] = values
    images = model.decode_mean(codes.flatten(0, 1).to(next(model.parameters()))).float().cpu()
    return images.unflatten(0, (len(order), num_steps))


def traversal_figure(rows: Tensor, labels: Sequence[str], title: str, *, extent: float) -> Figure:
    """A row of images a latent ``[R, S, C, H, W]``; for vectors ``[R, S, X]`` a plot a latent."""
    if rows.ndim == 5:
        return grid_figure(rows, labels, title)
    figure = Figure(figsize=(2.6 * len(rows), 2.6), layout="constrained")
    axes = np.atleast_1d(figure.subplots(1, len(rows), sharey=True))
    for axis, row, label in zip(axes, rows, labels, strict=True):
        axis.plot(np.linspace(-extent, extent, rows.shape[1]), row)
        axis.set(title=for_figure(label), xlabel="latent value")
    axes[0].set_ylabel("entries of the decoder's output")
    figure.suptitle(for_figure(title))
    return _on_any_ground(figure)


@torch.no_grad()
def reconstruction_figure(model: LatentModel, images: Tensor) -> Figure:
    """Observations beside their reconstructions at the posterior mean ``[n, *image_shape]``."""
    codes = model.encode(images.to(next(model.parameters()))).mean
    rebuilt = model.decode_mean(codes).float().cpu()
    title = "held-out observations and reconstructions"
    if images.ndim == 4:
        pairs = torch.stack([images.cpu(), rebuilt])
        return grid_figure(pairs, ["given", "rebuilt"], title)
    centre = images.mean(0)
    axes = torch.linalg.svd(images - centre, full_matrices=False)[2][:2].T
    figure = Figure(figsize=(4.5, 4), layout="constrained")
    axis = figure.subplots()
    for points, marker, label in ((images, "o", "given"), (rebuilt, "x", "rebuilt")):
        x, y = ((points - centre) @ axes).T
        axis.scatter(x, y, marker=marker, s=14, label=label)
    axis.set(title=title, xlabel="first principal axis", ylabel="second")
    axis.legend()
    return _on_any_ground(figure)


def sheet_figure(images: Tensor, title: str, *, columns: int = 16) -> Figure:
    """Observations ``[n, *image_shape]`` side by side; of vectors, the first two entries."""
    if images.ndim == 4:
        missing = -len(images) % columns
        filled = torch.cat([images, images.new_zeros(missing, *images.shape[1:])])
        rows = filled.unflatten(0, (-1, columns))
        return grid_figure(rows, [""] * len(rows), title)
    figure = Figure(figsize=(4.5, 4), layout="constrained")
    axis = figure.subplots()
    axis.scatter(images[:, 0], images[:, 1], s=6)
    axis.set(title=for_figure(title), xlabel="x1", ylabel="x2")
    return figure


def _on_any_ground(figure: Figure) -> Figure:
    """The same without a ground, in an ink for light and dark pages."""
    figure.patch.set_alpha(0)
    for axis in figure.axes:
        axis.patch.set_alpha(0)
        axis.tick_params(colors=_INK)
        axis.spines[:].set_edgecolor(_INK)
        legend = axis.get_legend()
        if legend:
            legend.get_frame().set_alpha(0)
    for text in figure.findobj(Text):
        text.set_color(_INK)
    return figure


def grid_figure(rows: Tensor, labels: Sequence[str], title: str) -> Figure:
    """Images ``[R, S, C, H, W]`` with values in [0, 1] in one bitmap, rows labelled."""
    told, below = channels_told(rows.shape[2]), rows.shape[3]
    rows = drawable(rows)
    pictures = rows.clamp(0, 1).permute(0, 3, 1, 4, 2).numpy()  # R, H, S, W, C
    num_rows, height, num_columns, width, channels = pictures.shape
    bitmap = pictures.reshape(num_rows * height, num_columns * width, channels)
    tall = 0.62 * num_rows * (height // below)
    figure = Figure(figsize=(1.6 + 0.62 * num_columns, 0.45 + tall), layout="constrained")
    axis = figure.subplots()
    axis.imshow(bitmap.squeeze(-1) if channels == 1 else bitmap, cmap="gray", vmin=0, vmax=1)
    texts = [for_figure(label) for label in labels]
    axis.set_yticks([height * (row + 0.5) for row in range(num_rows)], texts, fontsize=8)
    axis.set_xticks([])
    for line in range(1, num_rows):
        axis.axhline(line * height - 0.5, color="tab:blue", linewidth=0.5)
    shown = "\n".join(filter(None, [for_figure(title), told]))
    axis.set_title(shown, fontsize=9)
    return _on_any_ground(figure)


def matrix_figure(
    shares: Tensor, rows: Sequence[str], columns: Sequence[str], title: str
) -> Figure:
    """A heat map of numbers from 0 to 1 ``[R, C]``, each written into its field."""
    figure = Figure(
        figsize=(2.2 + 0.62 * len(columns), 1.3 + 0.3 * len(rows)), layout="constrained"
    )
    axis = figure.subplots()
    figure.colorbar(
        axis.imshow(shares.numpy(), cmap="magma", vmin=0, vmax=1, aspect="auto"), ax=axis
    )
    axis.set_xticks(range(len(columns)), [for_figure(c) for c in columns], rotation=30, ha="right")
    axis.set_yticks(range(len(rows)), [for_figure(row) for row in rows])
    if shares.numel() <= _MOST_WRITTEN:
        for (row, column), share in np.ndenumerate(shares.numpy()):
            color = "black" if share > 0.6 else "white"
            text = f"{share:.2f}"
            axis.text(column, row, text, ha="center", va="center", color=color, fontsize=7)
    axis.set_title(for_figure(title), fontsize=9)
    return figure


def save_traversal_gif(rows: Tensor, file: IO[bytes] | Path) -> None:
    """All latents side by side, moving through their range and back ``[R, S, C, H, W]``."""
    shown = drawable(rows).clamp(0, 1).mul(255).round().byte().permute(1, 3, 0, 4, 2)  # S H R W C
    strips = shown.flatten(2, 3).numpy()
    strips = strips.repeat(_GIF_ZOOM, 1).repeat(_GIF_ZOOM, 2)
    frames = [
        Image.fromarray(strip.squeeze(-1) if strip.shape[-1] == 1 else strip) for strip in strips
    ]
    first, *others = [*frames, *frames[-2:0:-1]]
    first.save(file, "GIF", save_all=True, append_images=others, duration=120, loop=0)


def png_bytes(image: Tensor) -> bytes:
    """An image ``[C, H, W]`` with values in [0, 1] as a png file, as ``drawable`` shows it."""
    shown = drawable(image).clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).numpy()
    file = io.BytesIO()
    Image.fromarray(shown.squeeze(-1) if shown.shape[-1] == 1 else shown).save(file, "PNG")
    return file.getvalue()


def sheet_png(images: Tensor, zoom: int = 1, framed: np.ndarray | None = None) -> bytes:
    """Images `[R, S, C, H, W]` in [0, 1] side by side as a png file; what is between is clear.

    Args:
        images: of any number of channels, as ``drawable`` shows them.
        zoom: pixels of the file a pixel.
        framed: which get a red frame, bool `[R, S]`.
    """
    images = drawable(images)
    if framed is not None:
        images = images.expand(-1, -1, 3, -1, -1)
    pixels = images.clamp(0, 1).mul(255).round().byte().permute(0, 1, 3, 4, 2).numpy()
    pixels = pixels.repeat(zoom, axis=2).repeat(zoom, axis=3)
    num_rows, num_columns, height, width, channels = pixels.shape
    if framed is not None:
        edge = np.ones((height, width), dtype=bool)
        edge[_GAP:-_GAP, _GAP:-_GAP] = False
        pixels[framed[:, :, None, None] & edge] = _FRAME
    tall, wide = height + _GAP, width + _GAP
    sheet = np.zeros((num_rows, num_columns, tall, wide, channels + 1), dtype=np.uint8)
    sheet[:, :, :-_GAP, :-_GAP, :-1], sheet[:, :, :-_GAP, :-_GAP, -1] = pixels, 255
    bitmap = sheet.transpose(0, 2, 1, 3, 4).reshape(num_rows * tall, num_columns * wide, -1)
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(bitmap[:-_GAP, :-_GAP])).save(file, "PNG")
    return file.getvalue()


def drawable(images: Tensor) -> Tensor:
    """Images `[..., C, H, W]` that can be drawn: of one channel, grey, of three, in colour.

    Of other numbers the first four are put below each other, `[..., 1, min(C, 4) * H, W]`.
    """
    channels = images.shape[-3]
    if channels in (1, 3):
        return images
    return images[..., :_MOST, :, :].flatten(-3, -2).unsqueeze(-3)


def channels_told(channels: int) -> str:
    """How ``drawable`` shows images of so many channels; empty where that needs no word."""
    if channels in (1, 3):
        return ""
    which = f"the first {_MOST} of {channels}" if channels > _MOST else f"all {channels}"
    return f"{which} channels, each grey, one below the other"
