"""How each family of scores is computed from a sample; its record is in ``vaescope.scores``.

A function here has the name that the record gives, and the record says what its numbers are. It
takes a sample and the record's options, and returns numbers by score, or raises ``NoScoreError`` if
the sample lacks what they need.
"""

from collections.abc import Mapping
from typing import Literal

import torch

from vaescope import metrics
from vaescope.alignment import gaussian_total_correlation, mean_correlation
from vaescope.errors import NoScoreError
from vaescope.metrics.estimators.probe_data import Rows, factor_kinds
from vaescope.metrics.information.posterior import posterior_table
from vaescope.metrics.prediction.one_vs_rest_auc import explicitness_of_probes
from vaescope.panel.sample import Sample

# a number, or why there is none although there are others of the same computation
Numbers = Mapping[str, float | NoScoreError]
MOST_WEIGHTS = 1200  # of the regression behind InfoE: seconds for 10,000 rows


def mig(sample: Sample, convention: Literal["dlib", "dcf", "ksg", "chen"]) -> Numbers:
    found = metrics.information_gaps(
        *_all(sample),
        convention=convention,
        kinds=sample.kinds,
        variances=sample.posterior[1] if convention == "chen" else None,
        seed=sample.seed,
    )
    return {f"mig_{convention}": found.score}


def rmig(sample: Sample) -> Numbers:
    table = posterior_table(*sample.posterior, sample.factors, kinds=sample.kinds)
    return {"rmig": float(metrics.rmig(table).score)}


def dci(sample: Sample, probe: str) -> Numbers:
    found = metrics.dci(
        *sample.fitted, *sample.scored, kinds=sample.kinds, probe=probe, seed=sample.seed
    )
    name = "dci" if probe == "boosted" else f"dci_{probe}"
    return {
        f"{name}_disentanglement": found.disentanglement,
        f"{name}_completeness": found.completeness,
        f"{name}_informativeness": found.informativeness,
    }


def dci_es(sample: Sample) -> Numbers:
    found = metrics.dci_es(*sample.fitted, *sample.scored, kinds=sample.kinds, seed=sample.seed)
    return {"dci_es_explicitness": found.explicitness, "dci_es_size": found.size}


def sap(sample: Sample) -> Numbers:
    classes = sample.classes
    found = metrics.sap_discrete(*classes.fitted, kinds=classes.kinds, test=classes.scored)
    return {"sap": found.score}


def sap_continuous(sample: Sample) -> Numbers:
    return {"sap_continuous": metrics.sap_continuous(*_all(sample.ordered)).score}


def explicitness(sample: Sample) -> Numbers:
    classes = sample.classes
    probes = metrics.fit_logistic(*classes.fitted, kinds=classes.kinds, strength=1.0)
    return {"explicitness": explicitness_of_probes(probes, *classes.scored)[0]}


def factor_vae(sample: Sample) -> Numbers:
    found = metrics.factor_vae_score(*_all(sample), kinds=sample.kinds, seed=sample.seed)
    return {"factor_vae_score": found.score}


def beta_vae(sample: Sample) -> Numbers:
    found = metrics.beta_vae_score(*_all(sample), kinds=sample.kinds, seed=sample.seed)
    return {"beta_vae_score": found.score}


def irs(sample: Sample, convention: Literal["exact", "dlib"]) -> Numbers:
    name = "irs" if convention == "exact" else f"irs_{convention}"
    return {name: metrics.irs(*_all(sample), kinds=sample.kinds, convention=convention).score}


def omes(sample: Sample) -> Numbers:
    return {"omes": metrics.omes(*_all(sample), kinds=sample.kinds, seed=sample.seed).score}


def info_mec(sample: Sample) -> Numbers:
    refusal = _too_many_classes(sample)
    known = None if refusal is None else torch.zeros(sample.factors.shape[1])
    found = metrics.info_mec(
        *_all(sample), kinds=sample.kinds, explicitness=known, seed=sample.seed
    )
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


def med(sample: Sample, top: int | None = None) -> Numbers:
    table = metrics.information_table(*_all(sample), kinds=sample.kinds)
    found, name = metrics.med(table, top=top), "med" if top is None else "med_top"
    return {
        f"{name}_disentanglement": found.disentanglement,
        f"{name}_completeness": found.completeness,
    }


def edi(sample: Sample) -> Numbers:
    found = metrics.edi(*sample.fitted, *sample.scored, kinds=sample.kinds, seed=sample.seed)
    return {
        "edi_modularity": found.modularity,
        "edi_compactness": found.compactness,
        "edi_explicitness": found.explicitness,
    }


def snc(sample: Sample) -> Numbers:
    classes = sample.classes
    rows = *classes.fitted, *classes.scored
    return {"snc": metrics.single_neuron_classification(*rows, kinds=classes.kinds).score}


def nk(sample: Sample) -> Numbers:
    classes = sample.classes
    rows = *classes.fitted, *classes.scored
    return {"nk": metrics.neuron_knockout(*rows, kinds=classes.kinds, seed=sample.seed).score}


def neighbours(sample: Sample, neighbours: int = 5) -> dict[str, float]:
    found = metrics.neighbour_score(
        *_all(sample), continuous=sample.regressed, neighbours=neighbours
    )
    return {"neighbour_score": found.score}


def mcc(sample: Sample) -> dict[str, float]:
    ordered = _all(sample.ordered)
    return {"mcc": mean_correlation(*ordered), "mcc_rank": mean_correlation(*ordered, rank=True)}


def explained_variance(sample: Sample) -> Numbers:
    found = metrics.explained_variance(*sample.fitted, kinds=sample.kinds, test=sample.scored)
    return {"explained_variance": found.score}


def few_labels(sample: Sample) -> Numbers:
    classes = sample.classes
    found = metrics.label_efficiency(
        *classes.fitted,
        sizes=sorted({min(size, len(classes.rows[0])) for size in (100, 1000)}),
        kinds=classes.kinds,
        test=classes.scored,
        seed=sample.seed,
    )
    return {
        "accuracy_100_labels": float(found.scores[0]),
        "accuracy_1000_labels": float(found.scores[-1]),
        "label_efficiency": found.efficiency,
    }


def shifted(sample: Sample) -> Numbers:
    classes = sample.classes
    found = metrics.shifted_accuracy(
        *classes.fitted, kinds=classes.kinds, test=classes.scored, seed=sample.seed
    )
    return {"shifted_accuracy": found.score, "shift_gap": found.gap}


def reduced(sample: Sample) -> Numbers:
    classes = sample.classes
    table = metrics.information_table(*classes.fitted, kinds=classes.kinds)
    found = metrics.reduced_accuracy(
        *classes.fitted,
        table.information,
        kinds=classes.kinds,
        test=classes.scored,
        seed=sample.seed,
    )
    return {"reduced_accuracy_own": found.own, "reduced_accuracy_others": found.others}


def unfairness(sample: Sample) -> Numbers:
    classes = sample.classes
    rows = *classes.fitted, *classes.scored
    return {"unfairness": metrics.unfairness_of_codes(*rows, kinds=classes.kinds, seed=sample.seed)}


def total_correlation(sample: Sample) -> Numbers:
    return {"total_correlation": gaussian_total_correlation(sample.codes)}


def wasserstein(sample: Sample) -> Numbers:
    correlation = metrics.gaussian_wasserstein_correlation
    return {
        "wasserstein_correlation": correlation(sample.codes),
        "wasserstein_correlation_normalised": correlation(sample.codes, normalised=True),
    }


def latent_information(sample: Sample) -> Numbers:
    return {"latent_information": metrics.pairwise_information(sample.codes)}


def support(sample: Sample) -> Numbers:
    return {"factorised_support": metrics.factorised_support(sample.codes)}


def separability(sample: Sample) -> Numbers:
    found = metrics.separability(*sample.posterior, seed=sample.seed)
    return {"sepin": float(found.separability.mean()), "wsepin": found.weighted}


def _all(sample: Sample) -> Rows:
    return sample.codes, sample.factors
