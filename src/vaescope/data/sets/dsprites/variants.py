"""dSprites in colour, on noise and on a painting: variants with randomness that is no factor."""

from collections.abc import Iterator
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from vaescope.data.datamodule import data_module_of
from vaescope.data.files.cache import data_folder
from vaescope.data.files.checksums import file_checksum
from vaescope.data.files.image_files import open_image
from vaescope.data.files.published import find_together
from vaescope.data.files.verification import FileCheck, check_published
from vaescope.data.nuisance import uniform
from vaescope.data.sets.dsprites.dataset import DSprites, PackingDataModule
from vaescope.data.sets.dsprites.renderer import SIDE
from vaescope.data.smaller import averaged
from vaescope.data.sources import source_of
from vaescope.errors import DataError
from vaescope.streams import stream

# what the picture is shrunk to fit into, width and height
_THUMBNAIL = (350, 274)
# height and width that this leaves of the painting, 91 cm by 73.5 cm
_BACKGROUND = (274, 221)
_OCTAVES = 5


class _Variant(DSprites):
    """dSprites put into an image of three channels, each image with its own nuisance."""

    image_shape = (3, SIDE, SIDE)
    has_nuisance = True

    def images_at(self, index: Tensor, draw: Tensor) -> Tensor:
        """Images float32 `[B, 3, side, side]` in [0, 1] of the rows ``index`` `[B]`."""
        return averaged(self.embed(self.sprites(index), draw), self.side)

    def embed(self, sprite: Tensor, draw: Tensor) -> Tensor:
        """Images float32 `[B, 3, 64, 64]` of sprites `[B, 1, 64, 64]` of 0 and 1."""
        raise NotImplementedError(f"{type(self).__name__} has to define embed(sprite, draw)")


class ColorDSprites(_Variant):
    """737,280 dSprites, each in a random colour on black.

    The colour is uniform in [0.5, 1]^3 and no factor: training sees a new one in every step.

    Source: ``data_source``. Differs: the colour is one of 2^48; evaluation sees a row always in
    the same colour.
    """

    data_source = source_of("color_dsprites")

    def embed(self, sprite: Tensor, draw: Tensor) -> Tensor:
        """Coloured sprites float32 `[B, 3, 64, 64]` of sprites `[B, 1, 64, 64]`."""
        return sprite * (0.5 + 0.5 * uniform(draw, 3))[:, :, None, None]


class NoisyDSprites(_Variant):
    """737,280 dSprites, white on random noise.

    Background pixels are uniform in [0, 1), each channel for itself; they are no factor: training
    sees new ones in every step.

    Source: ``data_source``. Differs: the noise has 2^16 levels; evaluation sees a row always
    with the same noise.
    """

    data_source = source_of("noisy_dsprites")

    def embed(self, sprite: Tensor, draw: Tensor) -> Tensor:
        """Sprites float32 `[B, 3, 64, 64]` on noise, of sprites `[B, 1, 64, 64]`."""
        noise = uniform(draw, 3 * SIDE * SIDE).view(-1, 3, SIDE, SIDE)
        return torch.maximum(noise, sprite, out=noise)


class ScreamDSprites(_Variant):
    """737,280 dSprites, inverting a random patch of Munch's painting "The Scream".

    The patch is averaged with a colour uniform in [0, 1)^3; inside the sprite it is inverted. Place
    and colour are no factors: training sees new ones in every step. The picture is the user's
    ``scream.jpg`` in ``data_dir`` or ``data_dir/scream``; where there is none a texture of about
    its size takes its place, and ``source`` says so.

    Source: ``data_source``. Differs: the colour is one of 2^48; evaluation sees a row always on
    the same patch; the picture's last bits depend on the version of Pillow that shrinks it.
    """

    data_source = source_of("scream_dsprites")

    def load(self) -> None:
        """Read or render the background, then the sprites."""
        found = self._picture()
        if found is None:
            self._background = rendered_background()
            background = "rendered by vaescope, not The Scream"
        else:
            self._background = _read_picture(found)
            background = f"{found.name} (sha256 {file_checksum(found, 'sha256')[:16]})"
        super().load()
        self.source += f"; background {background}"

    @property
    def num_bytes(self) -> int:
        """Bytes that ``to`` places on a device."""
        return super().num_bytes + self._background.nbytes

    def to(self, device: torch.device | str) -> Self:
        """Move the sprites and the background to ``device``, in place; returns the data set."""
        self._background = self._background.to(device)
        return super().to(device)

    def verify(self) -> Iterator[FileCheck]:
        """Checks of the picture, if it is there, and of dSprites' files."""
        if path := self._picture():
            yield check_published(self.data_source.files[0], path)
        yield from super().verify()

    def _picture(self) -> Path | None:
        folder = data_folder(self.data_dir)
        source = self.data_source
        found = find_together(source.files, [folder, folder / source.folder])
        return found[0] if found else None

    def embed(self, sprite: Tensor, draw: Tensor) -> Tensor:
        """Inverted patches float32 `[B, 3, 64, 64]`, of sprites `[B, 1, 64, 64]`."""
        random = uniform(draw, 5)
        patches = self._background.unfold(1, SIDE, 1).unfold(2, SIDE, 1).permute(1, 2, 0, 3, 4)
        # as published the last row and column of places are never used
        top, left = (
            (share * (places - 1)).long()
            for share, places in zip(random[:, 3:].T, patches.shape[:2], strict=True)
        )
        image = (patches[top, left] + random[:, :3, None, None]) / 2
        return (sprite - image).abs_()


def rendered_background() -> Tensor:
    """A smooth texture float32 `[3, 274, 221]` in [0, 1]: coarse to fine random waves, a half each.

    Always the same, in steps of 1/255 as in a picture.
    """
    texture = torch.zeros(1, 3, *_BACKGROUND)
    for octave in range(_OCTAVES):
        points = stream(0, "scream_background", octave).random((1, 3, 5 << octave, 4 << octave))
        waves = torch.from_numpy(points.astype(np.float32))
        texture += interpolate(waves, _BACKGROUND, mode="bicubic", align_corners=False) / 2**octave
    low, high = texture.amin((2, 3), keepdim=True), texture.amax((2, 3), keepdim=True)
    return ((texture - low) / (high - low) * 255).round_()[0] / 255


def _read_picture(path: Path) -> Tensor:
    """The picture float32 `[3, H, W]` in [0, 1], shrunk to at most 350 by 274 pixels."""
    try:
        with open_image(path) as picture:
            picture.thumbnail(_THUMBNAIL)
            pixels = np.array(picture.convert("RGB"))
    except OSError as error:
        raise DataError(
            f"{path} cannot be read as a picture ({error}); delete it and fetch it again, or move "
            "it away to have a background rendered"
        ) from error
    if min(pixels.shape[:2]) <= SIDE:
        raise DataError(
            f"{path} shrinks to {pixels.shape[1]} x {pixels.shape[0]} pixels; a patch needs more "
            f"than {SIDE} x {SIDE}: give the whole painting"
        )
    return torch.from_numpy(pixels).permute(2, 0, 1).float() / 255


ColorDSpritesDataModule = data_module_of(ColorDSprites, PackingDataModule)
NoisyDSpritesDataModule = data_module_of(NoisyDSprites, PackingDataModule)
ScreamDSpritesDataModule = data_module_of(ScreamDSprites, PackingDataModule)
