"""Canonical order and signs of latents, so that draws and ties do not depend on their numbering."""

import numpy as np
import torch
from torch import Tensor


def canonical_latents(codes: Tensor) -> tuple[Tensor, Tensor]:
    """Order [D] and signs, 1 or -1 [D], of the latents that depend on their values alone.

    A latent is turned so that its farthest value lies above its mean, and latents are put in the
    order of their standardised values. A permutation of the latents, a change of a sign or of a
    positive scale leaves ``(codes * signs)[:, order]`` as it was, up to the scale.
    """
    columns = codes.T.contiguous()  # row by row, so that the sums of a latent are its own
    centred = columns - columns[:, :1]
    centred = centred - centred.mean(1, keepdim=True)
    scale = centred.square().mean(1, keepdim=True).sqrt()
    values = centred / scale.where(scale > 0, 1.0)
    farthest = values.abs().round(decimals=9).argmax(1, keepdim=True)
    signs = values.gather(1, farthest)[:, 0].sign()
    signs = signs.where(signs != 0, 1.0)
    turned = (values * signs[:, None]).round(decimals=9).cpu().numpy()
    order = np.lexsort(turned.T[::-1] + 0.0)  # + 0 turns -0 into 0
    return torch.from_numpy(order).to(codes.device), signs


def follow_latents(draws: Tensor, codes: Tensor) -> Tensor:
    """Draws [..., D], symmetric about 0, given to latents of codes [N, D] by what these hold."""
    order, signs = canonical_latents(codes)
    return draws[..., order.argsort()] * signs


def draw_codes(means: Tensor, variances: Tensor, count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Images [S] and codes [S, D] drawn from Gaussian posteriors, each image once before any twice.

    Args:
        means: posterior means [N, D], float64.
        variances: posterior variances [N, D], float64.
        count: number of codes S.
        seed: of images and noise; the noise follows what the latents hold.
    """
    generator = torch.Generator().manual_seed(seed)
    rounds = range(-(-count // len(means)))
    orders = [torch.randperm(len(means), generator=generator) for _ in rounds]
    rows = torch.cat(orders)[:count].to(means.device)
    noise = torch.randn(count, means.shape[1], generator=generator, dtype=torch.float64)
    noise = follow_latents(noise.to(means.device), means)
    return rows, means[rows] + variances[rows].sqrt() * noise
