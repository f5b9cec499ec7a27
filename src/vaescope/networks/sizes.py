"""Image sizes that networks take; a refusal names all networks that would take the image."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

Shape = tuple[int, ...]
Options = ParamSpec("Options")
Pair = TypeVar("Pair")
Factory = Callable[Concatenate[Shape, Options], Pair]

_FITS: dict[str, Callable[[Shape], bool]] = {}


def takes(
    what: str, fits: Callable[[Shape], bool]
) -> Callable[[Factory[Options, Pair]], Factory[Options, Pair]]:
    """Decorator of a network: other observations are refused by a ``ValueError``.

    Args:
        what: the observations it takes, in words.
        fits: whether an ``image_shape``, ``(C, H, W)`` or ``(X,)``, is such a one.
    """

    def decorated(factory: Factory[Options, Pair]) -> Factory[Options, Pair]:
        name = factory.__name__
        _FITS[name] = fits

        @wraps(factory)
        def checked(image_shape: Shape, *args: Options.args, **options: Options.kwargs) -> Pair:
            if not fits(image_shape):
                raise ValueError(_refusal(name, what, image_shape))
            return factory(image_shape, *args, **options)

        return checked

    return decorated


def fitting(image_shape: Shape) -> list[str]:
    """Names of all networks that take observations of this shape, in the order of the alphabet."""
    return sorted(name for name, fits in _FITS.items() if fits(image_shape))


def is_square(image_shape: Shape, *, at_least: int = 1) -> bool:
    """Whether a shape is ``(C, S, S)`` with S at least so large."""
    return len(image_shape) == 3 and image_shape[1] == image_shape[2] >= at_least


def _refusal(name: str, what: str, image_shape: Shape) -> str:
    *others, last = [f"network={fit}" for fit in fitting(image_shape)]
    chosen = f"{', '.join(others)} or {last}" if others else last
    size = ", or resize images of your own by data.size=64" if len(image_shape) == 3 else ""
    return (
        f"network {name} takes {what}, this data set has {list(image_shape)}; choose {chosen}{size}"
    )
