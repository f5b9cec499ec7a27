"""A diagnosis as ``diagnosis.json``, ``diagnosis.html`` and tables on the terminal."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vaescope.data.dataset import FactorDataset
from vaescope.data.surroundings import surroundings_of
from vaescope.diagnosis import figures, summary
from vaescope.diagnosis.dataset_diagnosis import Diagnosis
from vaescope.diagnosis.image_components import Spectra
from vaescope.files import write_json, write_text
from vaescope.report.html.render import rendered
from vaescope.report.terminal import print_table
from vaescope.run_folder.environment_file import environment


def write_diagnosis(
    folder: Path,
    dataset: FactorDataset,
    found: Diagnosis | Spectra,
    plain: Mapping[str, Any],
    config: str,
    seconds: float,
) -> Path:
    """Write the page and the numbers, once both are whole, and print the chief table.

    Args:
        folder: where they go.
        dataset: what was diagnosed.
        found: a `Diagnosis`, or the `Spectra` of a set without factors.
        plain: resolved configuration.
        config: the same as text.
        seconds: that it took.

    Returns:
        Path of the page.
    """
    numbers = {
        "title": dataset.title,
        "source": dataset.source,
        "num_images": len(dataset),
        "settings": {key: plain[key] for key in ("data", "likelihood", "seed")},
        "diagnosis": found.as_json() if isinstance(found, Diagnosis) else None,
        "spectra": found.as_json() if isinstance(found, Spectra) else None,
        "seconds": round(seconds, 1),
        "environment": environment(plain["threads"] or 0),
    }
    if isinstance(found, Diagnosis):
        said, table = summary.sentences(found), summary.factor_table(found)
        content = _of_factors(dataset, found, plain["seed"])
    else:
        said = summary.spectrum_sentences(found, plain["beta"])
        table = summary.spectrum_table(found)
        content = {"spectrum": figures.spectrum(found)}
    content |= {"has_factors": isinstance(found, Diagnosis), "config": config}
    content |= {"components": _components(dataset, found), "said": said, "table": table}
    path = folder / "diagnosis.html"
    page = rendered("diagnosis.html", numbers | content)
    write_json(folder / "diagnosis.json", numbers)
    write_text(path, page)
    print_table(*table, f"{dataset.title}: {dataset.source}", said)
    if isinstance(found, Diagnosis):
        print_table(*summary.width_table(found, found.scales), "by the posterior's width", [])
    return path


def _components(dataset: FactorDataset, found: Diagnosis | Spectra) -> str | None:
    """The first principal components as images; None of vectors, or if there are none."""
    axes = found.components.axes
    are_images = len(dataset.image_shape) == 3 and len(axes)
    return figures.component_images(axes) if are_images else None


def _of_factors(dataset: FactorDataset, found: Diagnosis, seed: int) -> dict[str, Any]:
    """What the page shows of a set with factors."""
    content: dict[str, Any] = {
        "curves": figures.curves(found),
        "widths": {
            "the likelihood's": summary.width_table(found, found.scales),
            "a squared error's": summary.width_table(found, found.pixels),
        },
        "component_table": summary.component_table(found),
        "factors": found.factors,
        "at": found.prediction,
        "overlap": found.overlap,
        "factors_in_components": found.components.factors_in_components,
        "axis_chance": found.axis_chance,
        "sheets": [],
    }
    if len(dataset.image_shape) == 3:
        columns = dataset.factors.positions_of(found.factors)
        surroundings = surroundings_of(dataset, columns)
        shown = {found.scales[0].scale: found.scales[0], found.predicted_at: found.prediction}
        content["sheets"] = [
            (scale, *figures.direction_images(dataset, surroundings, scale, at.rotation, seed=seed))
            for scale, at in shown.items()
        ]
    return content
