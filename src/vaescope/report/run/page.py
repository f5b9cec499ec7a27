"""``report.html``: what one run has come to, in one file that needs no network."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from vaescope.files import write_text
from vaescope.report.html.render import png_uri, rendered
from vaescope.report.run.cards import cards_of, numbers_by_name
from vaescope.report.run.latent_meanings import factors_found
from vaescope.report.run.latent_pages import heat_maps, live_decoder
from vaescope.report.run.repeating import commands
from vaescope.report.run.score_tables import panel_lines, score_lines
from vaescope.report.run.series import Series, read_series
from vaescope.report.run.training_curves import curves
from vaescope.run_folder.contents import CONFIG, REPORT
from vaescope.run_folder.environment_file import read_environments
from vaescope.run_folder.latents_file import read_latents
from vaescope.run_folder.runs import read_run_settings
from vaescope.run_folder.scores import fingerprint, read_scores
from vaescope.run_folder.training_factors import varying_factors
from vaescope.scores import chief_keys

_FIGURES = ("traversals", "reconstructions")
_POSTERIORS = {
    "DiagonalGaussian": "diagonal Gaussian",
    "FullGaussian": "full Gaussian",
    "DiagonalLaplace": "Laplace",
    "Box": "box",
}


def write_report(folder: Path) -> Path:
    """Write ``report.html`` from what a run has left in its folder.

    Args:
        folder: run directory with ``scores.json``, ``config.yaml`` and ``environment.json``;
            ``metrics.csv`` and the figures are shown if they are there.
    """
    mark, scores = fingerprint(folder), read_scores(folder)
    rows, series = scores.rows, read_series(folder)
    settings, sessions = read_run_settings(folder), read_environments(folder)
    published = settings.get("published")
    published = published if isinstance(published, Mapping) else {}
    latents, several = read_latents(folder), len(rows) > 1
    content = {
        "title": folder.name,
        "mark": mark,
        "row": rows[0],
        "rows": rows,
        "chief": chief_keys(rows),
        "about": scores.about,
        "sentence": _sentence(rows, settings),
        "summary": " ".join([_summary(rows), factors_found(latents) if latents else ""]).strip(),
        "latents": heat_maps(latents, several),
        "live": live_decoder(folder, latents),
        "cards": _cards(folder, rows, settings, series),
        "published": published,
        "scores": score_lines(rows, published),
        "panel": panel_lines(rows),
        "curves": curves(series),
        "figures": [
            (name, png_uri(path.read_bytes()) if path.is_file() else None)
            for name in _FIGURES
            for path in [folder / f"{name}.png"]
        ],
        "commands": commands(folder, sessions[0]["command"], settings, rows[0]["step"]),
        "config": (folder / CONFIG).read_text(encoding="utf-8"),
        "environment": sessions[-1],
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


def _cards(
    folder: Path,
    rows: Sequence[Mapping[str, Any]],
    settings: Mapping[str, Any],
    series: Mapping[str, Series],
) -> list[Any]:
    first = series.get("val/reconstruction")
    untrained = first.values[0] if first and first.steps[0] == 0 else None
    return cards_of(rows, untrained, _num_latents(settings), varying_factors(folder))


def _num_latents(settings: Mapping[str, Any]) -> int | None:
    number = settings.get("latent_dim")
    return number if isinstance(number, int) else None


def _sentence(rows: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> str:
    """What was trained, on what, for how long."""
    row = rows[0]
    seeds = ", ".join(str(row["seed"]) for row in rows)
    latents = _num_latents(settings)
    of_latents = f" of {latents} latents" if latents else ""
    posterior = _POSTERIORS.get(row["posterior"], row["posterior"])
    noise = "codes without noise" if posterior == "Point" else f"{posterior} posterior"
    return (
        f"{row['model']}{of_latents} with the network {row['network']}, {noise} and "
        f"{row['likelihood']} likelihood, after {row['step']:,} updates on {row['data']}, "
        f"seed{'s' if len(rows) > 1 else ''} {seeds}."
    )


def _summary(rows: Sequence[Mapping[str, Any]]) -> str:
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
