"""``report.html``: one run's curves, figures and scores in one file that needs no network."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from vaescope.files import write_text
from vaescope.report.html.render import inline_svg, png_uri, rendered
from vaescope.report.run.training_curves import Series, curves
from vaescope.report.terminal import shown_mean
from vaescope.run_folder.contents import CONFIG, REPORT
from vaescope.run_folder.environment_file import read_environment
from vaescope.run_folder.metrics import read_metrics
from vaescope.run_folder.scores import fingerprint, read_scores
from vaescope.scores import CONTEXT, LOGGED, PANEL_SCORES, chief_keys, name_of, sort_keys


def write_report(folder: Path) -> Path:
    """Write ``report.html`` from what a run has left in its folder.

    Args:
        folder: run directory with ``scores.json``, ``config.yaml`` and ``environment.json``;
            ``metrics.csv`` and the figures are shown if they are there.
    """
    mark, scores = fingerprint(folder), read_scores(folder)
    rows, series = scores.rows, read_series(folder)
    content = {
        "title": folder.name,
        "mark": mark,
        "row": rows[0],
        "rows": rows,
        "seeds": ", ".join(str(row["seed"]) for row in rows),
        "chief": chief_keys(rows),
        "about": scores.about,
        "summary": _summary(rows),
        "scores": _score_lines(rows),
        "panel": panel_lines(rows),
        "curves": [(title, note, inline_svg(figure)) for title, note, figure in curves(series)],
        "figures": [
            (name, png_uri(path.read_bytes()) if path.is_file() else None)
            for name in ("traversals", "reconstructions")
            for path in [folder / f"{name}.png"]
        ],
        "config": (folder / CONFIG).read_text(encoding="utf-8"),
        "environment": read_environment(folder),
    }
    path = folder / REPORT
    write_text(path, rendered("report.html", content))
    return path


def is_reported(folder: Path) -> bool:
    """Whether ``report.html`` shows the very scores in ``scores.json``."""
    path = folder / REPORT
    if not path.is_file():
        return False
    with path.open(encoding="utf-8") as file:
        return fingerprint(folder) in file.read(4096)


def read_series(folder: Path) -> dict[str, Series]:
    """Every logged key over the steps, by ``metrics.csv``; none without the file."""
    numbers: dict[str, dict[int, list[float]]] = {}
    for (step, _), row in read_metrics(folder).items():
        for key, value in row.items():
            numbers.setdefault(key, {}).setdefault(step, []).append(value)
    return {key: Series.over_members(steps) for key, steps in numbers.items()}


def _score_lines(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str, str]]:
    """Key, value, chance level and meaning of every score of losses and statistics."""
    keys = sort_keys(list(dict.fromkeys(key for row in rows for key in row)))
    values = [(shown_mean(rows, key), shown_mean(rows, f"{key}_chance", 3)) for key in keys]
    return [(k, *v, LOGGED[name_of(k)].meaning) for k, v in zip(keys, values, strict=True)]


def panel_lines(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """One line of a table for every score of the panel in ``scores.json``'s rows."""
    lines = []
    for key in dict.fromkeys(key for row in rows for key in row):
        if record := PANEL_SCORES.get(name_of(key)):
            line = {end: shown_mean(rows, f"{key}_{end}", 3) for end in CONTEXT}
            line["interval"] = f"{line['low']} to {line['high']}" if line["low"] else ""
            line |= {"key": key, "value": shown_mean(rows, key), "measures": record.meaning}
            line |= {"range": record.range_and_good_end, "moved_by": record.moved_by}
            lines.append(line)
    return lines


def _summary(rows: Sequence[Mapping[str, Any]]) -> str:
    """The run in one sentence, as far as its statistics go; of several members, their means."""
    scores = {}
    for key in dict.fromkeys(key for row in rows for key in row):
        values = [row[key] for row in rows if key in row]
        if all(isinstance(value, int | float) for value in values):
            scores[name_of(key)] = fmean(values)
    parts = [f"Means over {len(rows)} seeds:"] if len(rows) > 1 else []
    if scores.keys() >= {"active_latents", "dto_active", "dto_active_ratio"}:
        parts.append(
            f"On its {scores['active_latents']:.3g} active latents the decoder's Jacobian is "
            f"{scores['dto_active']:.2f} from orthogonal columns, "
            f"{scores['dto_active_ratio']:.2f} of what a random rotation has."
        )
    if scores.keys() >= {"mig", "mig_chance", "mig_ceiling"}:
        parts.append(
            f"The MIG is {scores['mig']:.2f} (shuffled factors: {scores['mig_chance']:.4f}, "
            f"a perfect code: {scores['mig_ceiling']:.2f})."
        )
    return " ".join(parts)
