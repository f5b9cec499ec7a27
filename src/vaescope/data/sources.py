"""Where a data set comes from: publications, licence, files, and the words of tables about it."""

import shlex
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from vaescope.data.factors import Factors
from vaescope.data.files.cache import data_folder
from vaescope.data.files.published import PublishedFile

_RECORDS = Path(__file__).parent / "sets" / "sources.toml"


@dataclass(frozen=True)
class Publication:
    """Who published a data set."""

    authors: str  # "Burgess & Kim" or "Reed et al."
    year: int
    title: str  # of the paper or the program
    address: str  # on the web

    @property
    def short(self) -> str:
        """``Burgess & Kim 2018``."""
        return f"{self.authors} {self.year}"

    def __str__(self) -> str:
        return f"{self.short}, {self.title}, {self.address}"


@dataclass(frozen=True, kw_only=True)
class DataSource:
    """What a data set is made from; read by ``vaescope data``, the data page and docs/reference."""

    option: str = ""  # its name in the group `data`; that of files that can be fetched
    title: str = ""  # its name, for people; empty: that of its class
    publications: tuple[Publication, ...] = ()  # where it was published; none: here
    images: str = "drawn"  # how one comes by the images, in a few words
    licence: str = ""  # of the images; empty: they are computed here
    note: str = ""  # what else the tables say of its factors and options
    folder: str = ""  # where its files lie below `data_dir`; ours are written there
    other_folders: tuple[str, ...] = (".",)  # where other programs put them
    files: tuple[PublishedFile, ...] = ()  # the published ones
    needed: bool = True  # whether there are no images without the files

    def places(self, data_dir: str | Path | None) -> list[Path]:
        """Folders that the files are looked for in; ours comes first."""
        folders = (self.folder, *self.other_folders)
        return [data_folder(data_dir) / folder for folder in folders]

    def missing_message(self, places: Sequence[Path]) -> str:
        """What was looked for, in which ``places``, and how to get it."""
        names = ", ".join(file.name for file in self.files)
        where = shlex.quote(str(places[0].parent))
        by_hand = [file for file in self.files if not file.addresses]
        pages = ", ".join(dict.fromkeys(file.page for file in by_hand if file.page))
        advice = (
            f"fetch it by `vaescope data fetch data={self.option} data_dir={where}`"
            if not by_hand
            else f"put it into {places[0]}" + (f"; it is found at {pages}" if pages else "")
        )
        looked = " and ".join(dict.fromkeys(str(place) for place in places))
        return f"no {self.title} files: looked for {names} in {looked}; {advice}"


def source_of(option: str) -> DataSource:
    """The record of a data set in ``sets/sources.toml``, by its option of the group ``data``."""
    record, publications = _record(option), _records()["publications"]
    record.pop("factors", None)
    return DataSource(
        option=option,
        publications=tuple(Publication(**publications[n]) for n in record.pop("publications", ())),
        files=tuple(PublishedFile(**_tuples(file)) for file in record.pop("files", ())),
        **_tuples(record),
    )


def factors_of(option: str) -> Factors:
    """The factors in the record of a data set, in their order."""
    named = _record(option)["factors"]
    sizes, kinds = zip(*named.values(), strict=True)
    return Factors(tuple(named), sizes, kinds)


def _record(option: str) -> dict[str, Any]:
    own = dict(_records()[option])
    return _record(own.pop("like")) | own if "like" in own else own


@cache
def _records() -> dict[str, Any]:
    return tomllib.loads(_RECORDS.read_text(encoding="utf-8"))


def _tuples(values: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
