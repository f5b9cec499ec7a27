"""``data.html``: what a data set looks like and how its factors act on pixels, in one file."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from markupsafe import Markup

from vaescope.data.datamodule import FactorDataModule
from vaescope.files import write_json, write_text
from vaescope.report.data import figures
from vaescope.report.data.descriptions import attribute_shares, dependence, facts, label_counts
from vaescope.report.data.factor_traversals import (
    Traversal,
    nuisance_traversal,
    traverse_factors,
    tuples,
)
from vaescope.report.data.lookup import Lookup, chosen_rows
from vaescope.report.data.numbers import (
    NUISANCE,
    FactorDistance,
    PixelStatistics,
    factor_distances,
    factor_lines,
    pixel_statistics,
)
from vaescope.report.html.render import inline_svg, rendered
from vaescope.run_folder.environment_file import environment
from vaescope.streams import stream

_NUM_BASES, _NUM_PAIRS, _NUM_TUPLES, _NUM_SCATTERS = 3, 1000, 12, 4


def write_data_page(
    folder: Path, module: FactorDataModule, plain: Mapping[str, Any], config: str
) -> Path:
    """Write ``data.html`` and its numbers, ``data.json``.

    Args:
        folder: where they go.
        module: set up.
        plain: resolved configuration: ``seed``, ``num_images``, ``num_statistics``, ``threads``.
        config: the same as text.

    Returns:
        Path of the page; equal settings give equal pages.
    """
    seed, dataset = plain["seed"], module.dataset
    lookup, size = Lookup(dataset, seed), len(dataset)
    measured = chosen_rows(size, plain["num_statistics"], seed, "statistics")
    statistics = pixel_statistics(lookup, measured)
    distances = factor_distances(lookup, chosen_rows(size, _NUM_PAIRS, seed, "pairs"))
    numbers = {
        "title": dataset.title,
        "facts": facts(module, lookup),
        "factors": factor_lines(lookup),
        "labels": label_counts(dataset),
        "attributes": attribute_shares(dataset),
        "statistics": statistics.plain(),
        "distances": {n: vars(d) | {"neighbours": d.neighbours} for n, d in distances.items()},
        "dependence": dependence(module, lookup),
        "environment": environment(plain["threads"] or 0),
        "seed": seed,
    }
    write_json(folder / "data.json", numbers)
    found = numbers["dependence"]
    joint = figures.joint_figure(found, dataset.factors) if found else None
    content = {
        **numbers,
        **_pictures(module, lookup, plain, statistics, distances),
        "joint": inline_svg(joint, "joint frequency of two factors") if joint else None,
        **_view(module),
        "about": dataset.about(),
        "summary": summary(distances, statistics.random_pair),
        "config": config,
    }
    path = folder / "data.html"
    write_text(path, rendered("data.html", content, {"number": shown}))
    return path


def summary(distances: Mapping[str, FactorDistance], random_pair: float | None) -> str:
    """Which factor moves observations most and which least; empty if not known."""
    if not random_pair:
        return ""
    near = {name: distance.neighbours for name, distance in distances.items()}
    shares = {name: share / random_pair for name, share in near.items() if share is not None}
    nuisance = shares.pop(NUISANCE, None)
    if len(shares) < 2:
        return ""
    least, most = (pick(shares, key=lambda name: shares[name]) for pick in (min, max))
    told = (
        f"Between neighbouring values {most} moves observations most ({_percent(shares[most])} of "
        f"the distance of random pairs), {least} least ({_percent(shares[least])})."
    )
    if shares[most] < 1.1 * shares[least]:
        told = (
            "Between neighbouring values all factors move observations alike "
            f"({_percent(shares[most])} of the distance of random pairs)."
        )
    if nuisance is not None:
        told += f" What is no factor moves them by {_percent(nuisance)} of it."
    return told


def shown(value: float | None) -> str:
    """A number with four digits; a dash for none."""
    return "–" if value is None else f"{value:.4g}"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _pictures(
    module: FactorDataModule,
    lookup: Lookup,
    plain: Mapping[str, Any],
    statistics: PixelStatistics,
    distances: Mapping[str, FactorDistance],
) -> dict[str, Any]:
    """All that is drawn: pictures as data URIs, plots as SVG."""
    dataset, seed = module.dataset, plain["seed"]
    bases = chosen_rows(len(dataset), _NUM_BASES, seed, "bases")
    made = [*traverse_factors(lookup, bases), nuisance_traversal(lookup, bases)]
    is_image = len(dataset.image_shape) == 3
    unit = "pixel" if is_image else "entry"
    sizes = dict(zip(dataset.factors.names, dataset.factors.sizes, strict=True))
    drawn = figures.distance_figure(distances, sizes, statistics.random_pair, unit)
    return {
        "is_image": is_image,
        "traversals": [_shown_traversal(lookup, t) for t in made if t is not None],
        "samples": _samples(lookup, plain["num_images"]) if is_image else None,
        "scatters": [] if is_image else _scatters(lookup),
        **(_of_pixels(statistics) if is_image else {}),
        "distance": inline_svg(drawn, "distance of images by factor") if drawn else None,
    }


def _of_pixels(statistics: PixelStatistics) -> dict[str, Any]:
    """Moments of each pixel and the histogram of all, drawn."""
    moments, histogram = figures.moments_figure(statistics), figures.histogram_figure(statistics)
    return {
        "moments": inline_svg(moments, "mean and standard deviation of each pixel"),
        "histogram": inline_svg(histogram, "histogram of pixel values"),
    }


def _shown_traversal(lookup: Lookup, traversal: Traversal) -> dict[str, Any]:
    """One traversal as the template wants it."""
    is_image = traversal.images.ndim == 5
    number = ".2f" if traversal.kind == "continuous" else "g"
    replaced = traversal.replaced if lookup.is_exact else None
    if is_image:
        picture = figures.picture_grid(traversal.images, replaced)
    else:
        picture = inline_svg(figures.traversal_figure(traversal), f"along {traversal.name}")
    notes = []
    if replaced is not None and replaced.any():
        notes.append(
            f"{replaced.sum()} of {replaced.size} are not in the set; framed: the nearest image"
        )
    if not lookup.is_exact:
        notes.append("the nearest images there are; other factors change a little, too")
    return {
        "name": traversal.name,
        "kind": traversal.kind,
        "columns": [format(value, number) for value in traversal.values],
        "picture": picture,
        "notes": notes,
    }


def _samples(lookup: Lookup, count: int) -> str:
    """Random images in a square."""
    rows = chosen_rows(len(lookup.dataset), count, lookup.seed, "samples")
    order = stream(lookup.seed, "show/order").permutation(len(rows))
    images = lookup.images(rows[torch.from_numpy(order)])
    columns = math.isqrt(len(images) - 1) + 1
    filled = torch.cat([images, images.new_ones(-len(images) % columns, *images.shape[1:])])
    return figures.picture_grid(filled.unflatten(0, (-1, columns)))


def _scatters(lookup: Lookup) -> list[Markup]:
    """Scatter matrices of vectors, coloured by each factor, by the class, or by nothing."""
    dataset = lookup.dataset
    rows = chosen_rows(len(dataset), 2000, lookup.seed, "scatter")
    vectors, factors = lookup.images(rows), dataset.factors
    colours: list[tuple[str, str, np.ndarray | None]] = [
        (name, kind, lookup.values[rows, position])
        for position, (name, kind) in enumerate(zip(factors.names, factors.kinds, strict=True))
    ][:_NUM_SCATTERS]
    if not colours and dataset.labels is not None:
        colours = [("class", "categorical", dataset.labels[rows].numpy())]
    return [
        inline_svg(
            figures.scatter_figure(vectors, colour, f"coloured by {name}", kind), "scatter matrix"
        )
        for name, kind, colour in colours or [("nothing", "", None)]
    ]


def _view(module: FactorDataModule) -> dict[str, Any]:
    """What the view puts together: pictures with captions, or one plot of vectors."""
    if module.view is None:
        return {}
    batch = module.dataset.gather(module.epoch_batches().plan(0))
    images, captions = tuples(batch, module.dataset.factors, _NUM_TUPLES)
    if images.ndim == 3:
        return {"joined": inline_svg(figures.tuples_figure(images), "what belongs together")}
    pictures = [figures.picture_grid(row[None]) for row in images]
    return {"tuples": list(zip(pictures, captions, strict=True))}
