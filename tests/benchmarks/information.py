"""Scores of information: all of them from codes against scikit-learn's loop over pairs.

Codes of ``--rows`` samples, ``--latents`` latents and factors of the sizes of dSprites:

* scikit-learn: MIG as in the field's standard code: numpy's bins, ``mutual_info_score`` of every
  latent with every factor and of each factor with itself; one score, no chance level: the base;
* matrix: the same informations of binned codes by ``mutual_information``;
* scores: from codes to all scores (`information_table`, `family_of_table`);
* family: the scores with chance, ceiling and interval from ``--repeats`` shuffles and resamples;
* shuffled, resampled: the matrices ``[repeats, latents, factors]`` of one call;
* ksg, chen: the same matrix by nearest neighbours, and from 2,000 drawn codes (with --slow).

The rounds go through all cases in turn; ratios are those of one round.

Run: python tests/benchmarks/information.py --threads 1 --rounds 5
"""

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from common import elapsed, head, interleaved, now, ratios, table
from sklearn.metrics import mutual_info_score

from vaescope.metrics.information.family import family_of_table, information_family
from vaescope.metrics.information.information_matrix import mutual_information
from vaescope.metrics.information.ksg import nearest_information
from vaescope.metrics.information.posterior import posterior_information
from vaescope.metrics.information.tables import (
    binned_pair,
    bootstrap_weights,
    information_table,
    resampled_tables,
    shuffle_orders,
    shuffled_tables,
)

SIZES = (3, 6, 40, 32, 32)
BINS = 20


def made_up(rows: int, latents: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Noisy codes [N, D] of independent factors [N, 5]; what is beyond the factors is noise."""
    generator = torch.Generator().manual_seed(0)
    factors = torch.stack([torch.randint(s, (rows,), generator=generator) for s in SIZES], 1)
    codes = torch.randn(rows, latents, generator=generator, dtype=torch.float64)
    known = min(latents, len(SIZES))
    codes[:, :known] = 0.3 * codes[:, :known] + factors[:, :known]
    return codes, factors


def loop(codes: np.ndarray, labels: np.ndarray) -> float:
    """MIG by numpy and scikit-learn."""
    binned = [np.digitize(code, np.histogram(code, BINS)[1][:-1]) for code in codes.T]
    table = np.array([[mutual_info_score(label, code) for label in labels.T] for code in binned])
    entropies = np.array([mutual_info_score(label, label) for label in labels.T])
    best, second = np.sort(table, 0)[::-1][:2]
    return float(np.mean((best - second) / entropies))


def timed(make: Callable[[], Any]) -> Callable[[], tuple[float, float]]:
    """Wall and CPU seconds of one call."""

    def run() -> tuple[float, float]:
        start = now()
        make()
        return elapsed(start)

    return run


def cases(settings: argparse.Namespace) -> dict[str, Callable[[], Any]]:
    """What is measured, by name."""
    codes, factors = made_up(settings.rows, settings.latents)
    binned, labels = binned_pair(codes, factors, bins=BINS)
    arrays, repeats = (codes.numpy(), labels.numpy()), settings.repeats
    rows = len(labels)
    found: dict[str, Callable[[], Any]] = {
        "scikit-learn": lambda: loop(*arrays),
        "matrix": lambda: mutual_information(binned, labels),
        "scores": lambda: family_of_table(information_table(codes, factors, bins=BINS)),
        "family": lambda: information_family(codes, factors, bins=BINS, repeats=repeats),
        "shuffled": lambda: shuffled_tables(binned, labels, BINS, shuffle_orders(rows, repeats)),
        "resampled": lambda: resampled_tables(
            binned, labels, BINS, bootstrap_weights(rows, repeats)
        ),
    }
    if settings.slow:
        variances = torch.full_like(codes, 0.1)
        found["ksg"] = lambda: nearest_information(codes, factors)
        found["chen"] = lambda: posterior_information(codes, variances, factors)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--latents", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--slow", action="store_true", help="ksg and chen, too")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    settings = parser.parse_args()
    torch.set_num_threads(settings.threads)
    head("Scores of information: milliseconds of the best round, CPU time", vars(settings))
    measured = {name: timed(make) for name, make in cases(settings).items()}
    for case in measured.values():
        case()
    taken = interleaved(measured, settings.rounds)
    lines = []
    for name, times in taken.items():
        best = [1e3 * min(time[clock] for time in times) for clock in (0, 1)]
        lines.append([name, *best, *ratios(taken, name, "scikit-learn", 1)])
    table(["case", "wall ms", "CPU ms", "times scikit-learn's", "range"], lines)


if __name__ == "__main__":
    main()
