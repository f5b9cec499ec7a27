"""Which scores there are, how each is made of a sample, and by which convention."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from vaescope.alignment import gaussian_total_correlation, mean_correlation
from vaescope.errors import NoScoreError
from vaescope.metrics.estimators.probe_data import factor_kinds
from vaescope.metrics.information.gap import information_gaps
from vaescope.metrics.information.infomec import info_mec
from vaescope.metrics.information.information_matrix import pairwise_information
from vaescope.metrics.information.posterior import posterior_table
from vaescope.metrics.information.scores import rmig
from vaescope.metrics.information.tables import information_table
from vaescope.metrics.intervention.interventional_robustness import irs
from vaescope.metrics.intervention.majority_vote import factor_vae_score
from vaescope.metrics.intervention.overlap import omes
from vaescope.metrics.intervention.shared_factor import beta_vae_score
from vaescope.metrics.prediction.dci_scores import dci
from vaescope.metrics.prediction.downstream import (
    label_efficiency,
    reduced_accuracy,
    shifted_accuracy,
)
from vaescope.metrics.prediction.fairness import unfairness_of_codes
from vaescope.metrics.prediction.neighbours import neighbour_score
from vaescope.metrics.prediction.one_vs_rest_auc import explicitness
from vaescope.metrics.prediction.probe_capacity import dci_es
from vaescope.metrics.prediction.regression import explained_variance
from vaescope.metrics.prediction.sap import sap_continuous, sap_discrete
from vaescope.metrics.unsupervised.linear_separability import separability
from vaescope.metrics.unsupervised.supports import factorised_support
from vaescope.metrics.unsupervised.wasserstein import gaussian_wasserstein_correlation
from vaescope.panel.sample import Sample

# a number, or why there is none although there are others of the same computation
Numbers = Mapping[str, float | NoScoreError]
MOST_WEIGHTS = 1200  # of the regression behind InfoE: seconds for 10,000 rows
Cost = Literal["low", "high"]


@dataclass(frozen=True)
class Family:
    """Scores that come of one computation.

    Attributes:
        compute: the scores of a sample by name; ``NoScoreError`` if it lacks what they need.
        convention: which of the field's readings they follow, in a line.
        cost: ``high`` if shuffles and halves of it should be few.
        supervised: whether factors enter, so that there is a chance level.
        ceiling: whether a perfect code may stay below the best value.
    """

    compute: Callable[[Sample], Numbers]
    convention: str
    cost: Cost = "low"
    supervised: bool = True
    ceiling: bool = True


def _mig(sample: Sample, convention: str) -> Numbers:
    found = information_gaps(
        sample.codes,
        sample.factors,
        convention=convention,  # type: ignore[arg-type]
        kinds=sample.kinds,
        variances=sample.posterior[1] if convention == "chen" else None,
        seed=sample.seed,
    )
    return {f"mig_{convention}": found.score}


def _rmig(sample: Sample) -> Numbers:
    table = posterior_table(*sample.posterior, sample.factors, kinds=sample.kinds)
    return {"rmig": float(rmig(table).score)}


def _dci(sample: Sample, probe: str) -> Numbers:
    found = dci(*sample.fitted, *sample.scored, kinds=sample.kinds, probe=probe, seed=sample.seed)
    name = "dci" if probe == "boosted" else f"dci_{probe}"
    return {
        f"{name}_disentanglement": found.disentanglement,
        f"{name}_completeness": found.completeness,
        f"{name}_informativeness": found.informativeness,
    }


def _dci_es(sample: Sample) -> Numbers:
    found = dci_es(*sample.fitted, *sample.scored, kinds=sample.kinds, seed=sample.seed)
    return {"dci_es_explicitness": found.explicitness, "dci_es_size": found.size}


def _sap(sample: Sample) -> Numbers:
    classes = sample.classes
    found = sap_discrete(*classes.fitted, kinds=classes.kinds, test=classes.scored)
    return {"sap": found.score}


def _sap_continuous(sample: Sample) -> Numbers:
    return {"sap_continuous": sap_continuous(*_all(sample.lines)).score}


def _explicitness(sample: Sample) -> Numbers:
    classes = sample.classes
    found = explicitness(*classes.fitted, kinds=classes.kinds, test=classes.scored)
    return {"explicitness": found.score}


def _factor_vae(sample: Sample) -> Numbers:
    found = factor_vae_score(*_all(sample), kinds=sample.kinds, seed=sample.seed)
    return {"factor_vae_score": found.score}


def _beta_vae(sample: Sample) -> Numbers:
    found = beta_vae_score(*_all(sample), kinds=sample.kinds, seed=sample.seed)
    return {"beta_vae_score": found.score}


def _irs(sample: Sample, convention: Literal["exact", "dlib"]) -> Numbers:
    name = "irs" if convention == "exact" else f"irs_{convention}"
    return {name: irs(*_all(sample), kinds=sample.kinds, convention=convention).score}


def _omes(sample: Sample) -> Numbers:
    return {"omes": omes(*_all(sample), kinds=sample.kinds, seed=sample.seed).score}


def _info_mec(sample: Sample) -> Numbers:
    refusal = _too_many_classes(sample)
    known = None if refusal is None else torch.zeros(sample.factors.shape[1])
    found = info_mec(*_all(sample), kinds=sample.kinds, explicitness=known, seed=sample.seed)
    return {
        "info_modularity": found.modularity,
        "info_explicitness": found.explicitness if refusal is None else refusal,
        "info_compactness": found.compactness,
    }


def _too_many_classes(sample: Sample) -> NoScoreError | None:
    """Why InfoE would take minutes: the curvature of its regression grows as the square."""
    inputs = sample.codes.shape[1] + 1
    for place, kind in enumerate(factor_kinds(sample.factors, sample.kinds)):
        classes = len(sample.factors[:, place].unique()) if kind == "class" else 0
        if classes * inputs > MOST_WEIGHTS:
            return NoScoreError(
                f"factor {place} has {classes} values, with {inputs - 1} latents at most "
                f"{MOST_WEIGHTS // inputs} are possible: bin it, leave it out, or give it the kind "
                "continuous"
            )
    return None


def _neighbours(sample: Sample) -> Numbers:
    lines = [kind != "categorical" for kind in sample.kinds]
    return {"neighbour_score": neighbour_score(*_all(sample), continuous=lines).score}


def _mcc(sample: Sample) -> Numbers:
    lines = _all(sample.lines)
    return {"mcc": mean_correlation(*lines), "mcc_rank": mean_correlation(*lines, rank=True)}


def _explained(sample: Sample) -> Numbers:
    found = explained_variance(*sample.fitted, kinds=sample.kinds, test=sample.scored)
    return {"explained_variance": found.score}


def _few_labels(sample: Sample) -> Numbers:
    classes = sample.classes
    few, many = (min(size, len(classes.rows[0])) for size in (100, 1000))
    found = label_efficiency(
        *classes.fitted,
        sizes=sorted({few, many}),
        kinds=classes.kinds,
        test=classes.scored,
        seed=sample.seed,
    )
    return {
        "accuracy_100_labels": float(found.scores[0]),
        "accuracy_1000_labels": float(found.scores[-1]),
        "label_efficiency": found.efficiency,
    }


def _shifted(sample: Sample) -> Numbers:
    classes = sample.classes
    found = shifted_accuracy(
        *classes.fitted, kinds=classes.kinds, test=classes.scored, seed=sample.seed
    )
    return {"shifted_accuracy": found.score, "shift_gap": found.gap}


def _reduced(sample: Sample) -> Numbers:
    classes = sample.classes
    information = information_table(*classes.fitted, kinds=classes.kinds).information
    found = reduced_accuracy(
        *classes.fitted, information, kinds=classes.kinds, test=classes.scored, seed=sample.seed
    )
    return {"reduced_accuracy_own": found.own, "reduced_accuracy_others": found.others}


def _unfairness(sample: Sample) -> Numbers:
    classes = sample.classes
    rows = *classes.fitted, *classes.scored
    return {"unfairness": unfairness_of_codes(*rows, kinds=classes.kinds, seed=sample.seed)}


def _total_correlation(sample: Sample) -> Numbers:
    return {"total_correlation": gaussian_total_correlation(sample.codes)}


def _wasserstein(sample: Sample) -> Numbers:
    return {
        "wasserstein_correlation": gaussian_wasserstein_correlation(sample.codes),
        "wasserstein_correlation_normalised": gaussian_wasserstein_correlation(
            sample.codes, normalised=True
        ),
    }


def _latent_information(sample: Sample) -> Numbers:
    return {"latent_information": pairwise_information(sample.codes)}


def _support(sample: Sample) -> Numbers:
    return {"factorised_support": factorised_support(sample.codes)}


def _separability(sample: Sample) -> Numbers:
    found = separability(*sample.posterior, seed=sample.seed)
    return {"sepin": float(found.separability.mean()), "wsepin": found.weighted}


def _all(sample: Sample) -> tuple[Tensor, Tensor]:
    return sample.codes, sample.factors


# these come from one table of informations, see ``information_family``
INFORMATION = (
    *("mig", "mig_sup", "jemmig", "dcimig", "modularity", "dmig", "xmig", "dlig"),
    *("minimality", "sufficiency", "axis_alignment"),
)
INFORMATION_CONVENTION = "dlib: latents in 20 bins of equal width, discrete factors as they are"

FAMILIES: dict[str, Family] = {
    "mig_dlib": Family(partial(_mig, convention="dlib"), "dlib: latents in 20 bins; as mig"),
    "mig_dcf": Family(partial(_mig, convention="dcf"), "dcf: factors in 20 bins, too"),
    "mig_ksg": Family(partial(_mig, convention="ksg"), "ksg: nearest neighbours, no bins", "high"),
    "mig_chen": Family(
        partial(_mig, convention="chen"), "chen: of q(z|x), no bins", "high", ceiling=False
    ),
    "rmig": Family(_rmig, "of q(z|x) in 100 bins from -4 to 4, nats", "high", ceiling=False),
    "dci": Family(partial(_dci, probe="boosted"), "boosted trees on binned codes, ours", "high"),
    "dci_gbt": Family(partial(_dci, probe="gbt"), "dlib: scikit-learn's gradient boosting", "high"),
    "dci_forest": Family(partial(_dci, probe="forest"), "scikit-learn's random forest", "high"),
    "dci_linear": Family(partial(_dci, probe="linear"), "least squares, standardised codes"),
    "dci_lasso": Family(partial(_dci, probe="lasso"), "lasso, standardised codes"),
    "dci_logistic": Family(partial(_dci, probe="logistic"), "multinomial logistic", "high"),
    "dci_es": Family(_dci_es, "linear to 1,024 random features, least squares", "high"),
    "sap": Family(_sap, "dlib: a linear support vector machine for each latent and factor"),
    "sap_continuous": Family(_sap_continuous, "squared correlations"),
    "explicitness": Family(_explicitness, "area under the ROC curve, 0.5 is chance", "high"),
    "factor_vae": Family(_factor_vae, "dlib's sizes, rows drawn from the sample"),
    "beta_vae": Family(_beta_vae, "dlib's sizes, rows drawn from the sample"),
    "irs": Family(partial(_irs, convention="exact"), "exact: discrete factors are not binned"),
    "irs_dlib": Family(partial(_irs, convention="dlib"), "dlib: factors in 20 bins"),
    "omes": Family(_omes, "pairs of rows that differ in one factor", "high"),
    "info_mec": Family(
        _info_mec, "10 neighbours, range above a 20th, entropies as reference", "high"
    ),
    "neighbours": Family(_neighbours, "5 neighbours in single latents, ordered factors regressed"),
    "mcc": Family(_mcc, "ordered factors, best one-to-one match, 0 without a latent"),
    "explained_variance": Family(_explained, "least squares on all latents, held-out rows"),
    "few_labels": Family(_few_labels, "logistic regression, at most 100 and 1,000 rows", "high"),
    "shifted": Family(_shifted, "logistic regression, each factor fixed at one value", "high"),
    "reduced": Family(_reduced, "logistic regression, without the most informed latent", "high"),
    "unfairness": Family(_unfairness, "dlib's, predictions of boosted trees, ours", "high"),
    "total_correlation": Family(_total_correlation, "of the codes as a Gaussian", supervised=False),
    "wasserstein": Family(_wasserstein, "of the codes as a Gaussian", supervised=False),
    "latent_information": Family(_latent_information, "dlib: 20 bins", supervised=False),
    "support": Family(_support, "batches of mean codes", "high", supervised=False),
    "separability": Family(_separability, "of q(z|x), Monte Carlo", "high", supervised=False),
}

DEFAULT = (
    *("mig", "dci", "sap", "modularity", "explicitness", "factor_vae", "beta_vae", "irs"),
    "info_mec",
)
