"""Runs whose beta moves while they train, up or down, and where their latents die or come back."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from vaescope.reproduction.claims import Measured
from vaescope.reproduction.paper import Numbers, Opened
from vaescope.reproduction.results import Result, Results

MODELS = {"linear": "linear VAE", "nonlinear": "non-linear VAE"}
DIRECTIONS = ("up", "down")
EIGENVALUES = "eigenvalues"
IMAGES = 10_000
# A latent counts as dead where less than this share of it is signal. It is the ICML paper's rule,
# E sigma^2 < 0.8; theory has it cross that line at 0.8 of its threshold, ahead of the point itself,
# near which nothing moves in finite time.
DEAD = 0.2
SETTLED = 0.7  # of the lowest threshold: where a model has turned to its axes, and none is dead yet
BEGINNING = 0.05  # of a run, in which a model has not yet come to its first beta


@dataclass(frozen=True)
class Sweep:
    """One run.

    Attributes:
        betas: weight of the KL at each evaluation [T], rising (of a run downward: reversed).
        shares: what share of each latent is signal there [S, T, D].
        predictions: the beta at which each latent dies, as the statistic says it before the first
            one has [S, D].
        eigenvalues: of the data's covariance, the largest first [X].
    """

    betas: np.ndarray
    shares: np.ndarray
    predictions: np.ndarray
    eigenvalues: np.ndarray

    @property
    def thresholds(self) -> np.ndarray:
        """What theory has of the largest eigenvalues, 2 lambda_j, the lowest first [D]."""
        latents = self.shares.shape[2]
        padded = np.pad(self.eigenvalues, (0, max(0, latents - len(self.eigenvalues))))
        return 2 * padded[:latents][::-1]

    @property
    def deaths(self) -> np.ndarray:
        """Thresholds of every latent as measured [S, D], see `threshold_of`."""
        return np.array([[threshold_of(self.betas, s) for s in seed.T] for seed in self.shares])

    @property
    def in_reach(self) -> np.ndarray:
        """Whether theory has a latent alive at the lowest beta, in the order of death [D]."""
        reached: np.ndarray = (1 - DEAD) * self.thresholds > self.betas[0]
        return reached

    @property
    def before_the_first(self) -> int:
        """The last evaluation at less than 0.7 of the lowest threshold: all latents are alive."""
        lowest = self.thresholds[self.in_reach].min(initial=np.inf)
        return max(0, int(np.searchsorted(self.betas, SETTLED * lowest)) - 1)

    def law(self) -> np.ndarray:
        """The shares that theory has at each beta, the latents in the order of death [T, D]."""
        with np.errstate(divide="ignore"):
            return np.clip(1 - self.betas[:, None] / self.thresholds.clip(min=0), 0, 1)


def threshold_of(betas: np.ndarray, shares: np.ndarray) -> float:
    """The beta at which a latent dies, from where its share of signal last is above 0.2.

    Args:
        betas: rising [T].
        shares: of the latent [T].

    Returns:
        The crossing, between two evaluations on a straight line, over 0.8: by theory the share is
        1 - beta / threshold. 0 of a latent that is never alive; infinite of one that never dies.

    Example:
        >>> betas = np.array([1.0, 2.0, 3.0, 4.0])
        >>> threshold_of(betas, 1 - betas / 4)
        4.0
    """
    alive = np.flatnonzero(shares >= DEAD)
    if not len(alive):
        return 0.0
    last = alive[-1]
    if last + 1 == len(betas):
        return np.inf
    way = (shares[last] - DEAD) / (shares[last] - shares[last + 1])
    crossing = betas[last] + way * (betas[last + 1] - betas[last])
    return float(crossing / (1 - DEAD))


def sweep_of(result: Result, eigenvalues: np.ndarray) -> Sweep:
    """The evaluations of a run, in the order of beta."""
    found = result.evaluations("val/weight_kl")
    last = max(found)
    steps = sorted(step for step in found if step >= BEGINNING * last)
    if found[steps[0]][0] > found[steps[-1]][0]:
        steps.reverse()
    latents = range(int(result.config["latent_dim"]))
    shares = [_values(result, f"val/signal_share_{j:02d}", steps).T for j in latents]
    betas = np.array([found[step][0] for step in steps])
    sweep = Sweep(betas, np.stack(shares, axis=2), np.empty((0, 0)), eigenvalues)
    then = steps[sweep.before_the_first]
    told = [result.evaluations(f"val/collapse_beta_{j:02d}", then)[then] for j in latents]
    return replace(sweep, predictions=np.stack(told, axis=1))


def _values(result: Result, key: str, steps: Sequence[int]) -> np.ndarray:
    """A number of every seed at these steps [T, S]."""
    found = result.evaluations(key)
    return np.stack([found[step] for step in steps])


def sweeps_of(results: Results, measured: Measured) -> Mapping[str, dict[str, Sweep]]:
    """Finished runs by model and direction."""
    found: dict[str, dict[str, Sweep]] = {}
    for model in MODELS:
        for direction in DIRECTIONS:
            name = f"{model}_{direction}"
            if name in results and results[name].rows and EIGENVALUES in measured.get(name, {}):
                spectrum = np.array(measured[name][EIGENVALUES])
                found.setdefault(model, {})[direction] = sweep_of(results[name], spectrum)
    return found


def data_eigenvalues(run: Opened) -> Numbers:
    """``eigenvalues`` of the covariance of the whole data set, 10,000 images at most."""
    rows = torch.arange(min(IMAGES, len(run.data.dataset)))
    pixels = run.data.dataset.batch(rows).image.flatten(1).double()
    return {EIGENVALUES: torch.linalg.eigvalsh(pixels.T.cov(correction=0)).flip(0).tolist()}


def ordered_deaths(sweep: Sweep) -> Iterator[np.ndarray]:
    """Of every place in the order of death, the first to die first, its thresholds [S]."""
    yield from np.sort(sweep.deaths, axis=1).T
