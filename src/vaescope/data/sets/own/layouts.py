"""Layouts of your own arrays: the order of their axes, as ``NHWC`` or MATLAB's ``HWCN``."""

import numpy as np

from vaescope.errors import ConfigError

_IMAGES, _VECTORS = "NHWC", "NX"
_MOST_CHANNELS = 4  # that are taken for channels wherever they stand
_MANY_CHANNELS = 16  # that are if both other axes are twice as long


def check_layout(layout: str) -> None:
    """Refuse what is not made of N, H, W and perhaps C, or of N and X."""
    if sorted(layout) not in (sorted("NHW"), sorted(_IMAGES), sorted(_VECTORS)):
        raise ConfigError(
            f"layout={layout} was given; name the axes in their order: N images, H rows, W columns "
            "and C channels, as NHW, NHWC, NCHW or MATLAB's HWN, HWCN; of vectors NX or XN"
        )


def guess_layout(shape: tuple[int, ...], dtype: np.dtype, what: str) -> str:
    """NX, NHW, NHWC or NCHW, whichever an array called ``what`` in errors can only have."""
    likely = []
    if len(shape) == 2 and dtype.kind == "f":
        return _VECTORS
    if len(shape) == 3 and dtype.kind in "biuf":
        likely = ["NHW", "HWN"] if _may_count_last(shape) else ["NHW"]
    if len(shape) == 4 and dtype.kind in "biuf":
        likely = _with_channels(shape)
    if len(likely) == 1:
        return likely[0]
    if not likely:
        raise ConfigError(
            f"{what} is {dtype} {list(shape)}; images are numbers [N, H, W], [N, H, W, C] or "
            f"[N, C, H, W] with at most {_MOST_CHANNELS} channels C, vectors floats [N, X]; say "
            "data.layout=LETTERS for another order of the axes or more channels"
        )
    told = " or ".join(f"data.layout={layout} if {_told(shape, layout)}" for layout in likely)
    raise ConfigError(f"{what} is {dtype} {list(shape)}, which can be read in two ways: say {told}")


def require_layout(layout: str, shape: tuple[int, ...], dtype: np.dtype, what: str) -> None:
    """Refuse an array whose number of axes or type the layout does not fit."""
    kinds = "f" if "X" in layout else "biuf"
    if len(layout) != len(shape) or dtype.kind not in kinds:
        raise ConfigError(
            f"layout={layout} was given, but {what} is {dtype} {list(shape)}; name each axis by a "
            "letter: images of numbers N, H, W and perhaps C, vectors of floats N and X"
        )


def view_as_rows(array: np.ndarray, layout: str) -> np.ndarray:
    """The same images as `[N, H, W, C]`, or vectors as `[N, X]`, without a copy."""
    letters = _VECTORS if "X" in layout else _IMAGES
    array = array.transpose([layout.index(letter) for letter in letters if letter in layout])
    return array if len(layout) != 3 else array[..., None]


def _may_count_last(shape: tuple[int, ...]) -> bool:
    """Whether `[H, W, N]` is as likely as `[N, H, W]`: the first axes look like sides."""
    first, second, last = shape
    if first == second:
        return last != first
    # how many times longer than wide images would be
    pairs = ((first, second), (second, last))
    as_last, as_first = (max(sides) / max(1, min(sides)) for sides in pairs)
    return as_last <= 2 < as_first


def _with_channels(shape: tuple[int, ...]) -> list[str]:
    """Layouts of four axes that have few channels in the place of C."""
    layouts = ("NHWC", "NCHW", "HWCN", "CHWN")
    sides = {layout: dict(zip(layout, shape, strict=True)) for layout in layouts}
    few = [layout for layout, side in sides.items() if side["C"] <= _MOST_CHANNELS]
    if len(few) > 1:
        few = [layout for layout in few if sides[layout]["N"] > _MOST_CHANNELS] or few
    if len(few) > 1:
        few = [layout for layout in few if sides[layout]["H"] == sides[layout]["W"]] or few
    if few:
        return few if few[0].startswith("N") or len(few) > 1 else [*few, "NHWC"]
    many = []
    for layout in ("NHWC", "NCHW"):
        channels, *others = (sides[layout][letter] for letter in "CHW")
        if channels <= _MANY_CHANNELS and 2 * channels <= min(others):
            many.append(layout)
    return many if len(many) == 1 else []


def _told(shape: tuple[int, ...], layout: str) -> str:
    sides = dict(zip(layout, shape, strict=True))
    channels = f" with {sides['C']} channels" if "C" in sides else ""
    return f"it holds {sides['N']:,} images of {sides['H']} x {sides['W']}{channels}"
