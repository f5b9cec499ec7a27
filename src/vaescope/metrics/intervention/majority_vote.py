"""FactorVAE score: which latent hardly varies while a factor is held fixed?"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vaescope.metrics.intervention.factor_groups import (
    SharedValues,
    fixable_factors,
    group_rows,
    pool_rows,
    spread,
    uniforms,
    value_classes,
)

_CHUNK = 2**20  # values gathered at a time: 8 MB


@dataclass(frozen=True)
class FactorVaeScore:
    """The FactorVAE score and the votes behind it.

    Attributes:
        score: share of the evaluation votes that the majority vote names right, 0 to 1; high is
            good.
        train_accuracy: the same share of the training votes.
        train_votes: how often each latent varied least while each factor was fixed [D, K], int64.
        eval_votes: the same of the evaluation votes [D, K].
        active: latents that may vote [D], booleans.
    """

    score: float
    train_accuracy: float
    train_votes: Tensor
    eval_votes: Tensor
    active: Tensor

    @property
    def num_active_dims(self) -> int:
        """Number of latents that may vote, 0 to D."""
        return int(self.active.sum())


def factor_vae_score(
    codes: Tensor,
    factors: Tensor,
    *,
    kinds: Sequence[str] | None = None,
    bins: int = 20,
    batch: int = 64,
    train_votes: int = 10_000,
    eval_votes: int = 5_000,
    variance_rows: int | None = None,
    threshold: float = 0.05,
    seed: int = 0,
) -> FactorVaeScore:
    """FactorVAE score: 0 (latents do not tell which factor is fixed) to 1 (good).

    A vote: choose a factor evenly and a value as frequent as in the pool; draw ``batch`` rows with
    that value, with replacement; the latent of the smallest variance, relative to its variance over
    the pool, names the factor. A majority vote per latent is learnt from the training votes. If the
    pool is the whole table of states, rows are drawn as if every other factor were drawn evenly.

    Args:
        factors, kinds, seed: as in `vaescope.metrics`.
        codes: one number per latent [N, D], the pool; the field uses the posterior mean.
        bins: classes of about equally many rows that a continuous factor is cut into.
        batch: rows of a vote, at least 2.
        train_votes: votes that the majority is learnt from.
        eval_votes: votes that are scored.
        variance_rows: rows drawn with replacement for the latents' overall variances; None: the
            whole pool.
        threshold: latents whose standard deviation over the pool is smaller may not vote, in the
            units of the codes. Constant latents never vote, also at 0; in the published code their
            0 / 0 wins every vote.

    Returns:
        The score and the votes. 0 if no latent may vote; 1 says nothing if only one factor varies.
        Factors with one value, or with no value that two rows share, are never fixed. Rows that
        share their value with no other are never the fixed ones. Equally small variances: the first
        latent.

    Raises:
        NoScoreError: if no factor can be fixed.

    Source: Kim & Mnih 2018, https://arxiv.org/abs/1802.05983, section 4; settings of Locatello et
    al. 2019, https://arxiv.org/abs/1811.12359. Differs: draws from a pool; variances of the whole
    pool by default; ``num_active_dims`` counts, while their code returns D. Chance is the share of
    the most frequent factor, 1/K, and more if N is so small that groups differ by accident. The
    ceiling is 1 for any code in which each latent follows one factor, however many latents share it
    and however much noise they have, up to a rotation by nearly 45 degrees.
    """
    values = pool_rows(codes, factors)
    classes = value_classes(factors, kinds=kinds, bins=bins)
    for name, given, least in (
        ("batch", batch, 2),
        ("train_votes", train_votes, 1),
        ("eval_votes", eval_votes, 1),
        ("variance_rows", 2 if variance_rows is None else variance_rows, 2),
    ):
        if given < least:
            raise ValueError(f"{name} = {given}, but at least {least} is needed")
    generator = torch.Generator().manual_seed(seed)
    std = _overall_spread(values, variance_rows, generator)
    active = (std >= threshold) & (std > 0)
    groups = group_rows(classes)
    fixable = fixable_factors(classes, groups)
    tables = classes.new_zeros(2, values.shape[1], classes.shape[1])
    if bool(active.any()):
        fixed, rows = _draw_votes(groups, fixable, train_votes + eval_votes, batch, generator)
        scaled = values[:, active] / std[active]
        voted = active.nonzero().flatten()[_least_varying(scaled, rows)]
        part = (torch.arange(len(fixed), device=fixed.device) >= train_votes).long()
        cells = (part * tables.shape[1] + voted) * tables.shape[2] + fixed
        tables = torch.bincount(cells, minlength=tables.numel()).view(tables.shape)
    return _scored(tables[0], tables[1], active)


def _overall_spread(codes: Tensor, rows: int | None, generator: torch.Generator) -> Tensor:
    if rows is None:
        return spread(codes)
    uniform = uniforms(generator, (rows,), codes.device)
    return spread(codes.index_select(0, (uniform * len(codes)).long()))


def _draw_votes(
    groups: SharedValues, fixable: Tensor, votes: int, batch: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """The fixed factor of each vote [V] and its rows [V, B]."""
    uniform = uniforms(generator, (votes, batch + 2), fixable.device)
    fixed = fixable[(uniform[:, 0] * len(fixable)).long()]
    anchors = groups.draw_anchors(fixed, uniform[:, 1])
    return fixed, groups.draw_partners(fixed[:, None], anchors[:, None], uniform[:, 2:])


def _least_varying(scaled: Tensor, rows: Tensor) -> Tensor:
    """The column of codes [N, A] with the smallest variance among the rows [V, B] of each vote."""
    step = max(1, _CHUNK // (rows.shape[1] * scaled.shape[1]))
    chunks = []
    for part in rows.split(step):
        drawn = scaled.index_select(0, part.flatten()).view(*part.shape, -1)
        # Relative to the first row, values that are all equal have a variance of exactly 0; this
        # takes half the time of `Tensor.var`.
        apart = drawn - drawn[:, :1]
        squares = apart.square().sum(1) - apart.sum(1).square() / rows.shape[1]
        chunks.append(squares.argmin(1))
    return torch.cat(chunks)


def _scored(train: Tensor, evaluation: Tensor, active: Tensor) -> FactorVaeScore:
    named = train.argmax(1, keepdim=True)
    right = [float(votes.gather(1, named).sum()) for votes in (train, evaluation)]
    shares = [
        count / max(1, int(votes.sum()))
        for count, votes in zip(right, (train, evaluation), strict=True)
    ]
    return FactorVaeScore(shares[1], shares[0], train, evaluation, active)
