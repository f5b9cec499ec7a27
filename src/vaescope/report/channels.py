"""Images of any number of channels as pictures that can be drawn."""

from torch import Tensor

_MOST = 4  # channels shown of an image


def drawable(images: Tensor) -> Tensor:
    """Images `[..., C, H, W]` with one channel or three; others become grey ones.

    Args:
        images: of one channel, which is grey, of three, which are red, green and blue, or of any
            other number, of which the first four are shown.

    Returns:
        The same images, or their channels one below the other, `[..., 1, min(C, 4) * H, W]`.
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
