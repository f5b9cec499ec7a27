"""Matrices behind the scores, to be drawn: information of latents on factors, Jacobian angles."""

from collections.abc import Sequence

import torch
from torch import Tensor

from vaescope.alignment import (
    active_by_mean,
    active_by_variance,
    column_norms,
    right_singular_vectors,
)
from vaescope.metrics import information_table
from vaescope.statistics.encoded_split import EncodedSplit


def information_shares(encoded: EncodedSplit, bins: int = 20) -> Tensor:
    """Share of each factor's entropy that each latent knows ``[D, K]``, 0 to 1.

    Its two largest entries in a column differ by the gap of which MIG is the mean. A factor that
    has one value alone has shares of 0.
    """
    return _shares(encoded.mean, encoded.factors, encoded.factor_kinds, bins)


def jacobian_cosines(encoded: EncodedSplit) -> Tensor:
    """Mean |cosine| of every two columns of the decoder's Jacobian ``[D, D]``, 0 to 1.

    Off the diagonal 0 is orthogonal; on it there is 1, or 0 of a latent that the decoder ignores.
    """
    return cosines(encoded.grams["pixels"])


def cosines(gram: Tensor) -> Tensor:
    """Mean |cosine| of every two columns behind Gram matrices ``[N, D, D]``: ``[D, D]``."""
    gram = gram.double()
    norms = column_norms(gram)
    lengths = norms.where(norms > 0, 1.0)
    return (gram / lengths[:, :, None] / lengths[:, None, :]).abs().clamp(max=1).mean(0)


def active_first(encoded: EncodedSplit) -> tuple[list[int], Tensor, str]:
    """Latents by what they carry: their order, the weight of each ``[D]`` and its unit.

    It is the mean KL in nats, or where latents have none of their own the std of the mean codes.
    """
    if encoded.kl is not None and encoded.by_latent:
        weight, unit = encoded.kl.mean(0), "nats"
    else:
        weight, unit = encoded.mean.std(0), "std"
    return torch.argsort(weight, descending=True).tolist(), weight, unit


def information_ceilings(encoded: EncodedSplit, bins: int = 20) -> Tensor:
    """The share of each factor's entropy that a latent equal to its value would know ``[K]``."""
    factors = encoded.factors
    return _shares(factors.double(), factors, encoded.factor_kinds, bins).diagonal()


def information_by_chance(
    encoded: EncodedSplit, bins: int = 20, repeats: int = 20
) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation ``[D, K]`` of ``information_shares`` over shuffled factors."""
    generator = torch.Generator().manual_seed(0)
    shares = []
    for _ in range(repeats):
        order = torch.randperm(len(encoded.factors), generator=generator)
        shares.append(_shares(encoded.mean, encoded.factors[order], encoded.factor_kinds, bins))
    return torch.stack(shares).mean(0), torch.stack(shares).std(0)


def used_latents(encoded: EncodedSplit) -> Tensor:
    """Which latents say anything about an image ``[D]``: ICML 2021's rule, of a point CVPR 2019's.

    A latent is used where its posterior's variance is on average below 0.8 of the prior's.
    """
    if encoded.variance is None:
        return active_by_mean(encoded.mean)
    return active_by_variance(encoded.variance / encoded.prior.variance)


def principal_directions(encoded: EncodedSplit, count: int) -> tuple[Tensor, Tensor]:
    """Local principal directions of the decoder at the first codes, and what they do to an image.

    Returns:
        Unit columns ``[n, D, D]``, right singular vectors of the expected image's Jacobian, the
        strongest first, each pointing along its largest entry; singular values ``[n, D]``.
    """
    vectors, values = right_singular_vectors(encoded.first_grams(count)[:count])
    largest = vectors.abs().argmax(1, keepdim=True)
    return vectors * vectors.gather(1, largest).sign(), values


def _shares(codes: Tensor, factors: Tensor, kinds: Sequence[str], bins: int) -> Tensor:
    table = information_table(codes, factors, kinds=kinds, bins=bins)
    entropies = table.factor_entropies
    return table.information / entropies.where(entropies > 0, 1.0)
