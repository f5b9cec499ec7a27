"""What each score of the panel measures, its range, and what moves it: for readers of a report."""

from dataclasses import dataclass

UNIT = "0 to 1, high is good"


@dataclass(frozen=True)
class ScoreFact:
    """What a reader has to know of a score.

    Attributes:
        measures: the question it answers.
        range: its values, and which end is good.
        moved_by: what changes it, beside what it measures.
    """

    measures: str
    range: str
    moved_by: str


_DCI_D = ScoreFact(
    "does each latent serve one factor?",
    UNIT,
    "falls with rotation and with latents that two factors share; few rows raise it for noise",
)
_DCI_C = ScoreFact(
    "does each factor need one latent?",
    UNIT,
    "falls if a factor is split over latents or copied; dead latents raise it",
)
_DCI_I = ScoreFact(
    "can the probe predict the factors?",
    UNIT,
    "the probe's strength and rows; not rotation; chance is the most frequent value's share",
)

FACTS: dict[str, ScoreFact] = {
    "mig": ScoreFact(
        "how far is a factor's best latent ahead of its second, in information?",
        UNIT,
        "copies and rotation lower it; 20 bins set the ceiling for factors of more values",
    ),
    "mig_dlib": ScoreFact("MIG by its convention's name", UNIT, "as MIG"),
    "mig_dcf": ScoreFact("MIG with factors in 20 bins, too", UNIT, "as MIG; its ceiling is 1"),
    "mig_ksg": ScoreFact(
        "MIG without bins, by nearest neighbours", UNIT, "as MIG; ties and few rows make it noisy"
    ),
    "mig_chen": ScoreFact(
        "MIG of sampled codes under q(z|x), as first published",
        UNIT,
        "as MIG; wide posteriors lower it, very narrow ones make noise look informative",
    ),
    "mig_sup": ScoreFact(
        "how far is a latent's best factor ahead of its second?",
        UNIT,
        "latents that two factors share lower it; copies do not",
    ),
    "jemmig": ScoreFact(
        "MIG with the best latent's own spare entropy as a cost",
        "0 to 1, low is good",
        "noise in the best latent raises it; a dead latent costs less than a noisy one",
    ),
    "dcimig": ScoreFact("do factors have latents to themselves?", UNIT, "shared latents lower it"),
    "modularity": ScoreFact(
        "does each latent inform about one factor?",
        UNIT,
        "pure noise has about 2/3 with five factors: read it beside its chance; copies are free",
    ),
    "dmig": ScoreFact("MIG that allows for dependent factors", UNIT, "as MIG"),
    "xmig": ScoreFact("MIG against latents that hold no other factor", UNIT, "copies lower it"),
    "dlig": ScoreFact("MIG-sup that allows for dependent factors", UNIT, "as MIG-sup"),
    "minimality": ScoreFact(
        "is what a latent knows of the factors one factor?", UNIT, "noise in latents lowers it"
    ),
    "sufficiency": ScoreFact(
        "does one latent know all of a factor?", UNIT, "splits and bins lower it"
    ),
    "axis_alignment": ScoreFact(
        "does a factor's best latent know more than all others together?",
        UNIT,
        "one copy brings a factor to 0",
    ),
    "dci_disentanglement": _DCI_D,
    "dci_completeness": _DCI_C,
    "dci_informativeness": _DCI_I,
    "rmig": ScoreFact(
        "MIG with the encoder's noise, not divided by the factor's entropy, nats",
        "0 to the factors' mean entropy, high is good",
        "as MIG; wide posteriors lower it",
    ),
    "dci_es_explicitness": ScoreFact(
        "how weak may a probe be that still reads the factors?",
        "-1 to 1 (a linear probe suffices), high is good",
        "curved codes lower it; a code that knows nothing has 1: read it beside informativeness",
    ),
    "dci_es_size": ScoreFact(
        "factors over latents",
        "above 0, high is good",
        "the number of latents alone, dead ones too",
    ),
    "sap": ScoreFact(
        "how far is a factor's best latent ahead of its second, in accuracy of a linear machine?",
        "0 to about 0.25 with dSprites' sizes, high is good",
        "a line cannot tell ordered values in the middle: read it beside its ceiling",
    ),
    "sap_continuous": ScoreFact(
        "the same in squared correlation", UNIT, "non-linear latents and copies lower it"
    ),
    "explicitness": ScoreFact(
        "are the factors' values linearly separable in the code?",
        "0.5 (chance) to 1, high is good",
        "not rotation; missing or folded factors lower it",
    ),
    "factor_vae_score": ScoreFact(
        "does the latent that varies least name the factor that is fixed?",
        "chance to 1, high is good",
        "generous: noise, copies and rotations up to nearly 45 degrees leave it at 1",
    ),
    "beta_vae_score": ScoreFact(
        "do mean differences of pairs name the factor that they share?",
        "chance to 1, high is good",
        "very generous: one missing factor and most rotations leave it near 1",
    ),
    "irs": ScoreFact(
        "do latents stay where they are while other factors change?",
        "about 0.4 by chance to 1, high is good",
        "single outliers of a latent raise it; factors without a latent do not lower it",
    ),
    "irs_dlib": ScoreFact("IRS with factors in 20 bins", "as IRS", "as IRS; ceiling below 1"),
    "omes": ScoreFact(
        "does one latent change with a factor, and with no other?",
        UNIT,
        "copies, splits and shared latents lower it; needs rows that differ in one factor",
    ),
    "info_modularity": ScoreFact(
        "does each active latent inform about one factor?",
        UNIT,
        "which latents count as active; noise latents make it swing",
    ),
    "info_explicitness": ScoreFact(
        "how much of the factors can a linear classifier of the code tell?",
        UNIT,
        "not rotation; fitted and scored on the same rows",
    ),
    "info_compactness": ScoreFact(
        "is each factor held by one active latent?", UNIT, "splits and copies lower it"
    ),
    "neighbour_score": ScoreFact(
        "the CVPR 2019 paper's score: do single latents predict factors better than the next?",
        UNIT,
        "rotation and copies lower it",
    ),
    "mcc": ScoreFact(
        "correlation of factors with their matched latents",
        UNIT,
        "rotation; circular and categorical factors are left out; matching raises chance",
    ),
    "mcc_rank": ScoreFact("the same of ranks", UNIT, "as MCC, but monotone maps are free"),
    "explained_variance": ScoreFact(
        "share of the factors' variance that is linear in the code",
        "at most 1, high is good, 0 is chance",
        "not rotation; curved codes lower it, a perfect code of an angle, too",
    ),
    "accuracy_100_labels": ScoreFact(
        "how well are factors predicted from 100 labels?",
        "chance to 1, high is good",
        "values per factor; not rotation",
    ),
    "accuracy_1000_labels": ScoreFact("the same from 1,000 labels", "chance to 1", "as above"),
    "label_efficiency": ScoreFact(
        "accuracy from 100 labels over that from 1,000",
        "about 0 to 1, high is good",
        "a code without information has 1: read it beside the accuracies",
    ),
    "shifted_accuracy": ScoreFact(
        "how well are factors predicted where another factor has values not seen?",
        "chance to 1, high is good",
        "rows per value of the fixed factor; entangled codes lower it",
    ),
    "shift_gap": ScoreFact(
        "share of the accuracy that such a shift costs",
        "at most 1, near 0 is good",
        "a code without information has 0",
    ),
    "reduced_accuracy_own": ScoreFact(
        "how well is a factor predicted without its best latent?",
        "chance to 1, low is good",
        "copies and splits raise it",
    ),
    "reduced_accuracy_others": ScoreFact(
        "how well are the others predicted without it?",
        "chance to 1, high is good",
        "latents that two factors share lower it",
    ),
    "unfairness": ScoreFact(
        "do predictions of one factor change with another?",
        "0 to 1, low is good",
        "few rows per value raise it: read it beside its ceiling, that of a perfect code",
    ),
    "total_correlation": ScoreFact(
        "linear dependence of the latents, nats",
        "0 upward, low is good",
        "infinite for exact copies",
    ),
    "wasserstein_correlation": ScoreFact(
        "distance of the latents' covariance from diagonal", "0 upward, low is good", "their scale"
    ),
    "wasserstein_correlation_normalised": ScoreFact(
        "the same, divided by the variance", "0 to below 2, low is good", "copies raise it"
    ),
    "latent_information": ScoreFact(
        "mean information between two latents, nats", "0 upward, low is good", "few rows raise it"
    ),
    "factorised_support": ScoreFact(
        "how far are combinations of latents' values from any code?",
        "0 upward, low is good",
        "scale and batch size",
    ),
    "sepin": ScoreFact(
        "what a latent knows of the image and no other does, nats",
        "0 upward, high is good",
        "few rows; wide posteriors lower it",
    ),
    "wsepin": ScoreFact(
        "the same, weighted by what latents know", "0 upward, high is good", "as SEPIN"
    ),
}


def fact_of(name: str) -> ScoreFact | None:
    """The fact of a score, or of a family's other probe: ``dci_gbt_completeness``."""
    if name.startswith("dci_") and name not in FACTS:
        name = "dci_" + name.rsplit("_", 1)[-1]
    return FACTS.get(name)


CONTEXT = ("chance", "ceiling", "low", "high", "untrained")
