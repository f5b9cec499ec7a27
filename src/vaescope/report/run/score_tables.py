"""Lines of the tables of scores: every number that a run or an evaluation has left."""

from collections.abc import Mapping, Sequence
from typing import Any

from vaescope.report.terminal import OF_YOUR_OWN, shown_mean, shown_published
from vaescope.scores import CONTEXT, LOGGED, PANEL_SCORES, name_of, record_of, table_keys

Rows = Sequence[Mapping[str, Any]]
Line = dict[str, str]


def score_lines(rows: Rows, published: Mapping[str, Any]) -> list[Line]:
    """Losses, statistics and whatever has no interval: value, published value, chance, ceiling."""
    lines = []
    for key in (key for key in table_keys(rows) if not _is_panels(rows, key)):
        record = record_of(key)
        line = {"key": key, "value": shown_mean(rows, key)}
        line |= {end: shown_mean(rows, f"{key}_{end}", 3) for end in ("chance", "ceiling")}
        line["published"] = shown_published(published.get(key))
        lines.append(line | {"meaning": record.meaning if record else OF_YOUR_OWN})
    return lines


def panel_lines(rows: Rows) -> list[Line]:
    """Scores of the panel and the user's own with all that they are read against."""
    lines = []
    for key in (key for key in table_keys(rows) if _is_panels(rows, key)):
        record = PANEL_SCORES.get(name_of(key))
        line = {"key": key, "value": shown_mean(rows, key)}
        line |= {end: shown_mean(rows, f"{key}_{end}", 3) for end in CONTEXT}
        line["interval"] = f"{line['low']} to {line['high']}" if line["low"] else ""
        line["measures"] = record.meaning if record else OF_YOUR_OWN
        line["range"] = record.range_and_good_end if record else ""
        lines.append(line | {"moved_by": record.moved_by if record else ""})
    return lines


def _is_panels(rows: Rows, key: str) -> bool:
    """Whether the panel has measured it, also where the package of the user's is not loaded."""
    has_interval = any(f"{key}_low" in row for row in rows)
    return has_interval or (name_of(key) in PANEL_SCORES and name_of(key) not in LOGGED)
