"""csv files of factor values: encoding, separator, column names, missing values, types."""

import codecs
import csv
import io
import logging
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vaescope.data.files.damage import report_damage
from vaescope.data.files.missing_values import first_missing
from vaescope.errors import ConfigError, DataError

log = logging.getLogger(__name__)

SUFFIXES = (".csv", ".tsv", ".txt")
_SEPARATORS = (",", ";", "\t", "|")
_STARTS = {
    codecs.BOM_UTF32_LE: "UTF-32 text",
    codecs.BOM_UTF32_BE: "UTF-32 text",
    codecs.BOM_UTF16_LE: "UTF-16 text",
    codecs.BOM_UTF16_BE: "UTF-16 text",
    b"PK\x03\x04": "a zip archive, perhaps an Excel workbook,",
    b"\xd0\xcf\x11\xe0": "an Excel workbook",
    b"\x1f\x8b": "compressed by gzip",
}
_SEPARATOR_HINT = re.compile(r'"?sep=(.)"?')  # of Excel, to itself
_NO_NAMES = re.compile(r'#|\s*("?sep=."?\s*)?$')  # a comment, nothing, or that hint
_UNNAMED = re.compile(r"|Unnamed: [0-9]+.*")  # nothing, or what pandas calls that
_INTEGER = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(
    r"[+-]?(([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?|inf|infinity)", re.IGNORECASE
)
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+(e[+-]?[0-9]+)?", re.IGNORECASE)
# thousands apart, FORTRAN's exponent, per cent, or digits and signs that are not ASCII's
_LIKE_A_NUMBER = re.compile(
    r"[+\-\u2212\uff0b\uff0d]?[\d.,'\u2019\s]*\d[\d.,'\u2019\s]*(d[+-]?\d+|\s*%)?", re.IGNORECASE
)


def csv_columns(
    path: Path, names: Sequence[str] | None = None, *, text: Collection[str] = ()
) -> dict[str, np.ndarray]:
    """Columns of a text file that begins with a line of their names: int64, float64 or text.

    Values are separated by commas, semicolons, tabs or bars, numbers also by spaces; where they
    are not separated by commas, numbers may have decimal commas. Empty lines, lines that begin
    with ``#`` before the names, and separators behind the last column are passed over. A first
    column without a name that has another value in every row, as pandas writes its index, is left
    out with a warning.

    Args:
        path: the file, UTF-8.
        names: the columns that are wanted, in this order, each once; None: all.
        text: columns that stay text, whatever they look like.
    """
    table = _table(path, _content(path))
    header = table.names
    wanted = header if names is None else list(names)
    if unknown := [name for name in wanted if name not in header]:
        raise ConfigError(
            f"column {unknown[0]!r} was asked for, but {path} has the columns {', '.join(header)}"
        )
    if len(set(wanted)) < len(wanted):
        raise ConfigError(f"the columns {wanted} of {path} were asked for; name each once")
    columns = {}
    for name in wanted:
        place = header.index(name)
        column = [row[place] for row in table.rows]
        if (missing := first_missing(column)) is not None:
            row, value = missing
            raise DataError(
                f"{path}: column {name!r} is {value or 'empty'!r} in row {row} (line "
                f"{table.lines[row]}), which says that its value is not known; fill it in, or "
                "give a category another name"
            )
        columns[name] = np.array(column) if name in text else _parse_column(table, name, column)
    return columns


@dataclass(frozen=True)
class _Table:
    """What stands in a file: names of columns, values, and the line of each row."""

    path: Path
    names: list[str]
    rows: list[list[str]]
    lines: list[int]
    separator: str


def _content(path: Path) -> str:
    with report_damage(path):
        content = path.read_bytes()
    told = next((what for start, what in _STARTS.items() if content.startswith(start)), None)
    if told is None and b"\0" in content:
        is_wide = content.count(b"\0") > len(content) // 4
        told = "UTF-16 text" if is_wide else "no text"
    if told is not None:
        raise DataError(f"{path} is {told} and cannot be read; save it as a csv file in UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path} cannot be read as UTF-8: line {line} has the byte {content[error.start]:#x}, "
            "as text in latin-1 or Windows-1252 has for a letter like é; save it as UTF-8"
        ) from error


def _table(path: Path, content: str) -> _Table:
    """The table in a file's content; refused if there is none."""
    lines, separators = content.splitlines(keepends=True), list(_SEPARATORS)
    if lines and (hint := _SEPARATOR_HINT.fullmatch(lines[0].rstrip("\r\n"))):
        separators = [hint[1]]
    before = 0  # lines passed over
    while before < len(lines) and _NO_NAMES.match(lines[before]):
        before += 1
    content = "".join(lines[before:])
    parted = [s for s in separators if len(next(_reader(content, s, strict=False), "")) > 1]
    several = [_parse(path, content, before, separator) for separator in parted]
    several = several or [_split_at_spaces(_parse(path, content, before, separators[0]))]
    fitting = [t for t in several if all(len(row) == len(t.names) for row in t.rows)]
    if len(several) > 1 and len(fitting) != 1:
        shown = " and ".join(repr(table.separator) for table in several)
        raise DataError(
            f"{path} may be separated by {shown}; separate values by one of them and put quotes "
            "around names and values that hold the other"
        )
    table = (fitting or several)[0]
    header = table.names
    if not any(header) or any(map(_NUMBER.fullmatch, header)):
        shown = f", not of {', '.join(header[:4])}" if any(header) else ""
        raise DataError(f"{path} has to begin with a line of different column names{shown}")
    if not table.rows:
        raise DataError(f"{path} has the columns {', '.join(header[:4])} and no line of values")
    for line, row in zip(table.lines, table.rows, strict=True):
        if len(row) != len(header):
            raise DataError(
                f"{path}: line {line} has {len(row)} values for the {len(header)} columns "
                f"{', '.join(header)}; give each column one"
            )
    return _drop_unnamed(table)


def _reader(content: str, separator: str, *, strict: bool) -> Any:
    lines = io.StringIO(content, newline="")
    return csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=strict)


def _parse(path: Path, content: str, before: int, separator: str) -> _Table:
    """The table that a separator gives, without empty lines, of what follows ``before`` lines."""
    reader = _reader(content, separator, strict=True)
    found = []
    try:
        for row in reader:
            values = [value.strip() for value in row]
            if any(values) or len(values) == 1:
                found.append((before + reader.line_num, values))
    except csv.Error as error:
        raise DataError(
            f"{path} cannot be read from line {before + reader.line_num} on: {error}; check the "
            "quotes there"
        ) from error
    header, found = (found[0][1], found[1:]) if found else ([], [])
    behind = len(header) - 1
    if behind > 0 and not header[-1] and all(row[behind:] in ([], [""]) for _, row in found):
        header = header[:-1]
    if len(header) > 1:
        found = [(line, row) for line, row in found if row != [""]]  # a line of spaces
    rows = [row[:-1] if len(row) == len(header) + 1 and not row[-1] else row for _, row in found]
    return _Table(path, header, rows, [line for line, _ in found], separator)


def _split_at_spaces(table: _Table) -> _Table:
    """A table that seems to have one column, or one of numbers that spaces separate."""
    path, title = table.path, "".join(table.names)
    names = title.split()
    rows = [" ".join(row).split() for row in table.rows]
    if len(names) > 1 and rows and all(len(row) == len(names) for row in rows):
        if all(_NUMBER.fullmatch(value) for row in rows for value in row):
            return _Table(path, names, rows, table.lines, " ")
        raise DataError(f"{path} seems to be separated by spaces; separate values by commas")
    is_parted = bool(rows) and all(re.search(r"[;\t|]", "".join(row)) for row in table.rows)
    if is_parted or re.search(r"[:^~¦/\\]", title):
        raise DataError(
            f"{path} has one column {title!r}; separate names and values by commas, semicolons, "
            "tabs or bars"
        )
    return table


def _drop_unnamed(table: _Table) -> _Table:
    """The table without columns that have neither name nor values, and without an index."""
    path, kept = table.path, []
    for position, name in enumerate(table.names):
        if not _UNNAMED.fullmatch(name):
            kept.append(position)
            continue
        values = {row[position] for row in table.rows}
        if values <= {""}:
            continue
        if position or len(values) < len(table.rows):
            raise DataError(
                f"{path}: column {position + 1} has no name; give every column a name, or take it "
                "out"
            )
        told = "its first column has no name and another value in every row, as an index has"
        log.warning("%s: %s; it is left out", path, told)
    names = [table.names[position] for position in kept]
    name, count = Counter(names).most_common(1)[0] if names else ("", 0)
    if count != 1:
        raise DataError(
            f"{path} has {count} columns {name!r}; it has to begin with a line of different column "
            "names"
        )
    rows = [[row[position] for position in kept] for row in table.rows]
    return _Table(path, names, rows, table.lines, table.separator)


def _parse_column(table: _Table, name: str, column: list[str]) -> np.ndarray:
    """A column as int64, float64 or text; refused if a number cannot be read for sure."""
    values = set(column)
    if all(map(_INTEGER.fullmatch, values)):
        try:
            return np.array(column, dtype=np.int64)
        except (OverflowError, ValueError):
            numbers = np.array(column, dtype=np.float64)
            if len(np.unique(numbers)) < len(set(map(int, column))):
                raise DataError(
                    f"{table.path}: column {name!r} has whole numbers of more than 64 bits that "
                    "differ beyond the 16 digits which are kept; write them as categories with a "
                    "letter"
                ) from None
            return numbers
    odd = {value for value in values if not _NUMBER.fullmatch(value)}
    may_have_commas = table.separator != "," and not any("." in value for value in values)
    if odd and may_have_commas and all(map(_DECIMAL_COMMA.fullmatch, odd)):
        log.info("%s: %r has decimal commas", table.path, name)
        column, odd = [value.replace(",", ".") for value in column], set()
    if not odd:
        return np.array(column, dtype=np.float64)
    rows = [row for row, value in enumerate(column) if value in odd]
    for row in rows:
        if _LIKE_A_NUMBER.fullmatch(column[row]):
            raise DataError(
                f"{table.path}: column {name!r} is {column[row]!r} in line {table.lines[row]}, "
                "which may be several numbers; write it as 1234.5, or a category with a letter"
            )
    if 10 * len(rows) <= len(column):
        first = f"{column[rows[0]]!r} in line {table.lines[rows[0]]}"
        told = "%s: column %r has numbers and %s that are none, as %s; all become text"
        log.warning(told, table.path, name, len(rows), first)
    return np.array(column)
