"""Figures of the CVPR 2019 paper, and those of the argument, from finished runs."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from vaescope.alignment import haar_chance
from vaescope.escaping import for_figure
from vaescope.reproduction.cvpr2019.beta_sweep import SWEPT, predicted_thresholds, sweep_of
from vaescope.reproduction.results import Result, Results

Taken = Mapping[str, Any]  # of the weights of opened runs, by the run's name
COLOURS = {"beta_vae": "C0", "vae": "C1", "autoencoder": "C2", "full": "C3"}


def rotation_figure(_: Results, curves: Taken) -> Figure | None:
    """Rise of the loss against the angle of rotation, measured and predicted."""
    sets = [d for d in ("synthetic_linear", "synthetic_nonlinear") if any(d in n for n in curves)]
    if not sets:
        return None
    figure = Figure(figsize=(5.2 * len(sets), 3.6), layout="constrained")
    for axis, data in zip(figure.subplots(1, len(sets), squeeze=False)[0], sets, strict=True):
        for name, curve in curves.items():
            method = name.removeprefix(f"table1_{data}_")
            if method == name:
                continue
            degrees, rise, colour = curve["degrees"], curve["rise"], COLOURS[method]
            axis.plot(degrees, rise.mean(0), color=colour, label=f"{method}, measured")
            axis.fill_between(
                degrees, rise.min(0), rise.max(0), color=colour, alpha=0.15, linewidth=0
            )
            if (predicted := curve["predicted"]) is not None:
                axis.plot(degrees, predicted.mean(0), "k:", label=f"{method}, second order")
        axis.set(
            xlabel="rotation of the latents [degrees]",
            ylabel="rise of the loss / beta [nats]",
            title=data,
        )
        axis.legend(frameon=False, fontsize=8)
    return figure


def convergence_figure(results: Results, _: Taken) -> Figure | None:
    """DtO against updates: mean over seeds and range, with the chance level."""
    names = [n for n in results if n.startswith(("table1_synthetic_linear_", "convergence_"))]
    names = [name for name in names if results[name].evaluations("align/dto")]
    if not names:
        return None
    figure = Figure(figsize=(8, 3.8), layout="constrained")
    axis = figure.subplots()
    for number, name in enumerate(names):
        evaluations = results[name].evaluations("align/dto")
        steps = [step for step in evaluations if step > 0]
        means = [evaluations[step].mean() for step in steps]
        colour = f"C{number}"
        axis.plot(steps, means, color=colour, label=for_figure(_label(results[name])))
        low, high = ([float(np.quantile(evaluations[s], q)) for s in steps] for q in (0.1, 0.9))
        axis.fill_between(steps, low, high, color=colour, alpha=0.12, linewidth=0)
    chance = haar_chance(2)[0]
    axis.axhline(chance, color="black", linestyle=":", linewidth=1, label="random rotation")
    axis.set(xlabel="updates", ylabel="DtO, mean and 10-90 % of seeds", xscale="log")
    axis.set_ylim(0, None)
    axis.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def _label(result: Result) -> str:
    name = result.run.name.removeprefix("table1_synthetic_linear_").removeprefix("convergence_")
    batch = result.config.get("data", {}).get("batch_size")
    lr = result.config.get("optimizer", {}).get("lr")
    return f"{name}, batch {batch}, lr {lr:g}" if lr else name


def epochs_figure(results: Results, _: Taken) -> Figure | None:
    """Figure 4: DtO against the disentanglement score, seeds and evaluations of one run."""
    result = results.get("table1_dsprites_beta_vae")
    if result is None:
        return None
    dto, score = (result.evaluations(key) for key in ("align/dto", "val/neighbour_score"))
    steps = [step for step in dto if step > 0 and step in score]
    if not steps:
        return None
    chosen = [steps[i] for i in sorted({len(steps) // 5, len(steps) * 3 // 5, len(steps) - 1})]
    figure = Figure(figsize=(4.6, 3.6), layout="constrained")
    axis = figure.subplots()
    for step in chosen:
        axis.scatter(score[step], dto[step], s=18, label=f"{step} updates")
    axis.set(xlabel="disentanglement score", ylabel="DtO", title="dSprites, beta-VAE")
    axis.legend(frameon=False, fontsize=8)
    return figure


def beta_figure(results: Results, _: Taken) -> Figure | None:
    """Figure 5: DtO, score and active latents against beta; dotted where a latent is to die."""
    sweeps = {data: sweep for data in SWEPT if (sweep := sweep_of(results, data))}
    if not sweeps:
        return None
    keys = {
        "test/dto": "DtO",
        "test/neighbour_score": "score",
        "test/active_by_variance": "active latents",
    }
    figure = Figure(figsize=(9, 2.9 * len(sweeps)), layout="constrained")
    rows = figure.subplots(len(sweeps), len(keys), squeeze=False)
    for row, (data, sweep) in zip(rows, sweeps.items(), strict=True):
        for axis, (key, label) in zip(row, keys.items(), strict=True):
            values = [result.values(key) for result in sweep.values()]
            axis.errorbar(
                [*sweep], [v.mean() for v in values], [v.std() for v in values], fmt=".-", capsize=2
            )
            axis.set(xscale="log", xlabel="beta", ylabel=label, title=for_figure(SWEPT[data]))
            ordered = np.sort(predicted_thresholds(sweep, data), axis=1)
            for threshold in ordered.mean(0) if len(ordered) else ():
                axis.axvline(threshold, color="black", linestyle=":", linewidth=1)
    return figure


def embedding_figure(_: Results, found: Taken) -> Figure | None:
    """Figure 6: codes of several seeds at each ratio of the factors' scales."""
    if not found:
        return None
    width = max(len(seeds) for seeds in found.values())
    figure = Figure(figsize=(2.1 * width, 2.2 * len(found)), layout="constrained")
    for row, (name, seeds) in zip(
        figure.subplots(len(found), width, squeeze=False), found.items(), strict=True
    ):
        for axis, seed in zip(row, seeds, strict=False):
            axis.scatter(*seed["codes"].T, c=seed["factors"][:, 0], s=2, cmap="viridis")
            ratio = name.removeprefix("table4_ratio_").replace("_", ".")
            axis.set(xticks=[], yticks=[], aspect="equal")
            axis.set_title(f"ratio {ratio}, seed {seed['seed']}", fontsize=8)
    return figure


def sorted_latents_figure(_: Results, found: Taken) -> Figure | None:
    """Figure 7: the most precise latents, each at -2.5, 0 and +2.5 from the mean code."""
    if not found:
        return None
    figure = Figure(figsize=(3.4 * len(found), 5.2), layout="constrained")
    for part, (name, sheet) in zip(
        figure.subfigures(1, len(found), squeeze=False)[0], found.items(), strict=True
    ):
        axes = part.subplots(len(sheet["order"]), 3, squeeze=False)
        part.suptitle(for_figure(name.removeprefix("table1_")), fontsize=9)
        for row, latent, sigma, images in zip(
            axes, sheet["order"], sheet["sigma"], sheet["images"], strict=True
        ):
            for axis, image in zip(row, images, strict=True):
                shown = image[0] if len(image) == 1 else image.transpose(1, 2, 0).clip(0, 1)
                axis.imshow(shown, cmap="gray", vmin=0, vmax=1)
                axis.set(xticks=[], yticks=[])
            row[0].set_ylabel(f"z{latent}\nσ {sigma:.2f}", fontsize=7, rotation=0, ha="right")
    return figure
