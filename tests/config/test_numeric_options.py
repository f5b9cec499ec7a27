"""Every number that a configuration may set, and every bad value for it.

The options are found in the YAML files and in the signatures of what these name: there is no list
of them here to fall behind.
"""

import inspect
import math
import types
import typing
from pathlib import Path
from typing import Annotated, Any

import pytest
import yaml
from hydra.errors import HydraException
from omegaconf import OmegaConf

from vaescope.config import schemas
from vaescope.config.checks import GIVEN_BY_CODE, check, problems
from vaescope.config.foreign_ranges import foreign_hints
from vaescope.config.loading import config_dir
from vaescope.config.targets import locate
from vaescope.errors import ConfigError
from vaescope.ranges import hints_of, interval_of

BAD = {
    "negative": -7,
    "zero": 0,
    "NaN": math.nan,
    "inf": math.inf,
    "-inf": -math.inf,
    "1e30": 1e30,
    "10**12": 10**12,
    "text": "text",
    "empty": "",
    "null": None,
    "list": [-1],
    "empty list": [],
    "mapping": {"a": 1},
    "true": True,
}
NEVER = ("NaN", "inf", "-inf", "1e30", "10**12", "text", "empty", "mapping", "true")
WORDS = {kind: BAD[kind] for kind in NEVER} | {"empty": "''", "mapping": "{a:1}"}
ROOTS = {
    "train": schemas.TrainSchema,
    "evaluate": schemas.EvaluateSchema,
    "data": schemas.DataSchema,
    "diagnose": schemas.DiagnoseSchema,
    "audit": schemas.AuditSchema,
    "report": schemas.ReportSchema,
    "reproduce": schemas.ReproduceSchema,
}
# numbers without a range of their own, and what judges them instead
FREE = {
    "factor": "a position in the data set's factors, or a name: looked up there",
    "factors": "the same of several",
    "static": "the same of several",
    "pairs": "the same of pairs",
    "devices": "vaescope.config.devices has a sentence for each value",
    "max_time": "numbers of days, hours, ...: Lightning refuses others, build() says so",
    "val_check_interval": "there is no validation loop of Lightning's",
    "num_sanity_val_steps": "vaescope sets it itself",
    "log_every_n_steps": "vaescope sets it itself",
    "limit_val_batches": "vaescope sets it itself",
    "sigma": "may be infinite: no correlation",
    "plugins": "vaescope sets it itself",
}
BY_CODE = {"parts", "image_shape", "num_parameters", "latent_dim"}  # of networks and models


def targets():
    """Each ``_target_`` in ``conf/``, with the place where it stands in a configuration."""
    found = {}

    def walk(node, place):
        if isinstance(node, dict):
            if "_target_" in node:
                found.setdefault(node["_target_"], place)
            for key, value in node.items():
                walk(value, f"{place}.{key}")

    for path in sorted(Path(config_dir()).rglob("*.yaml")):
        walk(yaml.safe_load(path.read_text()), f"config.{path.parent.name}")
    return found


def leaves(hint):
    """Parts of a type hint: its numbers with their ranges."""
    if typing.get_origin(hint) is Annotated and interval_of(hint):
        yield hint
        return
    args = typing.get_args(hint)
    if typing.get_origin(hint) is typing.Literal:
        return
    if typing.get_origin(hint) is Annotated:
        args = args[:1]
    for arg in args:
        yield from leaves(arg)
    if hint in (int, float):
        yield hint


def numeric_options():
    """Triples of target, place and parameter, of every number in a constructor's signature."""
    for target, place in targets().items():
        if not target.startswith(("vaescope.", "torch.optim.", "pytorch_lightning.")):
            continue
        made = locate(target)
        hints = {**hints_of(made), **foreign_hints(target, place)}
        for name in inspect.signature(made).parameters:
            given = GIVEN_BY_CODE.get(place, ())
            literal_numbers = any(
                isinstance(value, int) and not isinstance(value, bool)
                for part in (hints.get(name), *typing.get_args(hints.get(name)))
                if typing.get_origin(part) is typing.Literal
                for value in typing.get_args(part)
            )
            numeric = literal_numbers or any(leaves(hints.get(name, Any)))
            if numeric and name not in BY_CODE and name not in given:
                yield pytest.param(target, place, name, hints[name], id=f"{target}-{name}")


OPTIONS = list(numeric_options())
RANGED = [option for option in OPTIONS if option.values[2] not in FREE]


def allows(hint, value):
    """An opinion of its own on whether a value is of the type and in the range of a hint."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(allows(arg, value) for arg in args)
    if origin is typing.Literal:
        return any(value is arg or (value == arg and type(value) is type(arg)) for arg in args)
    if hint is type(None):
        return value is None
    if origin is Annotated and interval_of(hint):
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if args[0] is int and not isinstance(value, int):
            return False
        span = interval_of(hint)
        low = value >= span.ge if span.ge is not None else value > (span.gt or -math.inf)
        low = value > span.gt if span.gt is not None else low
        high = value < span.lt if span.lt is not None else value <= (span.le or math.inf)
        return bool(low and high)
    if origin is Annotated:
        return allows(args[0], value)
    if origin is tuple:
        return isinstance(value, list) and len(value) == len(args) and all(map(allows, args, value))
    if hint in (str, bool):
        return isinstance(value, hint) and value != ""
    return isinstance(value, list) and all(allows(args[0], one) for one in value) if args else True


def test_the_options_are_found():
    names = {option.values[2] for option in OPTIONS}
    assert len(OPTIONS) > 300
    assert {"beta", "lr", "batch_size", "max_steps", "every_n_steps", "seed", "bins"} <= names


def test_every_number_declares_its_range():
    for option in OPTIONS:
        _, _, name, hint = option.values
        if name not in FREE:
            assert all(interval_of(leaf) for leaf in leaves(hint)), option.id


@pytest.mark.parametrize(("target", "place", "name", "hint"), RANGED)
def test_a_bad_number_is_refused_in_one_sentence(target, place, name, hint):
    for kind, value in BAD.items():
        node = OmegaConf.create({"_target_": target, "_partial_": True, name: value})
        told = list(problems(node, place))
        shown = f"{target}.{name}={value!r} ({kind}): {told}"
        if not told:
            assert allows(hint, value), shown
            assert kind not in NEVER or (kind, name) == ("text", "canvas"), shown
            continue
        assert len(told) == 1, shown
        assert told[0].startswith(f"{place}.{name}: {value!r} is not "), shown
        assert "\n" not in told[0], shown
        assert not allows(hint, value), shown


@pytest.mark.parametrize("command", ROOTS)
def test_numbers_of_the_root(config, command):
    hints = typing.get_type_hints(ROOTS[command], include_extras=True)
    action = ["action=list"] if command == "data" else []
    numbers = [key for key, hint in hints.items() if any(leaves(hint))]
    assert "threads" in numbers
    for key in numbers:
        assert all(interval_of(leaf) for leaf in leaves(hints[key])), key
        for word in WORDS.values():
            try:
                composed = config(*action, f"{key}={word}", name=command)
            except HydraException:
                continue  # of a type that the schema does not have: told by Hydra
            with pytest.raises(ConfigError, match=rf"config\.{key}: .* is not "):
                check(composed)
