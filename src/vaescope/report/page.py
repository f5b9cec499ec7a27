"""``report.html``: one run's curves, pictures and scores in one file that needs no network."""

import base64
import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape
from matplotlib.figure import Figure

from vaescope.files import replacing
from vaescope.report.curves import Series, curves
from vaescope.report.glossary import GLOSSARY, in_order, name_of


def write_report(folder: Path) -> Path:
    """Write ``report.html`` from what a run has left in its folder.

    Args:
        folder: run directory with ``scores.json``, ``config.yaml`` and ``environment.json``;
            ``metrics.csv`` and the pictures are shown if they are there.

    Returns:
        Path of the page.
    """
    scores = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    series = read_series(folder / "metrics.csv")
    content = {
        "title": folder.name,
        "row": scores["rows"][0],
        "about": scores["about"],
        "summary": _summary(scores["rows"][0]),
        "scores": _score_lines(scores["rows"][0]),
        "curves": [(title, note, _svg(figure)) for title, note, figure in curves(series)],
        "pictures": [
            (name, _png(folder / f"{name}.png")) for name in ("traversals", "reconstructions")
        ],
        "config": (folder / "config.yaml").read_text(encoding="utf-8"),
        "environment": json.loads((folder / "environment.json").read_text(encoding="utf-8"))[-1],
    }
    pages = Environment(
        loader=PackageLoader("vaescope.report"), autoescape=select_autoescape(), trim_blocks=True
    )
    path = folder / "report.html"
    with replacing(path) as temporary:
        temporary.write_text(pages.get_template("report.html").render(**content), encoding="utf-8")
    return path


def read_series(path: Path) -> dict[str, Series]:
    """Every logged key's ``(steps, values)`` from ``metrics.csv``; none without the file."""
    series: dict[str, Series] = {}
    if path.is_file():
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                for key, value in row.items():
                    if key != "step" and value:
                        steps, values = series.setdefault(key, ([], []))
                        steps.append(int(row["step"]))
                        values.append(float(value))
    return series


def _score_lines(row: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Key, value, chance level and meaning of every score that the glossary explains."""
    lines = []
    for key in in_order(list(row)):
        chance = row.get(f"{key}_chance")
        shown = "" if chance is None else f"{chance:.3g}"
        lines.append((key, f"{row[key]:.4g}", shown, GLOSSARY[name_of(key)]))
    return lines


def _summary(row: Mapping[str, Any]) -> str:
    """The run in one sentence, as far as its statistics go."""
    parts, scores = [], {name_of(key): value for key, value in row.items()}
    if "dto_active" in scores:
        parts.append(
            f"On its {scores['active_latents']:.0f} active latents the decoder's Jacobian is "
            f"{scores['dto_active']:.2f} from orthogonal columns, "
            f"{scores['dto_active_ratio']:.2f} of what a random rotation has."
        )
    if "mig" in scores:
        parts.append(
            f"The MIG is {scores['mig']:.2f} (shuffled factors: {scores['mig_chance']:.4f}, "
            f"a perfect code: {scores['mig_ceiling']:.2f})."
        )
    return " ".join(parts)


def _svg(figure: Figure) -> str:
    """Inline SVG, without its XML header."""
    text = io.StringIO()
    figure.savefig(text, format="svg")
    svg = text.getvalue()
    return svg[svg.index("<svg") :]


def _png(path: Path) -> str | None:
    if not path.is_file():
        return None
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode("ascii")
