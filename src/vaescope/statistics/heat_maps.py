"""Matrices behind the scores, to be drawn: information of latents on factors, Jacobian angles."""

import torch
from torch import Tensor

from vaescope.alignment import column_norms
from vaescope.metrics import information_table
from vaescope.statistics.encoded_split import EncodedSplit


def information_shares(encoded: EncodedSplit, bins: int = 20) -> Tensor:
    """Share of each factor's entropy that each latent knows ``[D, K]``, 0 to 1.

    Its two largest entries in a column differ by the gap of which MIG is the mean. A factor that
    has one value alone has shares of 0.
    """
    rows = (encoded.mean, encoded.factors)
    table = information_table(*rows, kinds=encoded.factor_kinds, bins=bins)
    entropies = table.factor_entropies
    return table.information / entropies.where(entropies > 0, 1.0)


def jacobian_cosines(encoded: EncodedSplit) -> Tensor:
    """Mean |cosine| of every two columns of the decoder's Jacobian ``[D, D]``, 0 to 1.

    Off the diagonal 0 is orthogonal; on it there is 1, or 0 of a latent that the decoder ignores.
    """
    gram = encoded.grams["pixels"].double()
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
