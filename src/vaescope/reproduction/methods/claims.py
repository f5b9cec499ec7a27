"""Claims about methods side by side."""

from collections.abc import Iterable, Sequence

import numpy as np

from vaescope.reproduction.claims import Claim, Part, less, verdict_of_gap
from vaescope.reproduction.correlation import RankCorrelation
from vaescope.reproduction.methods.correlations import correlated, explained
from vaescope.reproduction.methods.measured import DCI, DTO, MIG, SCORES, Finished, finished, pooled
from vaescope.reproduction.methods.names import PAIRS, SETS, TITLES
from vaescope.reproduction.methods.weights import choice_of
from vaescope.reproduction.results import Results

NEAR = 0.1  # of chance
# without a part in the loss that turns the axes
UNTURNED = ("autoencoder", "pcl", "info_nce")
HALF = 0.5  # of the variance
FEW = 0.1  # of the seeds
FEWEST = 10  # runs of which a correlation says something


def _by_set(results: Results) -> Iterable[tuple[str, list[Finished]]]:
    every = list(finished(results))
    for data, title in SETS.items():
        yield title, [one for one in every if one.of.data == data]


def _goes_with(results: Results, score: str, sign: int, target: str = MIG) -> Iterable[Part]:
    """Whether the correlation of two scores has this sign on each set, by its interval."""
    for title, every in _by_set(results):
        found = correlated(every, score, target) if every else None
        if found is not None and found.n >= FEWEST and np.isfinite(found.value):
            yield _verdict(found, sign), f"{title}: {found}"


def _verdict(found: RankCorrelation, sign: int) -> str:
    low, high = sorted((sign * found.low, sign * found.high))
    return verdict_of_gap(low, high)


def _at_chance(results: Results) -> Iterable[Part]:
    for title, every in _by_set(results):
        for one in every:
            if one.of.method in UNTURNED and np.isfinite(one.mean(DTO)):
                near = abs(one.mean(DTO) - 1) <= NEAR
                told = f"{title}, {one.of.title}: {one.mean(DTO):.2f}"
                yield ("holds" if near else "fails"), told


def _below(
    results: Results, score: str, first: str, others: Sequence[str], more: bool = False
) -> Iterable[Part]:
    """Whether a method has less of a score than each of the others, or more."""
    for data, title in SETS.items():
        for other in others:
            names = f"{data}_{first}", f"{data}_{other}"
            a, b = reversed(names) if more else names
            titles = TITLES[first], ">" if more else "<", TITLES[other]
            yield from less(results, SCORES[score], a, b, f"{title}, {' '.join(titles)}")


def _pairs_ahead(results: Results) -> Iterable[Part]:
    unsupervised = [m for m in TITLES if m not in PAIRS]
    for title, every in _by_set(results):
        means = {one.of.method: one.mean(MIG) for one in every}
        alone = {m: means[m] for m in unsupervised if m in means}
        taught = {m: means[m] for m in PAIRS if m in means}
        if alone and taught:
            best, of = max(alone, key=alone.__getitem__), max(taught, key=taught.__getitem__)
            ahead = taught[of] > alone[best]
            told = f"{title}: {TITLES[of]} {taught[of]:.2f}, {TITLES[best]} {alone[best]:.2f}"
            yield ("holds" if ahead else "fails"), told


def _more_than_seeds(results: Results) -> Iterable[Part]:
    for title, every in _by_set(results):
        share = explained(pooled(every)) if every else np.nan
        if np.isfinite(share):
            told = f"{title}: {share:.0%} of {len(every)} methods' variance"
            yield ("holds" if share > HALF else "fails"), told


def _keeps(results: Results) -> Iterable[Part]:
    for title, every in _by_set(results):
        pruned = [one.over_pruned for one in every if choice_of(one.result.beside)]
        if pruned:
            flags = np.concatenate(pruned)
            kept = flags.mean() <= FEW
            yield ("holds" if kept else "fails"), f"{title}: {flags.sum()} of {len(flags)} seeds"


CLAIMS: tuple[Claim, ...] = (
    (
        "Over all runs of a set, a smaller DtO / chance goes with a larger MIG",
        lambda results, _: _goes_with(results, DTO, -1),
    ),
    (
        "Codes whose loss prefers no axes stay at the chance level of DtO (0.1)",
        lambda results, _: _at_chance(results),
    ),
    (
        "The VAE has a smaller DtO / chance than the autoencoder, and so has the beta-VAE",
        lambda results, _: [
            *_below(results, DTO, "vae", ["autoencoder"]),
            *_below(results, DTO, "beta_vae", ["autoencoder"]),
        ],
    ),
    (
        "The beta-VAE has a larger MIG than the autoencoder",
        lambda results, _: _below(results, MIG, "beta_vae", ["autoencoder"], more=True),
    ),
    (
        "The term that the noise leaves behind is enough: the regularised AE has a larger MIG "
        "than the autoencoder",
        lambda results, _: _below(
            results, MIG, "regularised_autoencoder", ["autoencoder"], more=True
        ),
    ),
    ("The larger MIG goes with the larger DCI", lambda results, _: _goes_with(results, DCI, 1)),
    (
        "UDR, which needs no label, goes with MIG (Duan et al. 2020)",
        lambda results, _: _goes_with(results, "UDR", 1),
    ),
    (
        "The closer to the polarized regime, the larger the MIG",
        lambda results, _: _goes_with(results, "Δ_KL", -1),
    ),
    (
        "A worse reconstruction goes with a larger MIG",
        lambda results, _: _goes_with(results, "reconstruction", 1),
    ),
    (
        "Pairs of images help: the best of their methods is ahead of the best without (means)",
        lambda results, _: _pairs_ahead(results),
    ),
    (
        "Ada-GVAE, whose pairs are not labelled, has a larger MIG than the beta-VAE",
        lambda results, _: _below(results, MIG, "ada_gvae", ["beta_vae"], more=True),
    ),
    (
        "Methods differ by more than seeds: between them lies more than half of MIG's variance",
        lambda results, _: _more_than_seeds(results),
    ),
    (
        "The rule keeps what pilots kept: of the seeds whose weight it chose at most a tenth is "
        "over-pruned",
        lambda results, _: _keeps(results),
    ),
    (
        "A smaller DtO / chance goes with a larger DCI (asked after the first runs had been seen: "
        "a hue may take two latents, which MIG counts as entangled)",
        lambda results, _: _goes_with(results, DTO, -1, DCI),
    ),
)
