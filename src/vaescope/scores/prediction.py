"""Records of the scores of prediction: how well probes read the factors off the codes."""

from typing import Literal

from vaescope.scores.record import Family, Score, panel_score

_DCI_ES = Family("dci_es", "linear to 1,024 random features, least squares", cost="high")
_MCC = Family("mcc", "ordered factors, best one-to-one match, 0 without a latent")
_FEW_LABELS = Family("few_labels", "logistic regression, at most 100 and 1,000 rows", cost="high")
_SHIFTED = Family("shifted", "logistic regression, each factor fixed at one value", cost="high")
_REDUCED = Family("reduced", "logistic regression, without the most informed latent", cost="high")


def _dci(
    name: str, probe: str, convention: str, cost: Literal["low", "high"] = "high"
) -> tuple[Score, ...]:
    family = Family(name, convention, "dci", {"probe": probe}, cost)
    return (
        panel_score(
            family,
            f"{name}_disentanglement",
            "does each latent serve one factor?",
            "falls with rotation and with latents that two factors share; few rows raise it for "
            "noise",
        ),
        panel_score(
            family,
            f"{name}_completeness",
            "does each factor need one latent?",
            "falls if a factor is split over latents or copied; dead latents raise it",
        ),
        panel_score(
            family,
            f"{name}_informativeness",
            "can the probe predict the factors?",
            "the probe's strength and rows; not rotation; chance is the most frequent value's "
            "share",
        ),
    )


OF_PREDICTION = (
    *_dci("dci", "boosted", "boosted trees on binned codes, ours"),
    *_dci("dci_gbt", "gbt", "dlib: scikit-learn's gradient boosting"),
    *_dci("dci_forest", "forest", "scikit-learn's random forest"),
    *_dci("dci_linear", "linear", "least squares, standardised codes", cost="low"),
    *_dci("dci_lasso", "lasso", "lasso, standardised codes", cost="low"),
    *_dci("dci_logistic", "logistic", "multinomial logistic"),
    panel_score(
        _DCI_ES,
        "dci_es_explicitness",
        "how weak may a probe be that still reads the factors?",
        "curved codes lower it; a code that knows nothing has 1: read it beside informativeness",
        "-1 to 1 (a linear probe suffices)",
    ),
    panel_score(
        _DCI_ES,
        "dci_es_size",
        "factors over latents",
        "the number of latents alone, dead ones too",
        "above 0",
    ),
    panel_score(
        Family("sap", "dlib: a linear support vector machine for each latent and factor"),
        "sap",
        "how far is a factor's best latent ahead of its second, in accuracy of a linear machine?",
        "a line cannot tell ordered values in the middle: read it beside its ceiling",
        "0 to about 0.25 with dSprites' sizes",
    ),
    panel_score(
        Family("sap_continuous", "squared correlations"),
        "sap_continuous",
        "the same in squared correlation",
        "non-linear latents and copies lower it",
    ),
    panel_score(
        Family("explicitness", "area under the ROC curve, 0.5 is chance", cost="high"),
        "explicitness",
        "are the factors' values linearly separable in the code?",
        "not rotation; missing or folded factors lower it",
        "0.5 (chance) to 1",
    ),
    panel_score(
        Family("neighbours", "5 neighbours in single latents, ordered factors regressed"),
        "neighbour_score",
        "CVPR 2019's 5-nearest-neighbour score: do single latents know single factors?",
        "rotation and copies lower it",
        chance="the same of shuffled factors",
    ),
    panel_score(
        _MCC,
        "mcc",
        "mean |correlation| of matched latents and ordered factors",
        "rotation; circular and categorical factors are left out; matching raises chance",
        symbol="MCC",
    ),
    panel_score(_MCC, "mcc_rank", "the same of their ranks", "as MCC, but monotone maps are free"),
    panel_score(
        Family("explained_variance", "least squares on all latents, held-out rows"),
        "explained_variance",
        "share of the factors' variance that is linear in the code",
        "not rotation; curved codes lower it, a perfect code of an angle, too",
        "at most 1, 0 is chance",
    ),
    panel_score(
        _FEW_LABELS,
        "accuracy_100_labels",
        "how well are factors predicted from 100 labels?",
        "values per factor; not rotation",
        "chance to 1",
    ),
    panel_score(
        _FEW_LABELS, "accuracy_1000_labels", "the same from 1,000 labels", "as above", "chance to 1"
    ),
    panel_score(
        _FEW_LABELS,
        "label_efficiency",
        "accuracy from 100 labels over that from 1,000",
        "a code without information has 1: read it beside the accuracies",
        "about 0 to 1",
    ),
    panel_score(
        _SHIFTED,
        "shifted_accuracy",
        "how well are factors predicted where another factor has values not seen?",
        "rows per value of the fixed factor; entangled codes lower it",
        "chance to 1",
    ),
    panel_score(
        _SHIFTED,
        "shift_gap",
        "share of the accuracy that such a shift costs",
        "a code without information has 0",
        "at most 1, near 0 is good",
        good=None,
    ),
    panel_score(
        _REDUCED,
        "reduced_accuracy_own",
        "how well is a factor predicted without its best latent?",
        "copies and splits raise it",
        "chance to 1",
        good="low",
    ),
    panel_score(
        _REDUCED,
        "reduced_accuracy_others",
        "how well are the others predicted without it?",
        "latents that two factors share lower it",
        "chance to 1",
    ),
    panel_score(
        Family("snc", "as many bins as classes, matched one to one"),
        "snc",
        "SNC: can single latents classify the factors that they are matched with?",
        "classes of unequal size: read it beside its ceiling; copies are free",
        "chance to 1",
        symbol="SNC",
    ),
    panel_score(
        Family("nk", "boosted trees, ours, with and without the matched latent", cost="high"),
        "nk",
        "NK: how much accuracy does a factor lose without its latent?",
        "copies and splits lower it; what no latent knows cannot be lost",
        "about 0 (chance) to 1",
        symbol="NK",
    ),
    panel_score(
        Family("unfairness", "dlib's, predictions of boosted trees, ours", cost="high"),
        "unfairness",
        "do predictions of one factor change with another?",
        "few rows per value raise it: read it beside its ceiling, that of a perfect code",
        good="low",
    ),
)
