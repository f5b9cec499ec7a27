"""An audit as a page, Markdown, CSV and JSON, and on the terminal."""

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from markupsafe import Markup

from vaescope.audit.codes import CHANGES, FEW_ROWS, FEW_ROWS_UNIT, NEW_NAMES, SHUFFLES
from vaescope.audit.findings import MOVED, SEEN, Audit, Audited, Curve, agreement_of
from vaescope.audit.measuring import Measurement
from vaescope.audit.sentences import defaults, of_defaults
from vaescope.files import replacing, write_json, write_text
from vaescope.report.html.charts import Axis, Line, line_chart
from vaescope.report.html.render import rendered
from vaescope.report.html.tables import markdown_table
from vaescope.report.terminal import print_table
from vaescope.run_folder.environment_file import environment
from vaescope.scores import PANEL_SCORES

_ALL = (*(change.name for change in CHANGES), FEW_ROWS)
_UNITS = {**{change.name: change.unit for change in CHANGES}, FEW_ROWS: FEW_ROWS_UNIT}
_WIDTH, _HEIGHT = 56, 16  # of a small curve, pixels
_COLOURS = 8  # of charts; further lines are dotted
_SHOWN_LOSS = 1.2  # losses beyond it are drawn at the edge


def write_audit(
    folder: Path, found: Audit, measured: Sequence[Measurement], plain: Mapping[str, Any]
) -> Path:
    """Write all files, each whole or not at all, and print what is said of the defaults.

    Args:
        folder: where they go.
        found: the audit.
        measured: what it is made of.
        plain: resolved configuration.

    Returns:
        Path of the page.
    """
    made = environment(plain["threads"] or 0)
    settings = {key: plain[key] for key in ("sizes", "rows", "scores", "seed")}
    said = of_defaults(found)
    left_out = sorted({sentence for each in measured for sentence in each.left_out})
    content = {
        "settings": settings,
        "num_rows": measured[0].num_rows,
        "num_codes": len(measured),
        "num_compared": found.num_codes,
        "shuffles": SHUFFLES,
        "seen": SEEN,
        "moved": MOVED,
        "seconds": sum(seconds for seconds in _of_families(measured)),
        "said": said,
        "left_out": left_out,
        "environment": made,
    }
    write_json(folder / "audit.json", {**content, **_as_json(found, measured)})
    _write_csv(folder / "audit.csv", measured)
    tables = {
        "seen": _seen_table(found),
        "moved": _moved_table(found),
        "agreement": _agreement_table(found),
    }
    in_markdown = {k: Markup("\n".join(markdown_table(*table))) for k, table in tables.items()}
    text = rendered("audit.md", {**content, "units": _UNITS, "tables": in_markdown})
    write_text(folder / "audit.md", text + "\n")
    page = {**content, "units": _UNITS, "tables": tables, **_drawings(found)}
    write_text(folder / "audit.html", rendered("audit.html", page))
    columns, rows = tables["seen"]
    shown = {each.name for each in defaults(found)} or {each.name for each in found.scores}
    title = "loss at the largest amount of each change, as a share of the score's range"
    print_table(columns, [row for row in rows if row[0] in shown], title, said)
    return folder / "audit.html"


def _of_families(measured: Sequence[Measurement]) -> Iterator[float]:
    """Processor seconds of every computation, each once although several scores come from it."""
    for each in measured:
        own = {}
        for name, seconds in each.seconds.items():
            record = PANEL_SCORES.get(name)
            own[record.family.name if record and record.family else name] = seconds
        yield sum(own.values())


def _as_json(found: Audit, measured: Sequence[Measurement]) -> dict[str, Any]:
    kendall, spearman = (
        [
            {"one": one, "other": other, "value": _rounded(tau)}
            for (one, other), tau in pairs.items()
        ]
        for pairs in (found.kendall, found.spearman)
    )
    scores = [_rounded(asdict(each) | {"sees": each.sees}) for each in found.scores]
    codes = [_rounded(asdict(each)) for each in measured]
    return {"scores": scores, "kendall": kendall, "spearman": spearman, "codes": codes}


def _rounded(value: Any) -> Any:
    """Numbers to six digits; infinite ones as text, which JSON has no number for."""
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {key: _rounded(inner) for key, inner in value.items()}
    return [_rounded(inner) for inner in value] if isinstance(value, list | tuple) else value


def _write_csv(path: Path, measured: Sequence[Measurement]) -> None:
    """A line for each score and code."""
    with replacing(path) as new, new.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("score", "code", "change", "amount", "rows", "value", "seconds"))
        for each in measured:
            about = each.name, each.change, f"{each.amount:g}", each.num_rows
            for name, value in each.scores.items():
                seconds = f"{each.seconds[name]:.4f}"
                writer.writerow((name, *about, f"{value:.6g}", seconds))


Table = tuple[Sequence[str], list[list[str]]]


def _seen_table(found: Audit) -> Table:
    columns = ("score", "perfect", "chance", *_ALL, "s")
    rows = []
    for each in found.scores:
        chance = "" if each.chance is None else f"{each.chance:.3g}"
        losses = [_loss(each.curves.get(change)) for change in _ALL]
        rows.append([each.name, f"{each.perfect:.3g}", chance, *losses, f"{each.seconds:.2f}"])
    return columns, rows


def _loss(curve: Curve | None) -> str:
    """Loss at the largest amount; a tilde where the curve turns on its way."""
    if curve is None:
        return ""
    return f"{round(curve.last, 2) + 0.0:.2f}{' ~' if curve.verdict == 'falls and rises' else ''}"


def _moved_table(found: Audit) -> Table:
    rows = [
        [each.name, *(f"{each.moved[new]:.3f}" if new in each.moved else "" for new in NEW_NAMES)]
        for each in found.scores
        if any(change >= MOVED for change in each.moved.values())
    ]
    return ("score", *NEW_NAMES), rows


def _agreement_table(found: Audit) -> Table:
    names = [each.name for each in defaults(found)]
    rows = [[one, *(_tau(agreement_of(found, one, other)) for other in names)] for one in names]
    return ("Kendall's tau", *names), rows


def _tau(value: float | None) -> str:
    return "" if value is None else f"{round(value, 2) + 0.0:.2f}"


def _drawings(found: Audit) -> dict[str, Any]:
    """What the page shows beside the tables: small curves, heat maps, curves of the defaults."""
    rows = [
        {
            "name": each.name,
            "meaning": _meaning(each.name),
            "good": each.good,
            "perfect": f"{each.perfect:.3g}",
            "chance": "" if each.chance is None else f"{each.chance:.3g}",
            "seconds": f"{each.seconds:.2f}",
            "fields": [_field(each.curves.get(change)) for change in _ALL],
        }
        for each in found.scores
    ]
    names = [each.name for each in found.scores]
    heat = [
        {"name": one, "fields": [_agreement_field(found, one, other) for other in names]}
        for one in names
    ]
    chosen = defaults(found)
    return {"rows": rows, "columns": _ALL, "heat": heat, "names": names, "charts": _charts(chosen)}


def _meaning(name: str) -> str:
    record = PANEL_SCORES.get(name)
    return record.meaning if record else ""


def _field(curve: Curve | None) -> dict[str, Any] | None:
    if curve is None:
        return None
    pairs = zip(curve.amounts, curve.values, strict=True)
    told = f"{curve.verdict}: " + ", ".join(f"{a:g}: {v:.3g}" for a, v in pairs)
    strength = min(abs(curve.last), 1.0)
    return {
        "text": _loss(curve),
        "told": told,
        "strength": f"{strength:.3f}",
        "is_strong": strength > 0.55,
        "curve": _small_curve(curve),
    }


def _small_curve(curve: Curve) -> Markup:
    """The losses from left to right; the top is the unchanged code, the foot the whole range."""
    steps = len(curve.losses) - 1
    points = []
    for number, loss in enumerate(curve.losses):
        depth = min(max(loss, -0.2), _SHOWN_LOSS) + 0.2
        x = 1 + (_WIDTH - 2) * number / steps
        points.append(f"{x:.1f} {1 + (_HEIGHT - 2) * depth / (_SHOWN_LOSS + 0.2):.1f}")
    return Markup(
        '<svg width="{}" height="{}" viewBox="0 0 {} {}" aria-hidden="true"><path d="M{}" '
        'fill="none" stroke="currentColor" stroke-width="1.5"/></svg>'
    ).format(_WIDTH, _HEIGHT, _WIDTH, _HEIGHT, Markup("L".join(points)))


def _agreement_field(found: Audit, one: str, other: str) -> dict[str, Any]:
    tau = agreement_of(found, one, other)
    strength = min(abs(tau or 0.0), 1.0)
    return {
        "text": _tau(tau),
        "told": f"{one}, {other}: {_tau(tau) or 'one of them is the same for all codes'}",
        "strength": f"{strength:.3f}",
        "is_strong": strength > 0.55,
    }


def _charts(chosen: Sequence[Audited]) -> dict[str, Markup]:
    """For each change the default scores as shares of the way from chance to the perfect code."""
    charts = {}
    for change in _ALL:
        lines = []
        for number, each in enumerate(_first_of_families(chosen)):
            curve = each.curves.get(change)
            if curve is None or each.chance is None or each.perfect == each.chance:
                continue
            way = each.perfect - each.chance
            values = [(value - each.chance) / way for value in curve.values]
            line = Line(
                each.name,
                curve.amounts,
                values,
                colour=number,
                style="dotted" if number >= _COLOURS else "solid",
            )
            lines.append(line)
        if lines:
            levels = ((1.0, "perfect"), (0.0, "shuffled"))
            axis = Axis("share of the way from shuffled to perfect", levels=levels, steps=change)
            charts[change] = line_chart(lines, axis)
    return charts


def _first_of_families(chosen: Sequence[Audited]) -> Iterator[Audited]:
    """One score of each computation, so that a chart has room for all."""
    seen: set[str] = set()
    for each in chosen:
        record = PANEL_SCORES.get(each.name)
        family = record.family.name if record and record.family else each.name
        if family == "information" or family not in seen:
            seen.add(family)
            yield each
