"""Training curves of one run; of an ensemble: means and ranges over its members."""

from collections.abc import Mapping
from statistics import fmean
from typing import Any, NamedTuple, Self

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vaescope.escaping import for_figure

GAPS = {"align/c_ima": "c_IMA", "align/hadamard_gap": "Hadamard gap"}
AGREEMENT = {
    "align/agreement_mcc": "MCC",
    "align/agreement_procrustes": "Procrustes",
    "align/agreement_linear": "linear",
    "align/agreement_cka": "CKA",
    "val/udr": "UDR",
}


_SCHEDULED = ("weight_", "target_")


class Series(NamedTuple):
    """One number over the steps: its mean over an ensemble's members, and their range."""

    steps: list[int]
    values: list[float]
    lows: list[float]
    highs: list[float]

    @classmethod
    def over_members(cls, values: Mapping[int, list[float]]) -> Self:
        """From the members' values at each step."""
        steps = sorted(values)
        measures = (fmean, min, max)
        return cls(steps, *([measure(values[s]) for s in steps] for measure in measures))


def draw(axis: Axes, series: Series, *style: str, **kept: Any) -> None:
    """The mean, and behind it the range over members."""
    (line,) = axis.plot(series.steps, series.values, *style, **kept)
    if series.lows != series.highs:
        axis.fill_between(
            series.steps, series.lows, series.highs, color=line.get_color(), alpha=0.15, linewidth=0
        )


def curves(series: Mapping[str, Series]) -> list[tuple[str, str, Figure]]:
    """Title, note and figure of all curves that there are data for, from series by logged key."""
    made = [(title, note, figure_of(series)) for title, note, figure_of in CURVES]
    return [(title, note, figure) for title, note, figure in made if figure is not None]


def _alignment(series: Mapping[str, Series]) -> Figure | None:
    ratios = {
        "align/dto_active_ratio": "pixels",
        "align/dto_active_loss_metric_ratio": "metric of the loss",
    }
    ratios = _present(series, ratios) or _present(series, {"align/dto_ratio": "all latents"})
    if not ratios:
        return None
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    with_mig = "val/mig" in series
    left, *others = figure.subplots(1, 1 + with_mig, squeeze=False)[0]
    for key, label in ratios.items():
        draw(left, series[key], marker=".", label=label)
    left.axhline(1, color="black", linestyle=":", linewidth=1)
    left.set(xlabel="step", ylabel="DtO / DtO of a random rotation", ylim=(0, None))
    left.legend(frameon=False)
    for right in others:
        draw(right, series["val/mig"], ".-", label="MIG")
        for level in ("chance", "ceiling"):
            draw(right, series[f"val/mig_{level}"], ":", label=level)
        right.set(xlabel="step", ylabel="MIG", ylim=(0, 1))
        right.legend(frameon=False)
    return figure


def _losses(series: Mapping[str, Series]) -> dict[str, str]:
    others = ("steps_per_second", *_SCHEDULED)
    names = [k.removeprefix("train/") for k in series if k.startswith("train/")]
    names = ["loss_final_weights", *(n for n in names if not n.startswith(others))]
    keys = [f"{split}/{n}" for n in names for split in ("train", "val")]
    return {key: key for key in keys if key in series}


def _schedules(series: Mapping[str, Series]) -> dict[str, str]:
    keys = [k for k in series if k.startswith(tuple(f"train/{kind}" for kind in _SCHEDULED))]
    moves = any(min(series[key].values) < max(series[key].values) for key in keys)
    return {key: key.removeprefix("train/") for key in keys} if moves else {}


def _lines(
    series: Mapping[str, Series], ylabel: str, labels: Mapping[str, str], *, log: bool = False
) -> Figure | None:
    if not labels:
        return None
    figure, axis = _panel(ylabel)
    for key, label in sorted(labels.items()):
        thin = key.startswith("train/")
        width, alpha = (0.7, 0.6) if thin else (1.5, 1)
        draw(axis, series[key], label=for_figure(label), linewidth=width, alpha=alpha)
    if log:
        positive = all(low > 0 for key in labels for low in series[key].lows)
        axis.set_yscale("log" if positive else "symlog")
    axis.legend(frameon=False, fontsize=7, ncols=2, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def _present(series: Mapping[str, Series], labels: Mapping[str, str]) -> dict[str, str]:
    return {key: label for key, label in labels.items() if key in series}


def _spectrum(series: Mapping[str, Series]) -> Figure | None:
    styles = {"align/singular_value_": "-", "align/column_norm_": ":"}
    found = {key: style for prefix, style in styles.items() for key in _indexed(series, prefix)}
    if not found:
        return None
    figure, axis = _panel("change of the image")
    for key, style in found.items():
        if style == "-":
            draw(axis, series[key], style, color="black", linewidth=0.8)
        else:
            draw(axis, series[key], style, label=for_figure(f"z{key[-2:]}"), linewidth=1.5)
    axis.set_ylim(0, None)
    axis.legend(frameon=False, fontsize=7, ncols=2, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def _indexed(series: Mapping[str, Series], prefix: str) -> list[str]:
    return sorted(key for key in series if key.startswith(prefix))


def _one(
    series: Mapping[str, Series], key: str, ylabel: str, *, level: float, top: float | None = None
) -> Figure | None:
    """One number and a dotted level; from 0 to ``top`` or higher, or on a logarithmic axis."""
    if key not in series:
        return None
    figure, axis = _panel(ylabel)
    draw(axis, series[key], marker=".")
    axis.axhline(level, color="black", linestyle=":", linewidth=1)
    if top is None:
        axis.set_yscale("log")
    else:
        axis.set_ylim(0, max(top, *series[key].highs))
    return figure


def _panel(ylabel: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(8, 2.8), layout="constrained")
    axis = figure.subplots()
    axis.set(xlabel="step", ylabel=ylabel)
    return figure, axis


CURVES = (
    (
        "Alignment and disentanglement",
        "The diagonal posterior makes the decoder's Jacobian columns orthogonal: the distance "
        "to orthogonality falls below that of a random rotation (ratio 1). Where the data's "
        "local principal directions are the generative factors, the MIG rises with it.",
        _alignment,
    ),
    (
        "Losses",
        "Terms without their weights, of single training batches (thin) and as means over "
        "held-out observations. The loss is the sum of weight times term at its step; "
        "loss_final_weights has the weights that schedules end at, and compares across steps.",
        lambda series: _lines(series, "per observation", _losses(series), log=True),
    ),
    (
        "Weights of the loss terms",
        "What the loss multiplies each term by, and the value at which a quantity is held "
        "(target), after each update; drawn if one of them moves.",
        lambda series: _lines(series, "weight", _schedules(series)),
    ),
    (
        "KL of each latent",
        "Latents that carry information rise; the others stay at 0.",
        lambda series: _lines(
            series, "nats", {key: key[-2:] for key in _indexed(series, "val/kl_latent_")}
        ),
    ),
    (
        "Polarized regime",
        "Relative difference of the KL to its polarized form; below the dotted line a run "
        "counts as polarized.",
        lambda series: _one(series, "align/polarization_gap", "gap", level=0.03),
    ),
    (
        "Variance relation",
        "Median of s_j^2 (1 + c_j^T H c_j / beta) over active latents; theory has it at 1.",
        lambda series: _one(series, "align/variance_relation", "median", level=1.0, top=1.2),
    ),
    (
        "Singular values and column norms",
        "Of the decoder's Jacobian, means over images: solid lines by rank, dotted ones by "
        "latent. Where the columns are orthogonal the two coincide.",
        _spectrum,
    ),
    (
        "Price of a diagonal posterior",
        "Local IMA contrast of active latents in nats, and the loss of the best diagonal "
        "posterior over the best full one; both are 0 for orthogonal columns.",
        lambda series: _lines(series, "gap", _present(series, GAPS)),
    ),
    (
        "Agreement of seeds",
        "Means over the other seeds: 1 where codes are the same, up to order, sign and scale "
        "of latents (MCC, UDR), up to a rotation (Procrustes, CKA), or up to a linear map.",
        lambda series: _lines(series, "likeness", _present(series, AGREEMENT)),
    ),
)
