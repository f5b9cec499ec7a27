"""``report.html``: what one run has come to, in one file that needs no network."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from vaescope.files import write_text
from vaescope.report.html.render import png_uri, rendered
from vaescope.report.run.cards import Card, cards_of, numbers_by_name
from vaescope.report.run.latent_meanings import factors_found
from vaescope.report.run.latent_pages import heat_maps, live_decoder, picture_strips
from vaescope.report.run.origin import Origin
from vaescope.report.run.score_tables import score_groups, scores_note
from vaescope.report.run.series import Series, read_series
from vaescope.report.run.training_curves import curves
from vaescope.run_folder.contents import REPORT
from vaescope.run_folder.latents_file import Latents, read_latents
from vaescope.run_folder.pictures_file import read_pictures
from vaescope.run_folder.scores import fingerprint, read_scores
from vaescope.run_folder.training_factors import varying_factors
from vaescope.scores import chief_keys, heading, over_pruned_share, over_pruning_note

Rows = Sequence[Mapping[str, Any]]

_FIGURES = ("traversals", "reconstructions")
_POSTERIORS = {
    "DiagonalGaussian": "diagonal Gaussian",
    "FullGaussian": "full Gaussian",
    "DiagonalLaplace": "Laplace",
    "Box": "box",
}


def write_report(folder: Path, origin: Origin | None = None) -> Path:
    """Write ``report.html`` from what a run or an evaluation has left in its folder.

    Args:
        folder: with ``scores.json``; ``metrics.csv``, the figures, ``latents.json``,
            ``pictures.json`` and ``decoder.json`` are shown if they are there.
        origin: where the numbers come from; None: as the folder of a run says.
    """
    mark, scores = fingerprint(folder), read_scores(folder)
    rows, series, latents = scores.rows, read_series(folder), read_latents(folder)
    pictures = read_pictures(folder)
    origin = origin or Origin.of_run(folder, rows[0]["step"])
    chief, further = score_groups(rows, origin.published)
    content = {
        "title": folder.name,
        "mark": mark,
        "heading": _heading(rows[0], scores.about),
        "row": rows[0],
        "rows": rows,
        "columns": [(heading(key), key) for key in chief_keys(rows)],
        "about": scores.about,
        "sentence": _sentence(rows, scores.about, origin),
        "summary": " ".join(filter(None, [_summary(rows), factors_found(latents)])),
        "over_pruning": over_pruning_note(rows),
        "over_pruned": [over_pruned_share([row]) for row in rows],
        "latents": heat_maps(latents, several=len(rows) > 1),
        "pictures": picture_strips(pictures, latents, several=len(rows) > 1),
        "live": live_decoder(folder, latents, [row["seed"] for row in rows if "seed" in row]),
        "cards": _cards(folder, rows, origin.num_latents, series, latents),
        "published": origin.published,
        "scores_note": scores_note(rows),
        "scores": chief,
        "further": further,
        "number_of_further": sum(len(group.lines) for group in further),
        "curves": curves(series),
        "figures": [] if pictures else _figures(folder),
        "commands": origin.commands,
        "config": origin.config,
        "environment": origin.environment,
    }
    path = folder / REPORT
    write_text(path, rendered("report.html", content))
    return path


def _figures(folder: Path) -> list[tuple[str, str]]:
    """Those of vectors, and of runs of an earlier version."""
    files = {name: folder / f"{name}.png" for name in _FIGURES}
    return [(name, png_uri(path.read_bytes())) for name, path in files.items() if path.is_file()]


def is_reported(folder: Path) -> bool:
    """Whether ``report.html`` shows the very scores in ``scores.json``."""
    path = folder / REPORT
    if not path.is_file():
        return False
    with path.open(encoding="utf-8") as file:
        return fingerprint(folder) in file.read(4096)


def _cards(
    folder: Path,
    rows: Rows,
    num_latents: int | None,
    series: Mapping[str, Series],
    latents: Latents | None,
) -> list[Card]:
    first = series.get("val/reconstruction")
    untrained = first.values[0] if first and first.steps[0] == 0 else None
    varying: Sequence[str] = varying_factors(folder)
    if not varying and latents:
        varying = [n for n, varies in zip(latents.factors, latents.varying, strict=True) if varies]
    return cards_of(rows, untrained, num_latents, varying)


def _heading(row: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    if "model" in row:
        return f"{row['model']} on {row['data']}"
    return f"Codes of {Path(str(about.get('codes', 'a file'))).name}"


def _sentence(rows: Rows, about: Mapping[str, Any], origin: Origin) -> str:
    """What was trained, on what, for how long; of codes, where they lie."""
    row = rows[0]
    if "model" not in row:
        return f"{row['num_samples']:,} of {about.get('rows', 0):,} codes in {about.get('codes')}."
    seeds = ", ".join(str(row["seed"]) for row in rows)
    latents, decay = origin.num_latents, origin.ema_decay
    of_latents = f" of {latents} latents" if latents else ""
    posterior = _POSTERIORS.get(row["posterior"], row["posterior"])
    noise = "codes without noise" if posterior == "Point" else f"{posterior} posterior"
    return (
        f"{row['model']}{of_latents} with the network {row['network']}, {noise} and "
        f"{row['likelihood']} likelihood, after {row['step']:,} updates on {row['data']}, "
        f"seed{'s' if len(rows) > 1 else ''} {seeds}."
        + (f" Its weights are averages over the updates, with decay {decay:g}." if decay else "")
    )


def _summary(rows: Rows) -> str:
    """The run in one sentence, as far as its statistics go; of several members, their means."""
    scores = {name: fmean(values) for name, values in numbers_by_name(rows).items()}
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
