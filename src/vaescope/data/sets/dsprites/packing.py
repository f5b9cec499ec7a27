"""dSprites packed to a bit a pixel: files that are written once and mapped into memory."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vaescope.data.files.cache import write_once
from vaescope.data.files.checksums import require_undamaged
from vaescope.data.files.npy_cache import MappedArray
from vaescope.data.sets.dsprites import files
from vaescope.data.sets.dsprites.renderer import FACTORS, RENDERER_VERSION, SIDE, DSpritesRenderer

RENDERED_SHA256 = "3a228f4037ef3d42a42588e0e01f1078aa2df13cfa17584e88c95ed9fb5672da"
ROW_BYTES = SIDE * SIDE // 8
_RENDER_CHUNK = 2048


def rendered_path(folder: Path) -> Path:
    """Where the packed rendered set is kept in a folder of data files."""
    return folder / f"dsprites-rendered-v{RENDERER_VERSION}.npy"


def packed_sha256(path: Path) -> str:
    """SHA-256, in hexadecimal, of the packed images in ``path`` without the header."""
    digest = hashlib.sha256()
    packed = open_packed(path).array
    for start in range(0, len(packed), 65_536):
        digest.update(packed[start : start + 65_536].data)
    return digest.hexdigest()


def open_packed(path: Path) -> MappedArray:
    """Memory-mapped, bit-packed images uint8 `[737280, 512]`, read only."""
    return MappedArray(path, (files.NUM_IMAGES, ROW_BYTES), require_undamaged)


def unpack_bits(packed: Tensor) -> Tensor:
    """Bits `[B, 8 * R]`, uint8, of bytes `[B, R]`, highest bit first; on any device."""
    shifts = torch.arange(7, -1, -1, dtype=torch.uint8, device=packed.device)
    return (packed[..., None] >> shifts & 1).flatten(1)


def render_all() -> Iterator[np.ndarray]:
    """All images in the published order, in pieces uint8 `[b, 64, 64]`."""
    renderer = DSpritesRenderer()
    for index in torch.arange(files.NUM_IMAGES).split(_RENDER_CHUNK):
        yield renderer.render(FACTORS.values(index)).numpy()


def published_path(folder: Path, checksum: str) -> Path:
    """Where the packed images of a published file with this ``checksum`` are kept."""
    return folder / f"dsprites-{checksum[:16]}.npy"


def _pack(images: np.ndarray) -> np.ndarray:
    return np.packbits(images.reshape(len(images), -1), axis=1)


def pack_in_memory(pieces: Iterator[np.ndarray]) -> np.ndarray:
    """Bit-packed images uint8 `[N, 512]` of pieces uint8 `[b, 64, 64]`."""
    return np.concatenate([_pack(images) for images in pieces])


def build_packed(
    path: Path,
    progress: files.Progress | None = None,
    pieces: Callable[[], Iterator[np.ndarray]] = render_all,
) -> Path:
    """Path of a set, bit-packed uint8 `[737280, 512]` in npy format, written if missing; 377 MB.

    Args:
        progress: called with (images written, images in all).
        pieces: the images; those that are rendered, if none are given.
    """
    shape = (files.NUM_IMAGES, ROW_BYTES)

    def write(temporary: Path) -> None:
        # plain writes: a memory map on a full disk kills the process instead of raising
        with temporary.open("wb") as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            done = 0
            for images in pieces():
                file.write(_pack(images).tobytes())
                done += len(images)
                if progress is not None:
                    progress(done, files.NUM_IMAGES)

    return write_once(path, write, num_bytes=files.NUM_IMAGES * ROW_BYTES + 128)
