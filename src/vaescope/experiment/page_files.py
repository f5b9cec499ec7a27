"""Files from which a run's page shows what its latents are and do, beside its scores."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vaescope.experiment.decoder_in_page import decoder_content
from vaescope.experiment.pictures_in_page import pictures_of
from vaescope.run_folder.decoder_file import NAME as DECODER
from vaescope.run_folder.decoder_file import write_decoders
from vaescope.run_folder.latents_file import NAME as LATENTS
from vaescope.run_folder.latents_file import Latent, Latents, plain_latents, write_latents
from vaescope.run_folder.pictures_file import NAME as PICTURES
from vaescope.run_folder.pictures_file import write_pictures
from vaescope.statistics.encoded_split import EncodedSplit
from vaescope.statistics.heat_maps import (
    cosines,
    information_by_chance,
    information_ceilings,
    information_shares,
    used_latents,
)

_NUM_GRAMS = 64
_TOGETHER = 2_400_000  # characters of the decoders of all members in a page


class PageFiles:
    """Writes ``latents.json``, and of images ``decoder.json`` and ``pictures.json``.

    All three are about the first member whose numbers are finite. The decoders of further members
    are added as long as all together stay below 2.4 million characters.

    Args:
        folder: of a run or an evaluation; such files of an attempt before are removed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._decoders: list[dict[str, Any]] = []
        self._is_complete = False
        for name in (LATENTS, DECODER, PICTURES):
            (folder / name).unlink(missing_ok=True)

    def write(self, encoded: EncodedSplit) -> None:
        """Take up a split as the next member encodes it."""
        if self._is_complete:
            return
        gram = encoded.first_grams(_NUM_GRAMS)
        if not (encoded.finite and bool(gram.isfinite().all())):
            return
        order = _most_precise_first(encoded)
        latents = _latents(encoded, gram, order)
        are_images = len(encoded.dataset.image_shape) == 3
        if not self._decoders:
            write_latents(self.folder, latents)
            if are_images:
                write_pictures(self.folder, pictures_of(encoded, order))
        content = decoder_content(encoded, order) if are_images else None
        if content is not None:
            self._decoders.append({"latents": plain_latents(latents), **content})
            write_decoders(self.folder, self._decoders)
        self._is_complete = content is None or not self._has_room()

    def _has_room(self) -> bool:
        """Whether one more decoder of the same size fits."""
        size, count = (self.folder / DECODER).stat().st_size, len(self._decoders)
        return size * (count + 1) / count <= _TOGETHER


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
