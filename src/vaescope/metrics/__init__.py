"""Disentanglement scores of codes against factors: tensors in, numbers out.

An argument of one of these names means the same in every function, unless the function says more:

- ``codes``: one number per latent [N, D]; the field uses the posterior mean.
- ``factors``: values of the factors [N, K], integers or floating-point numbers.
- ``kinds``: ``"ordinal"``, ``"circular"``, ``"categorical"`` or ``"continuous"`` per factor [K];
  None: as `vaescope.metrics.kinds.resolved_kinds` guesses them.
- ``bins``: equal-width bins over each latent's sample range.
- ``means``, ``variances``: of the posteriors q(z|x) [N, D]; variances are above 0.
- ``test``: codes [M, D] and factors [M, K] to score on; None: a random part of the rows,
  ``test_share`` of them.
- ``codes_train``, ``factors_train``: rows to fit a probe to [N, D], [N, K]; ``codes_test``,
  ``factors_test``: rows to score it on [M, D], [M, K].
- ``strength``: scikit-learn's ``C`` of regressions on standardised latents.
- ``table``: informations of latents and factors, an `InformationTable`.
- ``seed``: of all random draws, at least 0.

What cannot be used (shapes that do not fit, values that are not finite, continuous factors where
classes are needed, unknown options or options out of range) is refused by a ``ValueError`` that
says what was given and what is needed. Where data have no score, such as factors that never vary,
it is a ``NoScoreError``.
"""

from vaescope.metrics.collected_codes import CollectedCodes, OnCodes
from vaescope.metrics.estimators.logistic import LogisticProbes, fit_logistic
from vaescope.metrics.information.concentration import (
    ExclusivityScores,
    edi,
    exclusivity,
    med,
)
from vaescope.metrics.information.dependent_factors import dlig, dmig, xmig
from vaescope.metrics.information.family import ScoreInContext, family_of_table, information_family
from vaescope.metrics.information.gap import (
    InformationGaps,
    information_gaps,
    mig_ceiling,
    mig_chance,
    mutual_information_gap,
)
from vaescope.metrics.information.infomec import (
    InfoMEC,
    info_compactness,
    info_explicitness,
    info_mec,
    info_modularity,
)
from vaescope.metrics.information.information_matrix import (
    discretise,
    entropy,
    mutual_information,
    pairwise_information,
)
from vaescope.metrics.information.ksg import nearest_information
from vaescope.metrics.information.local import LocalGaps, local_boxes, local_mig
from vaescope.metrics.information.posterior import PosteriorInformation, posterior_information
from vaescope.metrics.information.scores import (
    ScoreParts,
    axis_alignment,
    dcimig,
    jemmig,
    mig_sup,
    minimality,
    modularity,
    rmig,
    sufficiency,
)
from vaescope.metrics.information.tables import InformationTable, information_table
from vaescope.metrics.intervention.fixed_factor import (
    BetaVaeScore,
    FactorVaeScore,
    beta_vae_score,
    factor_vae_score,
)
from vaescope.metrics.intervention.interventional_robustness import InterventionalRobustness, irs
from vaescope.metrics.intervention.overlap import OverlapScore, omes
from vaescope.metrics.prediction.dci_intervals import (
    DciParts,
    dci_chance,
    dci_errors,
    informativeness_interval,
)
from vaescope.metrics.prediction.dci_scores import DCI, ImportanceScores, dci, importance_scores
from vaescope.metrics.prediction.downstream import (
    LabelEfficiency,
    ReducedAccuracy,
    ShiftedAccuracy,
    label_efficiency,
    reduced_accuracy,
    shifted_accuracy,
)
from vaescope.metrics.prediction.fairness import unfairness, unfairness_of_codes
from vaescope.metrics.prediction.latent_blocks import StaticDynamicTable, static_dynamic_table
from vaescope.metrics.prediction.neighbours import NeighbourScore, neighbour_chance, neighbour_score
from vaescope.metrics.prediction.one_vs_rest_auc import Explicitness, explicitness, roc_auc
from vaescope.metrics.prediction.probe_capacity import (
    CapacityScores,
    dci_es,
    explicitness_of_losses,
)
from vaescope.metrics.prediction.regression import ExplainedVariance, explained_variance
from vaescope.metrics.prediction.sap import (
    SeparatedPredictability,
    sap_ceiling,
    sap_continuous,
    sap_discrete,
)
from vaescope.metrics.prediction.single_neurons import (
    MatchedLatents,
    neuron_knockout,
    single_neuron_classification,
)
from vaescope.metrics.unsupervised.independence import (
    factorised_support,
    gaussian_wasserstein_correlation,
    support_distances,
)
from vaescope.metrics.unsupervised.indifference import pipe_score
from vaescope.metrics.unsupervised.model_ranking import udr
from vaescope.metrics.unsupervised.sepin import Separability, separability
from vaescope.metrics.unsupervised.traversals import traversal_monotonicity, traversal_smoothness
