"""Adversaries: players of one summed loss, each of whose terms moves its own weights alone.

In a player's term the weights of the others are held fixed, and so is what others made. One
optimiser then gives the weights that an optimiser for each player gives.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call


def held_fixed(network: nn.Module) -> Callable[..., Tensor]:
    """A network as a function through which gradients flow, but to whose weights none does."""
    weights = {name: weight.detach() for name, weight in network.named_parameters()}
    return lambda *inputs: functional_call(network, weights, inputs)


def player_groups(model: nn.Module, player: nn.Module, **settings: Any) -> list[dict[str, Any]]:
    """Groups for an optimiser: all other weights, and a player's with settings of their own."""
    own = list(player.parameters())
    taken = {id(weight) for weight in own}
    rest = [weight for weight in model.parameters() if id(weight) not in taken]
    return [{"params": rest}, {"params": own, **settings}]


def log_odds_terms(discriminator: nn.Module, codes: Tensor, permuted: Tensor) -> dict[str, Tensor]:
    """Total correlation of codes for their encoder, and the discriminator's cross-entropy.

    Args:
        discriminator: ``[B, C] -> [B, 2]``, logits of "from q(z)" and "of the product".
        codes: draws of q(z) ``[B, C]``, with their gradients.
        permuted: the same with latents permuted over the batch, without.

    Source: Kim & Mnih 2018, https://arxiv.org/abs/1802.05983, eq. 3 and algorithm 1.
    Differs: none.
    """
    logits = held_fixed(discriminator)(codes).float()
    true, false = (discriminator(each).float() for each in (codes.detach(), permuted))
    return {
        "aggregate_total_correlation": (logits[:, 0] - logits[:, 1]).mean(),
        "discriminator": -0.5
        * (F.log_softmax(true, 1)[:, 0] + F.log_softmax(false, 1)[:, 1]).mean(),
    }


def draw_permutations(rng: np.random.Generator, batch_size: int, latent_dim: int) -> np.ndarray:
    """Of each latent a permutation of the batch's rows, float32 ``[B, D]``."""
    order = np.tile(np.arange(batch_size)[:, None], (1, latent_dim))
    return rng.permuted(order, axis=0).astype(np.float32)


def permuted_within(rows: Tensor) -> Tensor:
    """Of a part of the rows of permutations ``[b, D]`` those of these rows among themselves."""
    return rows.argsort(0).argsort(0)
