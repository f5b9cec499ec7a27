"""What was predicted of each set and what was measured on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vaescope.reproduction.diagnosis.beforehand import diagnosis_path, read_diagnosis
from vaescope.reproduction.results import Results
from vaescope.scores import over_pruned_share

MEASURED = {"MIG": "test/mig", "DtO / chance": "test/dto_ratio", "DCI": "test/dci_disentanglement"}
OF_A_SET = ("mig", "mig_interval", "alignment", "factors", "dto_chance")  # numbers of a diagnosis
OF_A_WIDTH = ("scale", "alignment", "margin", "dto", "ima_contrast", "order_agreement")
# sets that had no part in the choice of the predictor
ASIDE = (
    *("xy_squares_8", "xy_squares_4", "xy_squares_1", "dsprites", "shapes3d_like"),
    "orthogonal_stretch_4",
)


@dataclass(frozen=True)
class DiagnosedSet:
    """One set.

    Attributes:
        name: of the set.
        found: numbers of its diagnosis.
        measured: of every seed [n], by name.
        beta: weight of the KL term.
        over_pruned: seeds with fewer active latents than factors that vary, ``1 of 5``.
    """

    name: str
    found: Mapping[str, Any]
    measured: Mapping[str, np.ndarray]
    beta: float
    over_pruned: str = ""

    def mean(self, name: str) -> float:
        """Mean over seeds; nan without any."""
        values = self.measured[name]
        return float(values.mean()) if len(values) else np.nan

    def at(self, scale: float) -> Mapping[str, Any]:
        """Numbers of the diagnosis at one width."""
        found: Mapping[str, Any] = next(a for a in self.found["scales"] if a["scale"] == scale)
        return found


def found_beforehand(folder: Path, name: str) -> dict[str, Any]:
    """What the claims need of the diagnosis of a run's set; nothing of one that was not made."""
    if not diagnosis_path(folder, name).is_file():
        return {}
    found = read_diagnosis(folder, name)
    overlap = {"rank_correlation": found["overlap"]["rank_correlation"]}
    scales = [{key: at[key] for key in OF_A_WIDTH} for at in found["scales"]]
    return {key: found[key] for key in OF_A_SET} | {"overlap": overlap, "scales": scales}


def diagnosed_sets(results: Results) -> list[DiagnosedSet]:
    """All sets that were diagnosed and trained on."""
    return [
        DiagnosedSet(
            name.removeprefix("beta_vae_"),
            result.beside,
            {label: result.values(key) for label, key in MEASURED.items()},
            float(result.config["model"]["beta"]),
            over_pruned_share(result.rows),
        )
        for name, result in results.items()
        if result.rows and result.beside
    ]


def predictors(one: DiagnosedSet) -> dict[str, float]:
    """Every number of a diagnosis that might say how well latents find the factors; more is better.

    All were compared; the first is the one that the diagnosis calls its prediction.
    """
    numbers = {"predicted MIG": one.found["mig"], "pixel overlap": _overlap(one)}
    for scale in (0.0, 0.25, 0.5, 1.0):
        at, where = one.at(scale), f"at width {scale:g}"
        contrast = at["ima_contrast"]
        numbers |= {
            f"alignment {where}": at["alignment"],
            f"margin {where}": at["margin"],
            f"- DtO / chance {where}": -at["dto"] / one.found["dto_chance"],
            f"- c_IMA {where}": np.nan if contrast is None else -contrast,
            f"order agreement {where}": at["order_agreement"],
        }
    return numbers


def _overlap(one: DiagnosedSet) -> float:
    value = one.found["overlap"]["rank_correlation"]
    return np.nan if value is None else float(value)
