"""Files from which a run's page shows what its latents are: ``latents.json``, ``decoder.json``."""

import base64
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vaescope.distributions.likelihoods import Bernoulli, Gaussian
from vaescope.models import LatentModel
from vaescope.networks.layers_as_data import plain_layers
from vaescope.report.figures import drawable, png_bytes, traversals
from vaescope.run_folder.decoder_file import NAME as DECODER
from vaescope.run_folder.decoder_file import write_decoder
from vaescope.run_folder.latents_file import NAME as LATENTS
from vaescope.run_folder.latents_file import Latent, Latents, write_latents
from vaescope.statistics.encoded_split import EncodedSplit
from vaescope.statistics.heat_maps import (
    cosines,
    information_by_chance,
    information_ceilings,
    information_shares,
    principal_directions,
    used_latents,
)

_NUM_IMAGES, _NUM_GRAMS = 12, 64
_MOST = 1_500_000  # characters of weights, or of decoded images, in a page
_MOST_SLIDERS = 32
_NUM_STEPS, _EXTENT = 11, 2.0  # of images that are decoded beforehand


def write_page_files(folder: Path, encoded: EncodedSplit) -> None:
    """Write both, of images the second; none of a model whose numbers are no finite ones."""
    for name in (LATENTS, DECODER):  # of an attempt before
        (folder / name).unlink(missing_ok=True)
    gram = encoded.first_grams(_NUM_GRAMS)
    if not (encoded.finite and bool(gram.isfinite().all())):
        return
    order = _most_precise_first(encoded)
    write_latents(folder, _latents(encoded, gram, order))
    if len(encoded.dataset.image_shape) == 3 and (content := _decoder(encoded, order)):
        write_decoder(folder, content)


def _most_precise_first(encoded: EncodedSplit) -> list[int]:
    """Latents by their posterior's width; of an autoencoder by how much they vary."""
    if encoded.variance is None:
        return encoded.mean.std(0, correction=0).argsort(descending=True).tolist()
    return encoded.variance.mean(0).argsort().tolist()


def _latents(encoded: EncodedSplit, gram: Tensor, order: list[int]) -> Latents:
    factors = encoded.dataset.factors.names
    size = encoded.mean.shape[1]
    shares = chance = noise = torch.zeros(size, 0)
    ceilings = torch.zeros(0)
    if factors:
        shares, ceilings = information_shares(encoded), information_ceilings(encoded)
        chance, noise = information_by_chance(encoded)
    angles, used = cosines(gram), used_latents(encoded)
    std = encoded.mean.double().std(0, correction=0)
    sigma = None if encoded.variance is None else encoded.variance.double().mean(0).sqrt()
    lengths = gram.double().diagonal(dim1=1, dim2=2).clamp(min=0).sqrt().mean(0)
    return Latents(
        seed=encoded.model.seed,
        split=encoded.split,
        num_samples=len(encoded.mean),
        num_jacobians=len(gram),
        factors=factors,
        varying=(encoded.factors.amax(0) > encoded.factors.amin(0)).tolist(),
        ceilings=ceilings.tolist(),
        latents=[
            Latent(
                number=j,
                is_used=bool(used[j]),
                std=float(std[j]),
                sigma=None if sigma is None else float(sigma[j]),
                length=float(lengths[j]),
                information=shares[j].tolist(),
                chance=chance[j].tolist(),
                noise=noise[j].tolist(),
                cosines=angles[j].tolist(),
            )
            for j in order
        ],
    )


def _decoder(encoded: EncodedSplit, order: list[int]) -> dict[str, Any] | None:
    """The decoder, and a dozen images to start from; None if it is too large in any form."""
    used, count = used_latents(encoded), min(_NUM_IMAGES, len(encoded.mean))
    sliders = ([j for j in order if used[j]] or order)[:_MOST_SLIDERS]
    vectors, values = principal_directions(encoded, count)
    images = encoded.images(count).cpu()
    reach = torch.maximum(
        encoded.mean.abs().amax(0), torch.tensor(3.0 * encoded.prior.variance**0.5)
    )
    widths = None if encoded.variance is None else _plain(encoded.variance[:count].sqrt())
    form = _network(encoded.model) or _sprites(encoded, sliders)
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
    halves = plain.weights.half()
    if not bool(halves.isfinite().all()):
        return None
    weights = _text(halves.numpy().astype("<f2").tobytes())
    return {"layers": [*plain.layers, *last[type(model.likelihood)]], "weights": weights}


def _sprites(encoded: EncodedSplit, sliders: list[int]) -> dict[str, Any] | None:
    """The first image with one latent after the other moved, in one sheet: a row a latent."""
    model, code = encoded.model, encoded.mean[0]
    rows = drawable(traversals(model, code, sliders, extent=_EXTENT, num_steps=_NUM_STEPS))
    sheet = png_bytes(rows.permute(2, 0, 3, 1, 4).flatten(3, 4).flatten(1, 2))
    if len(sheet) * 4 / 3 > _MOST:
        return None
    return {
        "sprites": _text(sheet),
        "values": _plain(torch.linspace(-_EXTENT, _EXTENT, _NUM_STEPS)),
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
