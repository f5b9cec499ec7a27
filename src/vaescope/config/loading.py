"""YAML files: find, read and write them; build objects from what they say."""

import io
import re
import typing
from collections.abc import Iterator, Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import hydra.utils
import yaml  # type: ignore[import-untyped] # OmegaConf's parser
from hydra.core.config_store import ConfigStore
from hydra.errors import InstantiationException
from omegaconf import DictConfig, OmegaConf
from omegaconf._utils import get_yaml_loader

from vaescope.config.refusals import refusal
from vaescope.config.renamed import names_of_today
from vaescope.config.schemas import SCHEMAS, TrainSchema
from vaescope.errors import ConfigError, DataError, VaescopeError, first_line
from vaescope.files import replacing

LINK = re.compile(r"(\\*)\$\{")
# links that a run's ``config.yaml`` has to values of its own
OWN_LINK = re.compile(r"\$\{(output_dir|data_dir|seed)\}")
_EVENTS = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# what a constructor raises to refuse its arguments; anything else is a fault of the program
REFUSALS = (ValueError, TypeError, RuntimeError, ImportError, InstantiationException)


def register_schemas() -> None:
    """Make the schemas known to Hydra under the names in the defaults lists, and one resolver."""
    OmegaConf.register_new_resolver("fast_precision", _fast_precision, replace=True)
    store = ConfigStore.instance()
    for schema in SCHEMAS:
        store.store(name=f"{schema.__name__.removesuffix('Schema').lower()}_schema", node=schema)


def register_run(stored: dict[str, Any]) -> str:
    """Make a run's checked configuration known to Hydra; the name to compose it by.

    Hydra reads no file of the run's folder: its ``hydra`` section and its list of ``defaults``
    would be programs of their own. Root keys that a run of an earlier version lacks are null.
    """
    later = {each.name: None for each in fields(TrainSchema) if each.default is None}
    kept = {key: value for key, value in stored.items() if key not in ("hydra", "defaults")}
    ConfigStore.instance().store(name="resumed_run", node=OmegaConf.create(later | kept))
    return "resumed_run"


def _fast_precision(accelerator: str) -> str:
    """Known only on the machine that trains; written into the run's ``config.yaml``."""
    from vaescope.hardware import fast_precision  # imports torch: not for --help and --cfg

    return fast_precision(accelerator)


def config_dir() -> str:
    """Folder of the YAML files: inside an installed wheel, or beside ``src/`` in a checkout."""
    here = Path(__file__).resolve().parents[1]
    for folder in (here / "conf", here.parents[1] / "conf"):
        if (folder / "train.yaml").is_file():
            return str(folder)
    raise FileNotFoundError(f"no train.yaml in {here / 'conf'} or beside src/; reinstall vaescope")


def build(node: Any, key: str, **given: Any) -> Any:
    """Make the object that a configuration node describes; the one call of ``instantiate``.

    Args:
        node: mapping with ``_target_``, as OmegaConf or as plain containers.
        key: where the node stands, for messages: ``model``.
        **given: arguments that only code can supply.

    Returns:
        The object; lists and mappings reach it as plain Python containers.

    Raises:
        ConfigError: if the constructor refuses its arguments, with the key and the reason.
    """
    if not isinstance(node, Mapping | DictConfig) or "_target_" not in node:
        raise ConfigError(f"config.{key}: has no _target_, so there is nothing to build")
    if not isinstance(node, DictConfig):  # its links have been followed
        node = unlinked(unlinked(node))  # instantiate resolves twice
    try:
        if not given:
            return hydra.utils.instantiate(node, _convert_="all")
        # objects would be taken for structured configs if they went through instantiate
        return hydra.utils.instantiate(node, _partial_=True, _convert_="all")(**given)
    except Exception as error:
        cause: BaseException = error  # Hydra wraps it
        while isinstance(cause, InstantiationException) and cause.__cause__ is not None:
            cause = cause.__cause__
        if isinstance(cause, VaescopeError) and not isinstance(cause, ConfigError):
            raise cause from error
        if isinstance(cause, REFUSALS):
            raise ConfigError(f"config.{key}: {cause}") from error
        if told := refusal(cause):
            raise told from error
        raise


def unlinked(value: Any) -> Any:
    """A plain value, or containers of them, in which ``${`` is no link to another value."""
    if isinstance(value, Mapping):
        return {key: unlinked(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [unlinked(inner) for inner in value]
    if isinstance(value, str) and "${" in value:
        return LINK.sub(lambda found: f"{found[1] * 2}\\${{", value)
    return value


def resolved(config: DictConfig) -> dict[str, Any]:
    """The whole configuration as plain containers, every interpolation replaced by its value."""
    return typing.cast(dict[str, Any], OmegaConf.to_container(config, resolve=True))


def save_yaml(config: Mapping[str, Any], path: Path) -> None:
    """Write plain containers as YAML, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(as_yaml(config), encoding="utf-8")


def as_yaml(config: Mapping[str, Any]) -> str:
    """Plain containers as YAML."""
    return OmegaConf.to_yaml(OmegaConf.create(dict(config)))


def read_value(text: str) -> Any:
    """The value that ``text`` has as an override."""
    return OmegaConf.from_dotlist([f"value={text}"])["value"]


def read_overrides(path: Path, *keys: str) -> list[str]:
    """Overrides in a record that Hydra left, below these keys; none if it is not whole."""
    try:
        node: Any = OmegaConf.load(path)
        for key in keys:
            node = node[key]
        return [str(text) for text in node]
    except Exception:  # of YAML, of OmegaConf, of the disk
        return []


def read_yaml(path: Path) -> dict[str, Any]:
    """What ``save_yaml`` wrote, as plain containers with its links to itself followed.

    Raises:
        DataError: if the file is none, or has links to anything else, as to the environment.
    """
    settings = read_settings(path)
    if text := next((t for t in _texts(settings) if "${" in OWN_LINK.sub("", t)), None):
        raise DataError(f"{path} holds {text!r}, a link that vaescope does not write")
    return resolved(OmegaConf.create(settings))


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping | list):
        for value in node.values() if isinstance(node, Mapping) else node:
            yield from _texts(value)
    elif isinstance(node, str):
        yield node


def _parsed(text: str) -> Any:
    """What ``OmegaConf.load`` would make of a text, as plain containers, links left as texts.

    Files of runs are read by the hundred, and OmegaConf takes six times as long: it is left out
    where it would change nothing.
    """
    found = yaml.load(text, Loader=_loader())
    if isinstance(found, dict) and _is_plain(found):
        return found
    node = OmegaConf.load(io.StringIO(text))
    return OmegaConf.to_container(node, resolve=False) if isinstance(node, DictConfig) else None


def _is_plain(node: Any) -> bool:
    """Whether OmegaConf would give the same back; it checks how links are written."""
    if isinstance(node, dict):
        return all(type(key) is str and _is_plain(value) for key, value in node.items())
    if isinstance(node, list):
        return all(map(_is_plain, node))
    if isinstance(node, str) and "$" in node:
        return bool(OmegaConf.create([node]))
    return node is None or type(node) in (str, int, float, bool)


@cache
def _loader() -> Any:
    """OmegaConf's rules of YAML, read by libyaml where PyYAML has it."""
    rules = get_yaml_loader()
    if not yaml.__with_libyaml__:
        return rules

    class Loader(yaml.cyaml.CParser, rules):  # type: ignore[misc, valid-type]
        def __init__(self, stream: str) -> None:
            yaml.cyaml.CParser.__init__(self, stream)
            yaml.constructor.SafeConstructor.__init__(self)
            yaml.resolver.Resolver.__init__(self)

    return Loader


def read_settings(path: Path) -> dict[str, Any]:
    """A YAML mapping as plain containers, its links (``${seed}``) left as texts.

    Names that an earlier version wrote are today's (``config.renamed``).

    Raises:
        DataError: if the file is none.
    """
    try:
        text = path.read_text(encoding="utf-8")
        # aliases let a few lines unfold to more than fits into memory
        events = yaml.parse(text, Loader=_EVENTS) if "&" in text else ()
        if any(isinstance(event, yaml.AliasEvent) for event in events):
            raise ValueError("it has aliases (*name); write out what they stand for")
        settings = _parsed(text)
    except Exception as error:  # of YAML, of OmegaConf, of the disk
        raise DataError(f"{path} cannot be read: {first_line(error)}") from error
    if settings is None:
        raise DataError(f"{path} holds no settings")
    return typing.cast(dict[str, Any], names_of_today(settings))
