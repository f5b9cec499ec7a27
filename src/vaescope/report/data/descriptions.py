"""What there is to say about a data set in words and tables."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaescope.data.datamodule import FactorDataModule
from vaescope.data.dataset import FactorDataset
from vaescope.data.factor_distribution import BINS, factor_statistics, value_codes
from vaescope.data.factors import Factors
from vaescope.report.data.lookup import Lookup
from vaescope.report.figures import channels_told

# that many nats more than twice what a draw of independent factors leaves count as dependence
_DEPENDENT = 0.01


def facts(module: FactorDataModule, lookup: Lookup) -> dict[str, str]:
    """What there is to know of a data set before one looks at it, by name."""
    dataset, source = module.dataset, module.dataset.data_source
    shape = " × ".join(str(side) for side in dataset.image_shape)
    parts = module.rows.items()
    unit = "channels × height × width" if len(dataset.image_shape) == 3 else "numbers"
    found = {
        "observations": f"{len(dataset):,}{_combinations(lookup)}",
        "shape": f"{shape} ({unit})",
        "pictures show": channels_told(dataset.image_shape[0]) * (len(dataset.image_shape) == 3),
        "made of": dataset.source,
        "published in": "; ".join(map(str, source.publications)),
        "licence": source.licence,
        "files": "; ".join(f"{p} ({p.stat().st_size:,} bytes)" for p in dataset.files_read()),
        "beside the factors": "images vary in more than their factors" * dataset.has_nuisance,
        "parts": ", ".join(
            f"{n.replace('_', ' ')} {len(rows):,}" for n, rows in parts if len(rows)
        ),
    }
    chosen = {"view": module.view, "sampling": module.sampling, "hold out": module.hold_out}
    found |= {name: f"{type(c).__name__} {_settings(c)}" for name, c in chosen.items() if c}
    return {name: text for name, text in found.items() if text}


def label_counts(dataset: FactorDataset) -> dict[str, int]:
    """Number of images of each class, by its number; empty without classes."""
    if dataset.labels is None:
        return {}
    classes, counts = np.unique(dataset.labels.cpu().numpy(), return_counts=True)
    return {str(name): int(count) for name, count in zip(classes, counts, strict=True)}


def attribute_shares(dataset: FactorDataset) -> dict[str, float]:
    """Share of images with each attribute, by its name; empty where there are none."""
    if dataset.attributes is None:
        return {}
    shares = dataset.attributes.double().mean(0).tolist()
    return dict(zip(dataset.attribute_names, shares, strict=True))


def dependence(module: FactorDataModule, lookup: Lookup) -> dict[str, Any] | None:
    """The two factors that tell most about each other, and their joint frequency `[A][B]`.

    In training where ``sampling`` or ``hold_out`` is chosen; else among all images, and None if
    they are independent or fewer than two. Continuous factors are put into 20 equal bins.
    """
    factors, chosen = module.dataset.factors, module.sampling or module.hold_out
    if len(factors) < 2:
        return None
    values, weights = lookup.values, torch.ones(len(lookup.values), dtype=torch.float64)
    if chosen is not None:
        values, weights = values[module.rows["train"]], module.training_weights()
    found = factor_statistics(torch.from_numpy(values), weights, factors)
    pair = found["largest_mutual_information"]
    freedom = math.prod(
        (factors.sizes[factors.position_of(n)] or BINS) - 1 for n in pair["factors"]
    )
    if chosen is None and pair["nats"] < _DEPENDENT + freedom / len(values):
        return None
    joint = joint_frequency(values, weights.numpy(), factors, pair["factors"])
    return found | {"of": "training" if chosen else "all images", "joint": joint.tolist()}


def joint_frequency(
    values: np.ndarray, weights: np.ndarray, factors: Factors, names: Sequence[str]
) -> np.ndarray:
    """Share of rows `[A, B]` by the values of two factors, rows weighted."""
    positions, table = [factors.position_of(n) for n in names], torch.from_numpy(values)
    sizes = [factors.sizes[k] or BINS for k in positions]
    first, second = (value_codes(table[:, k], factors.sizes[k]) for k in positions)
    flat = np.bincount(first * sizes[1] + second, weights, minlength=math.prod(sizes))
    return flat.reshape(sizes) / weights.sum()


def _combinations(lookup: Lookup) -> str:
    """How many combinations of the factors occur, as a clause."""
    factors = lookup.dataset.factors
    if not len(factors) or factors.has_continuous:
        return ""
    combinations = np.sort(factors.index(torch.from_numpy(lookup.values)).numpy())
    occurring = 1 + int((np.diff(combinations) > 0).sum())
    every = factors.num_combinations
    if occurring == every == len(lookup.values):
        return ", every combination of the factors once"
    return f"; {occurring:,} of {every:,} combinations of the factors occur"


def _settings(chosen: object) -> str:
    small = {n: v for n, v in vars(chosen).items() if not isinstance(v, Tensor | np.ndarray)}
    return ", ".join(f"{name}={value}" for name, value in small.items() if name[:1] != "_")
