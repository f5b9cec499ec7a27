"""Curves of one run, in the order of the argument."""

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure

Series = tuple[list[int], list[float]]


def curves(series: Mapping[str, Series]) -> list[tuple[str, str, Figure]]:
    """Figures with a title and a note; a figure without data is left out.

    Args:
        series: every logged key's ``(steps, values)``.

    Returns:
        ``(title, note, figure)`` of each.
    """
    made = [
        (
            "Alignment and disentanglement",
            "The diagonal posterior makes the decoder's Jacobian columns orthogonal: the distance "
            "to orthogonality falls below that of a random rotation (ratio 1). Where the data's "
            "local principal directions are the generative factors, the MIG rises with it.",
            _alignment(series),
        ),
        (
            "Losses",
            "Training terms of single batches and their means over held-out observations.",
            _lines(series, "per observation", _losses(series), log=True),
        ),
        (
            "KL of each latent",
            "Latents that carry information rise; the others stay at 0.",
            _lines(series, "nats", {k: k[-2:] for k in series if k.startswith("val/kl_latent_")}),
        ),
        (
            "Polarized regime",
            "Relative difference of the KL to its polarized form; below the dotted line a run "
            "counts as polarized.",
            _polarized(series),
        ),
        (
            "Variance relation",
            "Median of s_j^2 (1 + c_j^T H c_j / beta) over active latents; theory has it at 1.",
            _variance_relation(series),
        ),
    ]
    return [(title, note, figure) for title, note, figure in made if figure is not None]


def _alignment(series: Mapping[str, Series]) -> Figure | None:
    ratios = {
        "align/dto_active_ratio": "pixels",
        "align/dto_active_loss_metric_ratio": "metric of the loss",
    }
    keys = [key for key in ratios if key in series]
    if not keys:
        ratios = {"align/dto_ratio": "all latents"}
        keys = [key for key in ratios if key in series]
    if not keys:
        return None
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for key in keys:
        left.plot(*series[key], marker=".", label=ratios[key])
    left.axhline(1, color="black", linestyle=":", linewidth=1)
    left.set(xlabel="step", ylabel="DtO / DtO of a random rotation", ylim=(0, None))
    left.legend(frameon=False)
    for key, label in (
        ("val/mig", "MIG"),
        ("val/mig_chance", "chance"),
        ("val/mig_ceiling", "ceiling"),
    ):
        if key in series:
            style = "-" if key == "val/mig" else ":"
            right.plot(*series[key], style, marker="." if style == "-" else "", label=label)
    right.set(xlabel="step", ylabel="MIG", ylim=(0, 1))
    right.legend(frameon=False)
    return figure


def _losses(series: Mapping[str, Series]) -> dict[str, str]:
    names = [k.removeprefix("train/") for k in series if k.startswith("train/")]
    keys = [f"{split}/{n}" for n in names for split in ("train", "val") if f"{split}/{n}" in series]
    return {key: key for key in keys if not key.endswith("steps_per_second")}


def _lines(
    series: Mapping[str, Series], ylabel: str, labels: Mapping[str, str], *, log: bool = False
) -> Figure | None:
    if not labels:
        return None
    figure, axis = _panel(ylabel)
    for key, label in sorted(labels.items()):
        thin = key.startswith("train/")
        axis.plot(
            *series[key], label=label, linewidth=0.7 if thin else 1.5, alpha=0.6 if thin else 1
        )
    if log:
        axis.set_yscale("log")
    axis.legend(frameon=False, fontsize=7, ncols=2, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def _polarized(series: Mapping[str, Series]) -> Figure | None:
    if "align/polarization_gap" not in series:
        return None
    figure, axis = _panel("gap")
    axis.plot(*series["align/polarization_gap"], marker=".")
    axis.axhline(0.03, color="black", linestyle=":", linewidth=1)
    axis.set_yscale("log")
    return figure


def _variance_relation(series: Mapping[str, Series]) -> Figure | None:
    if "align/variance_relation" not in series:
        return None
    figure, axis = _panel("median")
    axis.plot(*series["align/variance_relation"], marker=".")
    axis.axhline(1, color="black", linestyle=":", linewidth=1)
    axis.set_ylim(0, max(1.2, *series["align/variance_relation"][1]))
    return figure


def _panel(ylabel: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(8, 2.8), layout="constrained")
    axis = figure.subplots()
    axis.set(xlabel="step", ylabel=ylabel)
    return figure, axis
