"""How alike codes of the same images are: of one model over time, of several seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vaescope.alignment import (
    centred_kernel_alignment,
    correlation_match,
    kl_diagonal,
    linear_alignment,
    matched_correlation,
    orthogonal_alignment,
    pairwise,
)
from vaescope.metrics import udr
from vaescope.metrics.unsupervised.model_ranking import Similarity
from vaescope.ranges import AtLeastThree, NonNegative
from vaescope.statistics.encoded_split import Codes, EncodedSplit
from vaescope.statistics.protocol import Options


@dataclass
class Drift(Options):
    """How far codes of the same images have moved since the evaluation before; 1: not at all."""

    # images whose codes are kept from evaluation to evaluation, at most
    num_samples: AtLeastThree = 1000
    mean_threshold: NonNegative = 0.5  # which latents are active, as in `Latents`

    def __call__(self, encoded: EncodedSplit) -> dict[str, float]:
        """Likenesses in [0, 1]: ``drift_mcc`` (axes, active latents), ``_procrustes``, ``_cka``.

        Nothing at a run's first evaluation and for final scores.
        """
        if encoded.previous is None or len(encoded.previous) < 3:
            return {}
        before = encoded.previous[: self.num_samples]
        now, active = encoded.mean[: len(before)], encoded.active(self.mean_threshold)
        numbers = {
            "drift_procrustes": orthogonal_alignment(before, now),
            "drift_cka": centred_kernel_alignment(before, now),
        }
        if active.any():
            numbers["drift_mcc"] = matched_correlation(before[:, active], now[:, active])
        return encoded.by_log_key(numbers)


@dataclass
class Agreement(Options):
    """How alike an ensemble's members are: each one's mean over its partners."""

    num_samples: AtLeastThree = 2000  # images of the split that are compared, at most
    mean_threshold: NonNegative = 0.5  # which latents are active, as in `Latents`
    similarity: Similarity = "spearman"  # of latents for the UDR, `"spearman"` or `"lasso"`
    # mean KL in nats above which a latent counts for the UDR; an autoencoder's all do
    kl_threshold: NonNegative = 0.01

    def compare(self, members: Sequence[Codes]) -> list[dict[str, float]]:
        """Likenesses in [0, 1], high is good, by what they allow between two members.

        ``agreement_mcc``: order, signs and scales of latents; ``_rank_mcc``: monotone maps of
        each, too; both of active latents, one without partner counting 0, if there are any at
        all. Of all latents ``_procrustes`` and ``_cka``: rotations; ``_linear``: affine maps, from
        the member's codes to its partners'. ``udr``: the median over partners.
        """
        codes = torch.stack([member.mean[: self.num_samples].double() for member in members])
        if codes.shape[1] < 3:
            return [{} for _ in members]
        active = [
            one[:, member.active(self.mean_threshold)]
            for one, member in zip(codes, members, strict=True)
        ]
        tables = {
            "agreement_procrustes": _symmetric(pairwise(codes, orthogonal_alignment)),
            "agreement_linear": pairwise(codes, linear_alignment),
            "agreement_cka": _symmetric(pairwise(codes, centred_kernel_alignment)),
        }
        if any(one.shape[1] for one in active):
            tables["agreement_mcc"] = _matched(active, rank=False)
            tables["agreement_rank_mcc"] = _matched(active, rank=True)
        means = {name: (table.sum(1) - 1) / (len(members) - 1) for name, table in tables.items()}
        kl = torch.stack([self._kl(member) for member in members])
        means["udr"] = udr(codes, kl, similarity=self.similarity, kl_threshold=self.kl_threshold)
        return [
            member.by_log_key({name: float(values[i]) for name, values in means.items()})
            for i, member in enumerate(members)
        ]

    def _kl(self, member: Codes) -> Tensor:
        """KL of each latent's marginal ``[D]``."""
        if member.kl is not None and member.by_latent:
            return member.kl.double().mean(0)
        if member.variance is None:
            return torch.full((member.mean.shape[1],), self.kl_threshold + 1, dtype=torch.float64)
        return kl_diagonal(member.mean, member.variance).mean(0)


def _matched(codes: Sequence[Tensor], rank: bool) -> Tensor:
    """Sum of matched correlations over the larger number of latents, for each pair ``[S, S]``."""
    table = torch.eye(len(codes), dtype=torch.float64)
    for i, first in enumerate(codes):
        for j, second in enumerate(codes[:i]):
            widths = first.shape[1], second.shape[1]
            if min(widths):
                strengths = correlation_match(first, second, rank=rank)[2]
                table[i, j] = table[j, i] = float(strengths.sum()) / max(widths)
    return table


def _symmetric(table: Tensor) -> Tensor:
    """Without the rounding by which the two orders of a pair differ."""
    return (table + table.T) / 2
