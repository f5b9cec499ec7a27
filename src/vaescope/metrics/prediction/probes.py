"""Probes of DCI: how much each uses a latent to predict a factor, and how well it predicts."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from vaescope.metrics.canonical import canonical_latents
from vaescope.metrics.estimators.boosting import boost
from vaescope.metrics.estimators.lasso import fit_linear
from vaescope.metrics.estimators.logistic import fit_logistic
from vaescope.metrics.estimators.probe_data import Targets


@dataclass(frozen=True)
class Answers:
    """What a probe learnt."""

    # share of each latent in the prediction of each factor [D, K], 0 or above; a column sums to 1,
    # or to 0 if the probe uses no latent
    importances: Tensor
    train: Tensor  # answers for the training rows [N, C], as `Targets.losses` takes them
    test: Tensor  # answers for the test rows [M, C]


@dataclass(frozen=True)
class Probe:
    """A way to predict factors from codes that tells which latents it used."""

    name: str  # what results are labelled with
    # from training codes [N, D], test codes [M, D], targets and a seed to answers
    fit: Callable[[Tensor, Tensor, Targets, int], Answers]
    numeric: bool  # whether ordinal factors are values for it, not classes
    cheap: bool  # whether fitting it dozens of times is reasonable


def boosted_probe(
    train: Tensor,
    test: Tensor,
    targets: Targets,
    seed: int,
    *,
    rounds: int = 30,
    rate: float = 0.3,
    bins: int = 64,
) -> Answers:
    """Importances, 0 to 1, by impurity decrease in boosted trees of depth 3 on binned codes.

    Args:
        rounds: trees per class.
        rate: share of a tree's answer that is added.
        bins: most values of a code that a split can tell apart.

    Returns:
        The answers. With ``rounds=100, rate=0.1`` and as many bins as rows they are those of
        `gbt_probe`. With the defaults D and C rank codes as `gbt_probe` does (correlation 0.99 over
        44 kinds of codes) but differ by 0.01 on average and by up to 0.08.

    Source: as `metrics.estimators.boosting.boost`. Differs: fewer, larger steps by default.
    """
    order, signs = canonical_latents(train.detach().double())
    turned = signs[order].to(train)
    own, other = (part[:, order] * turned for part in (train, test))
    columns = targets.train, targets.groups, targets.classes
    found = boost(own, other, *columns, rounds=rounds, rate=rate, bins=bins, seed=seed)
    gains = found.gains.double()[order.argsort()]
    return _answers(gains, targets, found.train_scores, found.test_scores)


def gbt_probe(train: Tensor, test: Tensor, targets: Targets, seed: int) -> Answers:
    """Importances, 0 to 1, of scikit-learn's gradient boosting with its defaults, per factor.

    Source: Locatello et al. 2019, https://arxiv.org/abs/1811.12359, and its public code. Differs: a
    seed of its own instead of the global random state.
    """
    from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

    return _fit_sklearn(
        partial(GradientBoostingClassifier, random_state=seed),
        partial(GradientBoostingRegressor, random_state=seed),
        (train, test),
        targets,
    )


def forest_probe(train: Tensor, test: Tensor, targets: Targets, seed: int) -> Answers:
    """Importances, 0 to 1, of scikit-learn's random forest of 100 trees, per factor.

    Returns:
        The answers. Trees are grown to the end, so training rows are predicted almost perfectly
        from any codes.

    Source: Breiman 2001, https://doi.org/10.1023/A:1010933404324; a forest is one of the two
    probes of Eastwood & Williams 2018. Differs: a split sees all latents, for classes as for
    values, since a random choice would make it use those that say nothing; the depth is not chosen
    by validation.
    """
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    return _fit_sklearn(
        partial(RandomForestClassifier, max_features=None, random_state=seed, n_jobs=1),
        partial(RandomForestRegressor, random_state=seed, n_jobs=1),
        (train, test),
        targets,
    )


def linear_probe(
    train: Tensor, test: Tensor, targets: Targets, seed: int, *, penalty: float = 0.0
) -> Answers:
    """Importances, 0 to 1, by absolute coefficients of standardised latents in linear predictions.

    Args:
        train: codes to fit [N, D].
        test: codes to predict for [M, D].
        targets: what to predict; of classes, the one with the highest prediction is named.
        seed: not used.
        penalty: of the absolute coefficients, as in `fit_linear`.

    Source: Eastwood & Williams 2018, https://openreview.net/forum?id=By-7dz-AZ, section 3.
    Differs: a fixed penalty, not one chosen by cross-validation.
    """
    found = fit_linear(train, test, targets.train, penalty)
    strengths = found.coefficients.abs()
    return _answers(strengths, targets, found.train_answers, found.test_answers)


def logistic_probe(train: Tensor, test: Tensor, targets: Targets, seed: int) -> Answers:
    """Importances, 0 to 1, by absolute coefficients of multinomial logistic regressions.

    Returns:
        The answers; codes are standardised, the penalty is scikit-learn's default (C = 1). Chance
        coefficients of useless latents keep D and C of a perfect code below 1.

    Source: as `vaescope.metrics.estimators.logistic.fit_logistic`. Differs: none.
    """
    found = fit_linear(train, test, targets.train)
    strengths, own, other = found.coefficients.abs(), found.train_answers, found.test_answers
    groups = [g for g, flag in zip(targets.groups, targets.classes, strict=True) if flag]
    if groups:
        labels = torch.stack([targets.train[:, group].argmax(1) for group in groups], 1)
        probes = fit_logistic(train, labels, strength=1.0)
        answers = zip(
            groups,
            probes.weights,
            probes.log_probabilities(train),
            probes.log_probabilities(test),
            strict=True,
        )
        for group, weights, log_train, log_test in answers:
            strengths[:, group] = (probes.basis.rotation @ weights[:, :-1].T).abs()
            own[:, group], other[:, group] = log_train, log_test
    return _answers(strengths, targets, own, other)


def _answers(strengths: Tensor, targets: Targets, train: Tensor, test: Tensor) -> Answers:
    """Answers with strengths [D, C] summed over the columns of a factor and normalised."""
    summed = torch.stack([strengths[:, group].sum(1) for group in targets.groups], 1)
    total = summed.sum(0)
    return Answers(summed / total.where(total > 0, 1.0), train, test)


def _fit_sklearn(
    classifier: Callable[[], Any],
    regressor: Callable[[], Any],
    codes: tuple[Tensor, Tensor],
    targets: Targets,
) -> Answers:
    device = codes[0].device
    train, test = (part.detach().cpu().numpy() for part in codes)
    own, other = torch.zeros_like(targets.train), torch.zeros_like(targets.test)
    strengths = torch.zeros(train.shape[1], own.shape[1], dtype=torch.float64)
    for group, is_classes in zip(targets.groups, targets.classes, strict=True):
        columns = targets.train[:, group].cpu()
        for place, answer in enumerate([columns.argmax(1)] if is_classes else columns.T):
            model = (classifier if is_classes else regressor)()
            model.fit(train, answer.numpy())
            where = group if is_classes else slice(group.start + place, group.start + place + 1)
            predict = model.predict_proba if is_classes else model.predict
            for made, rows in ((own, train), (other, test)):
                found = torch.from_numpy(predict(rows)).to(made)
                made[:, where] = found.view(len(rows), -1)
            # Rounding can leave a latent that brings nothing slightly below 0.
            strengths[:, where.start] = torch.from_numpy(model.feature_importances_).clamp(min=0)
    return _answers(strengths.to(device), targets, own, other)


PROBES = {
    probe.name: probe
    for probe in (
        Probe("boosted", boosted_probe, numeric=False, cheap=True),
        Probe("gbt", gbt_probe, numeric=False, cheap=False),
        Probe("forest", forest_probe, numeric=False, cheap=False),
        Probe("linear", linear_probe, numeric=True, cheap=True),
        Probe("lasso", partial(linear_probe, penalty=0.01), numeric=True, cheap=True),
        Probe("logistic", logistic_probe, numeric=False, cheap=True),
    )
}
