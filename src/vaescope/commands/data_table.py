"""The table of data sets, as ``vaescope data list`` prints it and docs/reference/data.md has it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from vaescope.config.checks import check
from vaescope.config.loading import build, config_dir, resolved
from vaescope.data import FactorDataModule, Factors
from vaescope.data.sources import DataSource
from vaescope.errors import ConfigError

_HEADINGS = ("`data=`", "observations", "factors (number of values)", "source", "licence")


@dataclass(frozen=True)
class Row:
    """One data set of the group ``data``.

    Args:
        name: its option.
        observations: how many there are, of which shape.
        factors: what they vary in.
        about: what the set is, in a sentence.
        source: where it was published, how one comes by the images, under which licence.
    """

    name: str
    observations: str
    factors: str
    about: str
    source: DataSource

    @property
    def cells(self) -> tuple[str, ...]:
        """A line of ``vaescope data list``."""
        origin = [*(found.short for found in self.source.publications), self.source.licence]
        told = "; ".join(part for part in origin if part)
        return (self.name, self.observations, self.factors, self.about, told)

    @property
    def markdown(self) -> str:
        """A line of the table in Markdown."""
        source = self.source
        links = [f"[{found.short}]({found.address})" for found in source.publications]
        factors = "; ".join(part for part in (self.factors, source.note) if part)
        origin = "; ".join(part for part in (source.images, ", ".join(links)) if part)
        cells = (f"`{self.name}`", self.observations, factors, origin, source.licence or "computed")
        return f"| {' | '.join(cells)} |"


def rows() -> Iterator[Row]:
    """Every data set, by name, as it is without further options."""
    for file in sorted((Path(config_dir()) / "data").glob("*.yaml")):
        yield _row(file.stem, _own_settings(file))


def cells_of(
    names: Iterable[str], loader: ConfigLoader, places: Iterable[str]
) -> Iterator[tuple[str, ...]]:
    """Lines of ``vaescope data list`` for the user's own sets; of one that fails, the reason.

    Args:
        names: of their options.
        loader: Hydra's.
        places: overrides that say where their files lie.
    """
    for name in names:
        words = [*places, "action=list", f"data={name}"]
        try:
            config = loader.load_configuration("data", words, RunMode.RUN)
            with open_dict(config):
                del config["hydra"]
            check(config)
            yield _row(name, resolved(config)["data"]).cells
        except Exception as error:  # of a file or package of others
            yield (name, "", "", f"cannot be built: {error}", "")


def _row(name: str, settings: Mapping[str, Any]) -> Row:
    module = build(settings, f"data={name}")
    shape, factors = _shape_and_factors(module)
    return Row(name, shape, factors, module.dataset_class.about(), module.data_source)


def markdown_table() -> str:
    """The table of data sets in docs/reference/data.md."""
    head = [f"| {' | '.join(_HEADINGS)} |", "|---" * len(_HEADINGS) + "|"]
    return "\n".join([*head, *(row.markdown for row in rows())]) + "\n"


def _own_settings(file: Path) -> dict[str, Any]:
    """What a file and the ones that it builds on set by themselves, without links to the root."""
    node = OmegaConf.load(file)
    assert isinstance(node, DictConfig)
    words = [word for word in node.get("defaults", ()) if isinstance(word, str)]
    bases = [word for word in words if word != "_self_" and word[:1] != "/"]
    own: dict[str, Any] = {}
    for name in bases:
        own |= _own_settings(file.with_name(f"{name}.yaml"))
    keys = [str(key) for key in node if key != "defaults"]
    return own | {key: node[key] for key in keys if not OmegaConf.is_interpolation(node, key)}


def _shape_and_factors(module: FactorDataModule) -> tuple[str, str]:
    """As text; of a set that needs the user's own file, that it is for this to say."""
    try:
        shape, factors = module.image_shape, module.factors
    except ConfigError:
        return "as given", "as given"
    sides = " × ".join(map(str, shape if shape[0] != 1 else shape[1:]))
    kind = f"images {sides}" if len(shape) == 3 else f"points in {sides} dimensions"
    return f"{len(module.unloaded):,} {kind}", _told(factors)


def _told(factors: Factors) -> str:
    named = dict(zip(factors.names, factors.sizes, strict=True))
    continuous = [name for name, size in named.items() if not size]
    told = [f"{name} {size}" for name, size in named.items() if size]
    if continuous:
        told.append(f"{', '.join(continuous)} continuous")
    return ", ".join(told) or "none known"
