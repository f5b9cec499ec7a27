"""Figures of the ICML 2021 paper, and those that tell its story on two panels."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from vaescope.reproduction.icml2021.claims import DATA, HYPER, TITLES, not_pruned
from vaescope.reproduction.icml2021.claims import MIG as KEY
from vaescope.reproduction.intervals import interval
from vaescope.reproduction.results import Results

Taken = Mapping[str, Any]  # of the weights and the data of opened runs, by the run's name
COMPARED = ("original", "modified")
COLOURS = {
    "original": "C0",
    "modified": "C3",
    "closed_form": "C1",
    "noise": "C7",
    "shuffled": "C8",
}

MIG = (
    "MIG of every seed (points), its mean, and the 95 % interval of the mean. Modified: the learnt "
    "modification; closed form: a fixed pattern that needs no training; noise: uniform, of the "
    "same largest change; shuffled: the learnt images, dealt to other rows."
)
IMAGES = (
    "Above: original images; middle: what is added to each, around grey and with epsilon as black "
    "and white; below: their sum, which a VAE is trained on."
)
CODES = (
    "Latents against factors, one point an image, of the first seed. A latent that has found a "
    "factor is a curve against it and a cloud against the other one."
)
MECHANISM = (
    "Why it works: reconstruction losses of two imagined VAEs with the same KL, on images that "
    "neither has seen. Latents that are the factors do better on original images, rotated ones "
    "on modified images; a VAE takes what costs less."
)
ROBUSTNESS = (
    "Mean MIG and its 95 % interval against the method's hyper-parameter as a multiple of table "
    "1's. Seeds with fewer active latents than factors are left out."
)


def mig_figure(results: Results, _: Taken) -> Figure | None:
    """Bars of the MIG of the panels' runs."""
    found = {name: r.values(KEY) for name, r in results.items() if name.startswith("panels_")}
    found = {name: values for name, values in found.items() if len(values)}
    if not found:
        return None
    figure = Figure(figsize=(1.1 * len(found) + 2, 3.6), layout="constrained")
    axis = figure.subplots()
    labels: list[str] = []
    for method in TITLES:
        for on, colour in COLOURS.items():
            values = found.get(f"panels_{method}_{on}")
            if values is None:
                continue
            place, mean = len(labels), float(values.mean())
            labels.append(f"{TITLES[method]}\n{on.replace('_', ' ')}")
            axis.bar(place, mean, color=colour, alpha=0.6)
            if len(values) > 1:
                low, high = interval(values)
                axis.errorbar(place, mean, [[mean - low], [high - mean]], color="k", capsize=4)
            shift = np.linspace(-0.25, 0.25, len(values))
            axis.plot(place + shift, values, ".", color="k", alpha=0.4)
    axis.set(xticks=range(len(labels)), ylabel="MIG", ylim=(0, 1))
    axis.set_xticklabels(labels, fontsize=8)
    return figure


def images_figure(_: Results, found: Taken) -> Figure | None:
    """Original images, modification and modified images of every set."""
    if not found:
        return None
    width = max(len(each["original"]) for each in found.values())
    figure = Figure(figsize=(1.3 * width + 1, 4.3 * len(found)), layout="constrained")
    parts = np.atleast_1d(np.array(figure.subfigures(len(found), 1)))
    for part, (name, each) in zip(parts, found.items(), strict=True):
        part.suptitle(f"{_set_of(name)}, epsilon = {each['epsilon']:g}")
        rows = {
            "original": each["original"],
            "modification": 0.5 + each["change"] / (2 * each["epsilon"]),
            "modified": each["modified"],
        }
        for row, (label, images) in zip(part.subplots(3, width), rows.items(), strict=True):
            for axis, image in zip(row, images, strict=False):
                shown = image.clamp(0, 1).permute(1, 2, 0).squeeze(-1).numpy()
                axis.imshow(shown, cmap="gray", vmin=0, vmax=1)
            for axis in row:
                axis.set(xticks=[], yticks=[])
            row[0].set_ylabel(label)
    return figure


def codes_figure(_: Results, found: Taken) -> Figure | None:
    """Scatter of every latent against every factor, a row for each run."""
    if not found:
        return None
    figure = Figure(figsize=(8.5, 2.1 * len(found)), layout="constrained")
    for row, (name, each) in zip(
        figure.subplots(len(found), 4, squeeze=False), found.items(), strict=True
    ):
        method, on = name.removeprefix("panels_").rsplit("_", 1)
        pairs = [(latent, factor) for latent in (0, 1) for factor in (0, 1)]
        for axis, (latent, factor) in zip(row, pairs, strict=True):
            axis.scatter(
                each["factors"][:, factor],
                each["codes"][:, latent],
                c=each["factors"][:, 1 - factor],
                s=3,
                cmap="viridis",
            )
            axis.set(xticks=[], yticks=[])
            axis.set_xlabel(f"factor {each['names'][factor]}", fontsize=8)
            axis.set_ylabel(f"latent {latent}", fontsize=8)
        row[0].set_title(f"{TITLES[method]}, {on}", fontsize=9, loc="left")
    return figure


def mechanism_figure(_: Results, found: Taken) -> Figure | None:
    """Losses of both imagined VAEs on original and modified images, a panel for each set."""
    found = {name: losses for name, losses in found.items() if losses}
    if not found:
        return None
    figure = Figure(figsize=(3.6 * len(found), 3.2), layout="constrained")
    for axis, (name, losses) in zip(
        figure.subplots(1, len(found), squeeze=False)[0], found.items(), strict=True
    ):
        for shift, (reference, label) in enumerate(
            (("disentangled", "the factors"), ("entangled", "rotated factors"))
        ):
            heights = [each[reference] for each in losses.values()]
            axis.bar(np.arange(len(heights)) + 0.4 * shift - 0.2, heights, 0.38, label=label)
        axis.set(title=_set_of(name), ylabel="reconstruction loss")
        axis.set_xticks(range(len(losses)), list(losses))
        axis.legend(title="latents are", frameon=False, fontsize=8, loc="lower left")
        least = min(min(e["disentangled"], e["entangled"]) for e in losses.values())
        axis.set_ylim(bottom=0.9 * least if least > 0 else None)
    return figure


def robustness_figure(results: Results, _: Taken) -> Figure | None:
    """MIG against the multiple of the hyper-parameter, a panel for each set and method."""
    curves = {
        (data, method, on): curve
        for data in DATA
        for method in HYPER
        for on in COMPARED
        if len(curve := _curve(results, data, method, on)) > 1
    }
    if not curves:
        return None
    figure = Figure(figsize=(3.2 * len(HYPER), 2.8 * len(DATA)), layout="constrained")
    grid = figure.subplots(len(DATA), len(HYPER), squeeze=False, sharey=True)
    for row, data in zip(grid, DATA, strict=True):
        for axis, method in zip(row, HYPER, strict=True):
            for on in COMPARED:
                _draw_curve(axis, curves.get((data, method, on), {}), on)
            axis.set(title=f"{DATA[data][0]}, {TITLES[method]}", xlabel=f"x {HYPER[method]}")
        row[0].set_ylabel("MIG")
    grid[0][0].legend(frameon=False)
    return figure


def _curve(results: Results, data: str, method: str, on: str) -> dict[float, np.ndarray]:
    """MIG of the seeds that are not pruned, by the multiple of table 1's hyper-parameter."""
    chief = results.get(f"table1_{data}_{method}_{on}")
    if chief is None or not chief.rows:
        return {}
    names = [n for n in results if n.startswith(f"robustness_{data}_{method}_") and n.endswith(on)]
    key = HYPER[method]
    found: dict[float, np.ndarray] = {}
    for result in (chief, *(results[name] for name in names)):
        values = not_pruned(result, DATA[data][1]) if result.rows else np.array([])
        if len(values):
            found[result.config["model"][key] / chief.config["model"][key]] = values
    return found


def _draw_curve(axis: Any, curve: Mapping[float, np.ndarray], on: str) -> None:
    multiples = sorted(curve)
    means = [curve[multiple].mean() for multiple in multiples]
    axis.plot(multiples, means, ".-", color=COLOURS[on], label=on)
    sure = [multiple for multiple in multiples if len(curve[multiple]) > 1]
    ends = [interval(curve[multiple]) for multiple in sure]
    if ends:
        axis.fill_between(sure, *zip(*ends, strict=True), color=COLOURS[on], alpha=0.15, lw=0)


def _set_of(name: str) -> str:
    """Title of the set of a run's name."""
    return DATA[name.split("_")[1]][0] if name.startswith("table1") else "Panels"
