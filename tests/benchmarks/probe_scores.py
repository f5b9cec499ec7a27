"""SAP, explicitness and InfoE from batched probes in torch against scikit-learn's estimators.

Codes are ten latents: the five factors, standardised, plus noise, and five latents of noise; the
factors have the sizes of dSprites (3, 6, 40, 32, 32).

* SAP, discrete: one ``LinearSVC(C=0.01, class_weight="balanced")`` per latent and factor;
* explicitness: one ``LogisticRegression()`` per factor and ``roc_auc_score`` on the test rows;
* InfoE: one ``LogisticRegression(C=inf, max_iter=100)`` per factor on all training rows, as in the
  published code; with ``tol=1e-8, max_iter=10000`` as "converged", for the same answer as ours.

Rounds go ours, scikit-learn, ours ...; medians over rounds. CPU seconds tell more than wall
seconds on a shared machine.

Run: python tests/benchmarks/probe_scores.py --threads 1 --rounds 3
"""

import argparse
import math
import os
import statistics
import warnings
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from common import elapsed, head, interleaved, now, table
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.svm import LinearSVC

from vaescope.metrics.information.infomec import info_explicitness
from vaescope.metrics.prediction.one_vs_rest_auc import explicitness
from vaescope.metrics.prediction.sap import sap_discrete

SIZES = (3, 6, 40, 32, 32)


def made_up(rows: int, noise: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    factors = np.stack([rng.integers(size, size=rows) for size in SIZES], 1)
    latents = (factors - factors.mean(0)) / factors.std(0)
    extra = rng.standard_normal((rows, len(SIZES)))
    return np.hstack([latents + noise * rng.standard_normal(latents.shape), extra]), factors


def svc_sap(x: np.ndarray, y: np.ndarray, x_test: np.ndarray, y_test: np.ndarray) -> float:
    accuracies = np.empty((x.shape[1], y.shape[1]))
    for latent in range(x.shape[1]):
        for factor in range(y.shape[1]):
            machine = LinearSVC(C=0.01, class_weight="balanced")
            machine.fit(x[:, latent : latent + 1], y[:, factor])
            accuracies[latent, factor] = machine.score(
                x_test[:, latent : latent + 1], y_test[:, factor]
            )
    ordered = np.sort(accuracies, axis=0)
    return float((ordered[-1] - ordered[-2]).mean())


def auc_explicitness(x: np.ndarray, y: np.ndarray, x_test: np.ndarray, y_test: np.ndarray) -> float:
    x, x_test = (x - x.mean(0)) / x.std(0), (x_test - x.mean(0)) / x.std(0)
    areas = []
    for labels, truth in zip(y.T, y_test.T, strict=True):
        p = LogisticRegression().fit(x, labels).predict_proba(x_test)
        areas.append(roc_auc_score(np.eye(p.shape[1])[truth], p))
    return float(np.mean(areas))


def loss_explicitness(x: np.ndarray, y: np.ndarray, tol: float, max_iter: int) -> float:
    x = (x - x.mean(0)) / x.std(0)
    shares = []
    for labels in y.T:
        model = LogisticRegression(C=math.inf, tol=tol, max_iter=max_iter).fit(x, labels)
        p = np.bincount(labels) / len(labels)
        shares.append(1 + log_loss(labels, model.predict_proba(x)) / (p * np.log(p)).sum())
    return float(np.mean(shares))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--test-rows", type=int, default=5_000)
    parser.add_argument("--noise", type=float, default=0.1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    settings = parser.parse_args()
    torch.set_num_threads(settings.threads)
    head("Scores by probes: ours and scikit-learn's; medians over rounds", vars(settings))
    x, y = made_up(settings.rows, settings.noise, 0)
    x_test, y_test = made_up(settings.test_rows, settings.noise, 1)
    ours = torch.from_numpy(x), torch.from_numpy(y)
    test = torch.from_numpy(x_test), torch.from_numpy(y_test)
    found: dict[str, float] = {}

    def case(name: str, score: Callable[[], float]) -> Callable[[], tuple[float, float]]:
        def run() -> tuple[float, float]:
            start = now()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # not converged: that is what is published
                found[name] = score()
            return elapsed(start)

        return run

    scores = {
        "SAP discrete": lambda: sap_discrete(*ours, test=test).score,
        "SAP discrete, LinearSVC": lambda: svc_sap(x, y, x_test, y_test),
        "explicitness": lambda: explicitness(*ours, test=test).score,
        "explicitness, LogisticRegression": lambda: auc_explicitness(x, y, x_test, y_test),
        "InfoE": lambda: float(info_explicitness(*ours).mean()),
        "InfoE, LogisticRegression": lambda: loss_explicitness(x, y, 1e-4, 100),
        "InfoE, LogisticRegression converged": lambda: loss_explicitness(x, y, 1e-8, 10_000),
    }
    cases = {name: case(name, score) for name, score in scores.items()}
    taken = interleaved(cases, settings.rounds)
    rows = []
    for name, times in taken.items():
        base = taken[name.partition(",")[0]]
        wall, cpu = (statistics.median(t[clock] for t in times) for clock in (0, 1))
        ratio = statistics.median(t[1] / b[1] for t, b in zip(times, base, strict=True))
        rows.append([name, f"{found[name]:.5f}", wall, cpu, ratio])
    table(["score", "value", "wall s", "CPU s", "CPU / ours"], rows)


if __name__ == "__main__":
    main()
