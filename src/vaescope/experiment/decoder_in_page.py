"""The decoder that a run's page runs: its weights, or images that it has decoded beforehand."""

import base64
from typing import Any

import torch
from torch import Tensor

from vaescope.distributions.likelihoods import Bernoulli, Gaussian
from vaescope.models import LatentModel
from vaescope.networks.layers_as_data import packed_weights, plain_layers
from vaescope.report.figures import drawable, png_bytes
from vaescope.statistics.encoded_split import EncodedSplit
from vaescope.statistics.heat_maps import principal_directions, used_latents

_NUM_IMAGES = 12
_MOST = 1_500_000  # characters of weights, or of decoded images, of one decoder
_MOST_SLIDERS = 32
_NUM_STEPS = 11  # of a latent, of images that are decoded beforehand


def decoder_content(encoded: EncodedSplit, order: list[int]) -> dict[str, Any] | None:
    """What ``decoder.json`` holds of a model: its decoder, and a dozen images to start from.

    Args:
        encoded: of images.
        order: all latents, in the order of their sliders.

    Returns:
        None if the decoder is too large in any form.
    """
    used, count = used_latents(encoded), min(_NUM_IMAGES, len(encoded.mean))
    sliders = ([j for j in order if used[j]] or order)[:_MOST_SLIDERS]
    vectors, values = principal_directions(encoded, count)
    images = encoded.images(count).cpu()
    reach = torch.maximum(
        encoded.mean.abs().amax(0), torch.tensor(3.0 * encoded.prior.variance**0.5)
    )
    widths = None if encoded.variance is None else _plain(encoded.variance[:count].sqrt())
    form = _network(encoded.model) or _decoded_before(encoded, sliders, reach, count)
    return form and {
        "shape": list(images.shape[1:]),
        "sliders": sliders,
        "reach": _plain(reach),
        "codes": _plain(encoded.mean[:count]),
        "sigmas": widths,
        "directions": _plain(vectors.mT[:, : len(sliders)]),
        "stretches": _plain(values[:, : len(sliders)]),
        "images": [_text(png_bytes(image)) for image in images],
        **form,
    }


def _network(model: LatentModel) -> dict[str, Any] | None:
    """Layers and weights for the page; None if it could not run them, or they are too many."""
    as_usual = (type(model).decode, type(model).decode_mean) == (
        LatentModel.decode,
        LatentModel.decode_mean,
    )
    last: dict[type, list[Any]] = {Gaussian: [], Bernoulli: [{"kind": "sigmoid"}]}
    plain = plain_layers(model.decoder) if as_usual and type(model.likelihood) in last else None
    if plain is None or len(plain.weights) * 8 / 3 > _MOST:
        return None
    layers = [*plain.layers, *last[type(model.likelihood)]]
    return {"layers": layers, **packed_weights(plain.weights)}


@torch.no_grad()
def _decoded_before(
    encoded: EncodedSplit, sliders: list[int], reach: Tensor, count: int
) -> dict[str, Any] | None:
    """Of each of the first images: its code decoded, and a sheet with one latent moved in a row.

    As many images as fit; None if not even one does. ``error`` is what the page is off by where it
    adds the changes of single latents: root mean square over pixels, from each image's code to the
    next one's.
    """
    model, starts, left, errors = encoded.model, [], float(_MOST), []
    shares = torch.linspace(-1, 1, _NUM_STEPS)
    values = shares[:, None] * reach[sliders]  # [S, sliders]
    codes = encoded.mean[:count].to(next(model.parameters()))
    for code, other in zip(codes, codes.roll(-1, 0), strict=True):
        rows = code.expand(len(sliders), _NUM_STEPS, -1).clone()
        for row, latent in enumerate(sliders):
            rows[row, :, latent] = values[:, row].to(code)
        moved = model.decode_mean(rows.flatten(0, 1)).float().cpu()
        moved = moved.unflatten(0, (len(sliders), _NUM_STEPS))
        plain = model.decode_mean(code[None]).float().cpu()
        sheet = drawable(moved).permute(2, 0, 3, 1, 4).flatten(3, 4).flatten(1, 2)
        start = {"plain": _text(png_bytes(plain[0])), "moved": _text(png_bytes(sheet))}
        left -= sum(map(len, start.values()))
        if left < 0:
            break
        starts.append(start)
        places = (values - other[sliders].float().cpu()).abs().argmin(0)  # of the sliders
        each = torch.arange(len(sliders))
        target = code.clone()
        target[sliders] = values[places, each].to(code)
        added = plain[0] + (moved[each, places] - plain).sum(0)
        exact = model.decode_mean(target[None])[0].float().cpu()
        errors.append((added.clamp(0, 1) - exact.clamp(0, 1)).square().mean())
    if not starts:
        return None
    error = float(torch.stack(errors).mean().sqrt())
    return {
        "starts": starts,
        "shares": _plain(shares),
        "error": float(f"{error:.3g}"),
    }


def _plain(numbers: Tensor) -> list[Any]:
    """Nested lists of numbers of five digits."""
    if numbers.ndim == 0:
        raise ValueError("a single number")
    if numbers.ndim > 1:
        return [_plain(inner) for inner in numbers]
    return [float(f"{number:.5g}") for number in numbers.tolist()]


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
