"""What blocks of latents know of blocks of factors: static and dynamic codes of sequences."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vaescope.metrics.estimators.probe_data import Rows, probe_targets, train_and_test, varying
from vaescope.metrics.kinds import resolved_kinds
from vaescope.metrics.prediction.dci_scores import informativeness_of_losses
from vaescope.metrics.prediction.probes import boosted_probe
from vaescope.tensor_checks import misfit


@dataclass(frozen=True)
class StaticDynamicTable:
    """What the static and the dynamic code tell of static and dynamic factors."""

    # rows: static, dynamic factors; columns: static, dynamic code. Mean of `per_factor` over the
    # factors that vary, 0 to 1; high is good on the diagonal, low beside it [2, 2]
    table: Tensor
    gap: float  # mean of the diagonal less that of the others, -1 to 1; 1 is good, 0: all mixed
    # what each factor's best constant answer loses that an answer from the code does not, as a
    # share, 0 to 1 [K, 2]; 0 for a factor with one value
    per_factor: Tensor


def static_dynamic_table(
    codes: Tensor,
    factors: Tensor,
    *,
    static_latents: Tensor,
    static_factors: Tensor,
    kinds: Sequence[str] | None = None,
    test: Rows | None = None,
    test_share: float = 1 / 2,
    seed: int = 0,
) -> StaticDynamicTable:
    """How well static and dynamic factors are predicted from the static and the dynamic code.

    Boosted trees predict every factor from all latents of a code together; what counts is how much
    less they miss than the best constant answer: R^2 for factors with an order, accuracy above the
    share of the most frequent class for the others.

    Args:
        codes, factors, kinds, test, test_share, seed: as in `vaescope.metrics`.
        static_latents: which latents are the static code; the others are the dynamic one [D].
        static_factors: which factors are static; the others are dynamic [K].

    Returns:
        The table. A block without factors that vary has a row of 0, a code without latents a column
        of 0. Chance is 0 but for what the probe finds by luck in few rows: shuffle the rows of the
        factors for it.

    Source: the question is that of Li & Mandt 2018, https://arxiv.org/abs/1803.02991, section 4,
    who classify what stays and what moves in generated sequences; the answer is informativeness of
    DCI (Eastwood & Williams 2018, https://openreview.net/forum?id=By-7dz-AZ) of several latents.
    Differs: codes are scored, not images; losses are compared with those of a constant answer.

    Example:
        >>> factors = torch.cartesian_prod(torch.arange(4), torch.arange(4)).repeat(20, 1)
        >>> first = torch.tensor([True, False])
        >>> static_dynamic_table(
        ...     factors, factors, static_latents=first, static_factors=first, kinds=["ordinal"] * 2
        ... ).table.round().tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    if static_latents.shape != codes.shape[1:] or static_factors.shape != factors.shape[1:]:
        raise misfit("[D] and [K]", static_latents=static_latents, static_factors=static_factors)
    fitted, scored = train_and_test(codes, factors, test=test, test_share=test_share, seed=seed)
    varies = varying(fitted[1])
    per_factor = fitted[0].new_zeros(factors.shape[1], 2)
    if varies.any():
        every = resolved_kinds(torch.cat([fitted[1], scored[1]]), kinds)
        columns = varies.nonzero().flatten()
        targets = probe_targets(fitted[1], scored[1], every, numeric=True, columns=columns)
        constant = targets.train.mean(0).expand_as(targets.test)
        missed_by_constant = targets.losses(constant, targets.test)[0].sum(0)
        for place, block in enumerate((static_latents, ~static_latents)):
            if block.any():
                answers = boosted_probe(fitted[0][:, block], scored[0][:, block], targets, seed)
                missed = targets.losses(answers.test, targets.test)[0].sum(0)
                found = informativeness_of_losses(missed, missed_by_constant)
                per_factor[columns, place] = found
    rows = [per_factor[varies & block] for block in (static_factors, ~static_factors)]
    table = torch.stack([r.mean(0) if len(r) else r.new_zeros(2) for r in rows])
    own, other = table.diagonal().mean(), table.fliplr().diagonal().mean()
    return StaticDynamicTable(table, float(own - other), per_factor)
