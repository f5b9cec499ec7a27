"""Are the panel's scores the same numbers on the accelerator, and how long do they take there?

The codes of ``panel.py``, on the CPU and on the accelerator in turns, with chance level, ceiling
and interval. The first call on each device is not timed.

Run: python tests/benchmarks/devices.py
"""

import argparse

import torch
from common import elapsed, head, now, table

from panel import KINDS, made
from vaescope.panel import DEFAULT_SCORES, FAMILIES, INFORMATION_SCORES, Measured, score_panel

# scikit-learn's estimators: on the CPU wherever the codes lie
ON_THE_CPU = ("dci_gbt", "dci_forest")


def scored(inputs: list[torch.Tensor], name: str, repeats: int, costly: int) -> dict[str, Measured]:
    """One score of codes, factors and variances."""
    codes, factors, variance = inputs
    return score_panel(
        codes,
        factors,
        kinds=KINDS,
        variance=variance,
        scores=[name],
        repeats=repeats,
        costly_repeats=costly,
    )


def difference(first: dict[str, Measured], second: dict[str, Measured]) -> float:
    """Largest difference of any score, chance level, ceiling or end of an interval."""
    pairs = [
        (getattr(first[name], part), getattr(second[name], part))
        for name in first
        for part in ("score", "chance", "ceiling", "low", "high")
    ]
    return max(abs(a - b) for a, b in pairs if a is not None and b is not None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--costly-repeats", type=int, default=5)
    every = [name for name in (*INFORMATION_SCORES, *FAMILIES) if name not in ON_THE_CPU]
    parser.add_argument("--scores", nargs="*", default=every, choices=every)
    settings = parser.parse_args()
    head("The panel's scores on two devices", vars(settings))
    codes, factors = made(settings.rows)
    variance = torch.full_like(codes, 0.01)
    rows, totals = [], {"cpu": 0.0, settings.device: 0.0}
    for name in settings.scores:
        found, taken = {}, {}
        for device in totals:
            inputs = [part.to(device) for part in (codes, factors, variance)]
            scored([part[:1000] for part in inputs], name, 0, 0)
            start = now()
            found[device] = scored(inputs, name, settings.repeats, settings.costly_repeats)
            taken[device] = elapsed(start)[0]
            if name in DEFAULT_SCORES:
                totals[device] += taken[device]
        one, other = found.values()
        values = " ".join(f"{measured.score:.3f}" for measured in one.values())
        rows.append([name, *taken.values(), difference(one, other), values])
    rows.append(["default panel", *totals.values(), "", ""])
    table(["score", "CPU s", f"{settings.device} s", "largest difference", "values"], rows)


if __name__ == "__main__":
    main()
