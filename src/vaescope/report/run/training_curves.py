"""Training curves of one run; what a caption says is computed from the run's numbers."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from markupsafe import Markup

from vaescope.report.html.charts import Axis, Line, line_chart
from vaescope.report.run.cards import POLARIZED
from vaescope.report.run.series import Series
from vaescope.scores import LOGGED, PANEL_SCORES, heading, name_of, record_of

GAPS = {"align/c_ima": "c_IMA", "align/hadamard_gap": "Hadamard gap"}
AGREEMENT = {
    "align/agreement_mcc": "MCC",
    "align/agreement_procrustes": "Procrustes",
    "align/agreement_linear": "linear",
    "align/agreement_cka": "CKA",
    "val/udr": "UDR",
}
_RATIOS = {
    "align/dto_active_ratio": "pixels",
    "align/dto_active_loss_metric_ratio": "metric of the loss",
}
_SCHEDULED = ("weight_", "target_")
_TOTALS = ("loss", "loss_final_weights")
_OF_TOTALS = (
    " Then their sums: loss with the weights of the step in both splits; with final weights, which "
    "compares across steps, in validation."
)
_USED = 0.1  # nats from which on a latent is said to carry information
_NAMED = 7  # latents with a colour and a label; the rest share the last colour
_GREY = 6

AllSeries = Mapping[str, Series]


class Curves(NamedTuple):
    """A section of the page: its title, what its numbers say, its charts."""

    title: str
    note: str
    charts: list[Markup]


def curves(series: AllSeries) -> list[Curves]:
    """All sections that there are data for, from series by logged key."""
    made = [of(series) for of in SECTIONS]
    return [section for section in made if section is not None]


def _alignment(series: AllSeries) -> Curves | None:
    ratios = _present(series, _RATIOS) or _present(series, {"align/dto_ratio": "all latents"})
    if not ratios:
        return None
    lines = [series[key].line(label, i) for i, (key, label) in enumerate(ratios.items())]
    axis = Axis("DtO / chance", low=0, high=1.05, levels=[(1, "a random rotation")])
    charts, first = [line_chart(lines, axis)], next(iter(ratios))
    notes = [
        f"Distance to orthogonality ({ratios[first]}), as a share of a random rotation's: "
        f"{_change(series[first])}; 0 is orthogonal."
    ]
    if "val/mig" in series:
        beside = _present(series, {f"val/mig_{end}": end for end in ("chance", "ceiling")})
        lines = [series["val/mig"].line("MIG", 2)]
        lines += [series[key].line(label, _GREY, "dotted") for key, label in beside.items()]
        charts.append(line_chart(lines, Axis("MIG", low=0, high=1)))
        notes.append(f"MIG: {_change(series['val/mig'])}.")
    return Curves("Alignment and disentanglement", " ".join(notes), charts)


def _losses(series: AllSeries) -> Curves | None:
    named = {key: key.partition("/")[2] for key in series if key.startswith(("train/", "val/"))}
    trained = [named[key] for key in named if key.startswith("train/")]
    besides = ("steps_", *_SCHEDULED)
    ours = [n for n in dict.fromkeys(trained) if n != "lr" and not n.startswith(besides)]
    terms = [name for name in ours if name not in _TOTALS]
    charts = _of_both_splits(series, terms, "per observation")
    totals = _of_both_splits(series, [n for n in _TOTALS if n in named.values()], "weighted sum")
    if not charts + totals:
        return None
    moved = [f"{n} {_change(series[f'val/{n}'])}" for n in terms if f"val/{n}" in series]
    said = f" In validation: {'; '.join(moved)}." if moved else ""
    return Curves(
        "Losses",
        "Terms without their weights, one colour each: means over validation images (solid), "
        f"single training batches (faint).{said}{_OF_TOTALS if totals else ''}",
        charts + totals,
    )


def _of_both_splits(series: AllSeries, names: Sequence[str], unit: str) -> list[Markup]:
    lines: list[Line] = []
    for colour, name in enumerate(names):
        validated, trained = series.get(f"val/{name}"), series.get(f"train/{name}")
        label = name.replace("_", " ")
        if trained:
            told = label if validated is None else f"{label}, training"
            lines.append(trained.line(told, colour, "faint", validated is None))
        if validated:
            lines.append(validated.line(label, colour))
    return [line_chart(lines, Axis(unit, is_log=True))] if lines else []


def _schedules(series: AllSeries) -> Curves | None:
    keys = [k for k in series if k.startswith(tuple(f"train/{kind}" for kind in _SCHEDULED))]
    moving = [key for key in keys if min(series[key].values) < max(series[key].values)]
    if not moving:
        return None
    names = {key: name_of(key).replace("_", " ") for key in keys}
    lines = [series[key].line(names[key], i) for i, key in enumerate(keys)]
    said = "; ".join(f"{names[key]} {_change(series[key])}" for key in moving)
    return Curves(
        "Weights of the loss terms",
        "What the loss multiplies each term by, and the value at which a quantity is held "
        f"(target): {said}.",
        [line_chart(lines, Axis("weight", low=0))],
    )


def _learning_rate(series: AllSeries) -> Curves | None:
    return _several(
        series,
        {"train/lr": "rate"},
        "Learning rate",
        "Of each update; where groups of weights have rates of their own, the first's:",
        Axis("learning rate", low=0),
    )


def _latents(series: AllSeries) -> Curves | None:
    keys = _indexed(series, "val/kl_latent_")
    if not keys:
        return None
    ranked = sorted(keys, key=lambda key: -series[key].values[-1])
    used = [key for key in ranked if series[key].values[-1] >= _USED]
    colours = {key: i if i < _GREY else i + 1 for i, key in enumerate(used[:_NAMED])}
    lines = [
        series[key].line(_latent(key), colours.get(key, _GREY), is_labelled=key in colours)
        for key in reversed(ranked)
    ]
    which = f": {', '.join(map(_latent, used))}" if used else ""
    note = f"{len(used)} of {len(keys)} latents end at {_USED} nats or more{which}."
    return Curves("KL of each latent", note, [line_chart(lines, Axis("nats", low=0))])


def _regime(series: AllSeries) -> Curves | None:
    found = series.get("align/polarization_gap")
    if found is None:
        return None
    last, since = found.values[-1], None
    for step, value in zip(reversed(found.steps), reversed(found.values), strict=True):
        if value >= POLARIZED:
            break
        since = step
    said = f"not below {POLARIZED}, from where down a run counts as polarized"
    if since is not None:
        said = f"below {POLARIZED} since step {since:,}"
    return Curves(
        "Polarized regime",
        f"Relative difference of the KL to its polarized form: {last:.3g} at the end, {said}.",
        [line_chart([found.line("gap")], Axis("gap", is_log=True, levels=[(POLARIZED, "3 %")]))],
    )


def _variances(series: AllSeries) -> Curves | None:
    found = series.get("align/variance_relation")
    if found is None:
        return None
    axis = Axis("median", low=0, high=1.2, levels=[(1, "theory")])
    return Curves(
        "Variance relation",
        f"Median of σ_j² (1 + c_jᵀ H c_j / β) over active latents, 1 in theory: {_change(found)}.",
        [line_chart([found.line("median")], axis)],
    )


def _spectrum(series: AllSeries) -> Curves | None:
    values, norms = (_indexed(series, f"align/{n}_") for n in ("singular_value", "column_norm"))
    if not values + norms:
        return None
    ranked = sorted(norms, key=lambda key: -series[key].values[-1])[:_GREY]
    lines = [series[key].line(f"rank {int(key[-2:]) + 1}", 7, is_labelled=False) for key in values]
    for key in norms:
        named = key in ranked
        colour = ranked.index(key) if named else _GREY
        lines.append(series[key].line(_latent(key), colour, "dotted", named))
    return Curves(
        "Singular values and column norms",
        "Of the decoder's Jacobian, means over images: solid lines by rank, dotted ones by "
        "latent. Where the columns are orthogonal the two coincide.",
        [line_chart(lines, Axis("change of the image", low=0))],
    )


def _prices(series: AllSeries) -> Curves | None:
    return _several(
        series,
        GAPS,
        "Price of a diagonal posterior",
        "Local IMA contrast of active latents in nats, and the loss of the best diagonal "
        "posterior over the best full one; both are 0 for orthogonal columns.",
        Axis("gap", low=0),
    )


def _agreement(series: AllSeries) -> Curves | None:
    return _several(
        series,
        AGREEMENT,
        "Agreement of seeds",
        "Means over the other seeds: 1 where codes are the same, up to order, sign and scale "
        "of latents (MCC, UDR), up to a rotation (Procrustes, CKA), or up to a linear map.",
        Axis("likeness", low=0, high=1),
    )


def _others(series: AllSeries) -> Curves | None:
    """The panel's scores and the user's own, from 0 to 1."""
    others = {}
    for key in (key for key in series if key.startswith(("val/", "align/"))):
        name, record = name_of(key), record_of(key)
        ours = record is None or (name in PANEL_SCORES and name not in LOGGED)
        if ours and min(series[key].lows) >= 0 and max(series[key].highs) <= 1:
            others[key] = heading(key)
    title = "Further scores"
    return _several(series, others, title, "On validation images.", Axis("score", low=0, high=1))


def _several(
    series: AllSeries, labels: Mapping[str, str], title: str, note: str, axis: Axis
) -> Curves | None:
    found = _present(series, labels)
    if not found:
        return None
    lines = [series[key].line(label, i) for i, (key, label) in enumerate(found.items())]
    said = "; ".join(f"{label} {_change(series[key])}" for key, label in found.items())
    return Curves(title, f"{note} {said}.", [line_chart(lines, axis)])


def _change(series: Series) -> str:
    """``0.5 to 0.25``: from the first value to the last."""
    first, last = f"{series.values[0]:.3g}", f"{series.values[-1]:.3g}"
    if len(series.steps) == 1:
        return f"{last} after {series.steps[0]:,} updates"
    return f"{first} after {series.steps[0]:,} updates, {last} at the end"


def _present(series: AllSeries, labels: Mapping[str, str]) -> dict[str, str]:
    return {key: label for key, label in labels.items() if key in series}


def _indexed(series: AllSeries, prefix: str) -> list[str]:
    return sorted(key for key in series if key.startswith(prefix))


def _latent(key: str) -> str:
    return f"z{int(key.rpartition('_')[2])}"


SECTIONS: tuple[Callable[[AllSeries], Curves | None], ...] = (
    *(_alignment, _losses, _schedules, _learning_rate, _latents, _regime, _variances),
    *(_spectrum, _prices, _agreement, _others),
)
