"""How long do the FactorVAE and BetaVAE scores take, beside a loop over their votes?

A pool of codes of the sizes of dSprites at the settings of disentanglement_lib: batch 64, 10,000
training and 5,000 evaluation votes or points. The loop draws and scores one vote at a time with
NumPy, from rows grouped once; both end in the same majority vote or classifier. A round runs all
cases in turn; ratios are medians over rounds of loop to vectorised in the same round.

Run: python tests/benchmarks/intervention_scores.py --threads 1 --rounds 3 2>/dev/null
"""

import argparse
import statistics
from collections.abc import Callable

import numpy as np
import torch
from common import elapsed, head, interleaved, now, ratios, table

from vaescope.metrics.intervention.fixed_factor import beta_vae_score, factor_vae_score

SIZES = (3, 6, 40, 32, 32)
TRAIN, EVALUATION, BATCH = 10_000, 5_000, 64

Groups = list[list[np.ndarray]]


def pool(rows: int, latents: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes [N, D], half of them noise, and factors [N, K]."""
    rng = np.random.default_rng(0)
    factors = np.stack([rng.integers(size, size=rows) for size in SIZES], 1)
    codes = 0.3 * rng.standard_normal((rows, latents))
    scaled = (factors - factors.mean(0)) / factors.std(0)
    codes[:, : len(SIZES)] += scaled[:, :latents]
    return codes, factors


def grouped(factors: np.ndarray) -> Groups:
    """For every factor and value the rows that have it."""
    return [
        [np.flatnonzero(factors[:, j] == value) for value in range(size)]
        for j, size in enumerate(SIZES)
    ]


def factor_vae_loop(codes: np.ndarray, factors: np.ndarray) -> float:
    """FactorVAE score, one vote at a time."""
    rng, groups = np.random.default_rng(1), grouped(factors)
    variances = codes.var(0, ddof=1)
    active = np.flatnonzero(np.sqrt(variances) >= 0.05)
    votes = np.zeros((2, codes.shape[1], len(SIZES)), dtype=int)
    for vote in range(TRAIN + EVALUATION):
        fixed = rng.integers(len(SIZES))
        rows = groups[fixed][factors[rng.integers(len(codes)), fixed]]
        local = codes[rng.choice(rows, BATCH)].var(0, ddof=1)
        votes[int(vote >= TRAIN), active[np.argmin((local / variances)[active])], fixed] += 1
    named = votes[0].argmax(1)
    return float(votes[1][np.arange(len(named)), named].sum() / EVALUATION)


def beta_vae_loop(codes: np.ndarray, factors: np.ndarray) -> float:
    """BetaVAE score, one point at a time."""
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(1)
    orders = factors.argsort(0, kind="stable")
    starts = [
        np.searchsorted(np.sort(f), np.arange(s + 1)) for f, s in zip(factors.T, SIZES, strict=True)
    ]
    labels = rng.integers(len(SIZES), size=TRAIN + EVALUATION)
    points = np.empty((len(labels), codes.shape[1]))
    for point, shared in enumerate(labels):
        first = rng.integers(len(codes), size=BATCH)
        values = factors[first, shared]
        places = rng.integers(starts[shared][values], starts[shared][values + 1])
        second = orders[places, shared]
        points[point] = np.abs(codes[first] - codes[second]).mean(0)
    classifier = LogisticRegression().fit(points[:TRAIN], labels[:TRAIN])
    return float(classifier.score(points[TRAIN:], labels[TRAIN:]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--latents", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    settings = parser.parse_args()
    torch.set_num_threads(settings.threads)
    head("Intervention-based scores", vars(settings))
    arrays = pool(settings.rows, settings.latents)
    tensors = tuple(torch.from_numpy(array) for array in arrays)
    scores: dict[str, float] = {}

    def timed(name: str, score: Callable[[], float]) -> Callable[[], tuple[float, float]]:
        def run() -> tuple[float, float]:
            start = now()
            scores[name] = score()
            return elapsed(start)

        return run

    cases = {
        "FactorVAE score": lambda: factor_vae_score(*tensors).score,
        "FactorVAE score, loop": lambda: factor_vae_loop(*arrays),
        "BetaVAE score": lambda: beta_vae_score(*tensors).score,
        "BetaVAE score, loop": lambda: beta_vae_loop(*arrays),
    }
    beta_vae_score(*tensors, train_points=100, eval_points=100)  # imports scikit-learn
    taken = interleaved({n: timed(n, c) for n, c in cases.items()}, settings.rounds)
    rows = []
    for name, times in taken.items():
        median = [statistics.median(time[clock] for time in times) for clock in (0, 1)]
        base = name if name.endswith("loop") else f"{name}, loop"
        rows.append([name, *median, scores[name], *ratios(taken, name, base, 1)])
    table(["score", "wall s", "CPU s", "value", "times the loop (CPU)", "range"], rows)


if __name__ == "__main__":
    main()
