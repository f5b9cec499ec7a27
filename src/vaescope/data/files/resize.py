"""Images made smaller as the field's programs do it."""

from collections.abc import Collection

import numpy as np

from vaescope.errors import ConfigError

METHODS = ("lanczos", "bilinear", "bicubic")


def resized(images: np.ndarray, side: int, method: str) -> np.ndarray:
    """Square images uint8 `[b, side, side, C]` made of uint8 `[b, H, W, C]`.

    Args:
        images: of any number of channels.
        side: in pixels; images that have it already are returned as they are.
        method: one of ``METHODS``; all of them low-pass what they make smaller.

    Source: Pillow's ``Image.resize``, https://pillow.readthedocs.io. Differs: none; Lanczos is
    what disentanglement_lib calls ``ANTIALIAS``, bilinear is torchvision's default for pictures.
    """
    from PIL import Image

    if images.shape[1:3] == (side, side):
        return images
    chosen = Image.Resampling[method.upper()]
    channels = images.shape[-1]
    if channels not in (1, 3):  # of 2 or 4 Pillow would take the last for transparency
        each = [resized(images[..., c : c + 1], side, method) for c in range(channels)]
        return np.concatenate(each, axis=-1)
    planes = images[..., 0] if channels == 1 else images
    small = np.empty((len(images), side, side, channels), np.uint8)
    targets = small[..., 0] if channels == 1 else small
    for number, plane in enumerate(planes):  # Pillow takes one picture at a time
        targets[number] = np.asarray(Image.fromarray(plane).resize((side, side), chosen))
    return small


def require_method(method: str, allowed: Collection[str] = METHODS) -> None:
    """Refuse an unknown way of resizing.

    Raises:
        ConfigError: ``method`` is not in ``allowed``.
    """
    if method not in allowed:
        raise ConfigError(f"resize={method!r} was given; choose {' or '.join(allowed)}")
