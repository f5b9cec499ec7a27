"""Ranges of numbers, declared where a number is declared: ``beta: Weight = 4.0``.

``config.checks`` reads them off the signatures before anything is built, and ``in_range`` and
``check_fields`` hold them for those who call the constructors themselves.
"""

import functools
import inspect
import operator
import types
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Annotated, Any, ParamSpec, TypeVar

from annotated_types import Interval, MinLen

from vaescope.errors import ConfigError

P = ParamSpec("P")
R = TypeVar("R")

# beyond it lies no setting, and squares overflow float32 soon after
MOST = 10**9

Count = Annotated[int, Interval(ge=1, le=MOST)]
AtLeastTwo = Annotated[int, Interval(ge=2, le=MOST)]
AtLeastThree = Annotated[int, Interval(ge=3, le=MOST)]
LatentCount = Annotated[int, Interval(ge=0, le=MOST)]
Steps = Annotated[int, Interval(ge=0, le=MOST)]
Seed = Annotated[int, Interval(ge=0, le=2**32 - 1)]
Workers = Annotated[int, Interval(ge=0, le=1024)]
Rows = Annotated[int, Interval(ge=2, le=10**8)]
Sources = Annotated[int, Interval(ge=2, le=1000)]
Depth = Annotated[int, Interval(ge=1, le=100)]
Width = Annotated[int, Interval(ge=1, le=100_000)]
Kernel = Annotated[int, Interval(ge=1, le=64)]
Side = Annotated[int, Interval(ge=1, le=8192)]
Pixels = Annotated[int, Interval(ge=1, le=64)]
Grey = Annotated[int, Interval(ge=0, le=255)]
Columns = Annotated[int, Interval(ge=1, le=100)]
Labels = Annotated[int, Interval(ge=1, le=1_000_000)]
Classes = Annotated[int, Interval(ge=2, le=1_000_000)]
FactorSize = Annotated[int, Interval(ge=2, le=1000)]
Bins = Annotated[int, Interval(ge=2, le=10_000)]
Draws = Annotated[int, Interval(ge=2, le=1000)]
Repeats = Annotated[int, Interval(ge=0, le=10_000)]
Finite = Annotated[float, Interval(ge=-1e300, le=1e300)]
Real = Annotated[float, Interval(ge=-MOST, le=MOST)]
NonNegative = Annotated[float, Interval(ge=0, le=MOST)]
Positive = Annotated[float, Interval(gt=0, le=MOST)]
Probability = Annotated[float, Interval(ge=0, le=1)]
PosteriorWidth = Annotated[float, Interval(ge=0, le=1)]  # in standard deviations
Epsilon = Annotated[float, Interval(ge=1e-6, le=1)]  # of pixels; less is lost in float32
Share = Annotated[float, Interval(gt=0, lt=1)]
Decay = Annotated[float, Interval(ge=0, lt=1)]


# how a bound is said, and how a number is compared with it
_BOUNDS = {
    "ge": ("from", operator.ge),
    "gt": ("above", operator.gt),
    "le": ("to", operator.le),
    "lt": ("below", operator.lt),
}
_BETWEEN = {"gt le": " up ", "ge lt": " to ", "gt lt": " and "}


def interval_of(hint: Any) -> Interval | None:
    """The range that an annotation declares; None: none."""
    if typing.get_origin(hint) is not Annotated:
        return None
    return next((fact for fact in typing.get_args(hint)[1:] if isinstance(fact, Interval)), None)


def _least_length(hint: Any) -> int:
    facts = typing.get_args(hint)[1:]
    return next((fact.min_length for fact in facts if isinstance(fact, MinLen)), 0)


def holds(interval: Interval, value: Any) -> bool:
    """Whether a number lies in the range; NaN lies in none."""
    bounds = [(compare, getattr(interval, name)) for name, (_, compare) in _BOUNDS.items()]
    return all(compare(value, bound) for compare, bound in bounds if bound is not None)


def words(hint: Any) -> str:
    """A type hint as a user would say it, with the range if it has one."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        interval = interval_of(hint)
        text, least = words(args[0]), _least_length(hint)
        text = text.replace("a list", f"a list of at least {least}", 1) if least else text
        return f"{text} {_bounds(interval)}" if interval else text
    if origin is typing.Literal:
        return "one of " * (len(args) > 1) + ", ".join(map(repr, args))
    if origin in (typing.Union, types.UnionType):
        return " or ".join(words(arg) for arg in args)
    if origin is tuple and Ellipsis not in args:
        return f"a list of {len(args)}, each {words(args[0])}" if args else "a list"
    if _is_list(origin):
        return f"a list, each {words(args[0])}" if args else "a list"
    if origin in (dict, Mapping):
        return "keys with values, {key: value}"
    plain = {int: "an integer", float: "a number", bool: "true or false", str: "text"}
    if hint is type(None):
        return "null"
    return plain.get(hint, str(hint).replace("collections.abc.", ""))


def _bounds(interval: Interval) -> str:
    told = {}
    for name, (word, _) in _BOUNDS.items():
        if (bound := getattr(interval, name)) is not None:
            told[name] = f"{word} {bound:,}" if isinstance(bound, int) else f"{word} {bound:g}"
    return _BETWEEN.get(" ".join(told), " ").join(told.values())


def outside(value: Any, hint: Any) -> Any:
    """The hint whose range or choice a value misses, in lists and unions too; None: none is missed.

    Types are not looked at: a text where a number should be is nothing that a range can judge.
    """
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        missed = [outside(value, arg) for arg in args if _judges(arg, value)]
        return hint if missed and all(missed) else None
    if origin is typing.Literal:
        return None if fits(value, hint) else hint
    if interval := interval_of(hint):
        return hint if _is_number(value) and not holds(interval, value) else None
    if origin is Annotated:
        few = isinstance(value, Sequence) and len(value) < _least_length(hint)
        return hint if few else outside(value, args[0])
    if _is_list(origin) and isinstance(value, Sequence) and not isinstance(value, str):
        elements = [a for a in args if a is not Ellipsis]
        each = elements if origin is tuple and len(elements) == len(value) else elements[:1]
        pairs = zip(value, each * (len(value) if len(each) == 1 else 1), strict=False)
        return hint if any(outside(element, part) for element, part in pairs) else None
    return None


def fits(value: Any, hint: Any) -> bool:
    """Whether a value of plain containers may be passed where ``hint`` is asked for.

    A mapping that describes an object fits anything, and a hint that says nothing accepts all.
    """
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint in (Any, object) or (isinstance(value, Mapping) and "_target_" in value):
        return True
    if origin is Annotated:
        return fits(value, args[0]) and outside(value, hint) is None
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, arg) for arg in args)
    if origin is typing.Literal:
        return any(value == arg and type(value) is type(arg) for arg in args)
    if hint in (type(None), None):
        return value is None
    if hint in (int, float):
        number = isinstance(value, int if hint is int else int | float)
        return number and not isinstance(value, bool)
    if hint is str:
        return isinstance(value, str) and value.strip() != ""
    base = origin or hint
    if base in (list, tuple, Sequence, Collection):
        if not isinstance(value, list | tuple):
            return False
        if base is tuple and args and Ellipsis not in args:
            return len(value) == len(args) and all(map(fits, value, args))
        return all(fits(each, args[0] if args else Any) for each in value)
    if base in (dict, Mapping):
        return isinstance(value, dict)
    if inspect.isclass(hint) and isinstance(value, str | int | float | list | dict):
        is_protocol = getattr(hint, "_is_protocol", False)  # of objects, which no plain value is
        return not is_protocol and isinstance(value, hint)
    return True


def _judges(hint: Any, value: Any) -> bool:
    """Whether one branch of a union is about a value of this kind."""
    if typing.get_origin(hint) is typing.Literal:
        return value in typing.get_args(hint) or isinstance(value, str)
    if hint is type(None):
        return value is None
    return interval_of(hint) is None or _is_number(value)


def _is_list(origin: Any) -> bool:
    return inspect.isclass(origin) and issubclass(origin, Sequence) and origin is not str


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _refuse(given: Mapping[str, Any], hints: Mapping[str, Any]) -> None:
    missed = []
    for name, value in given.items():
        if hint := outside(value, hints.get(name, Any)):
            missed.append(f"{name}={value!r}: give {words(hint)}")
    if missed:
        raise ConfigError("; ".join(missed))


def hints_of(target: Any) -> Mapping[str, Any]:
    """Annotations of a callable's arguments with their ranges; none where they are unknown."""
    try:
        function = target.__init__ if inspect.isclass(target) else target
        return typing.get_type_hints(function, include_extras=True)
    except (NameError, TypeError, AttributeError):
        return {}


def in_range(function: Callable[P, R]) -> Callable[P, R]:
    """Decorator: refuse arguments outside the ranges and options that annotations declare.

    All at once, in one ``ConfigError``, which is a ``ValueError``.
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        _refuse(signature.bind(*args, **kwargs).arguments, hints_of(function))
        return function(*args, **kwargs)

    return checked


def check_fields(thing: Any) -> None:
    """Refuse a dataclass whose fields lie outside their declared ranges, or are no choice offered.

    Raises:
        ConfigError: with all fields that do.
    """
    _refuse(vars(thing), hints_of(type(thing)))
