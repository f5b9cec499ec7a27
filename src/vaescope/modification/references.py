"""Two imagined VAEs of equal KL: latents that are the factors, or a rotation of them."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from vaescope.data.factors import Factors
from vaescope.errors import ConfigError


def standardised(factors: Factors, values: Tensor) -> Tensor:
    """Factor values in standard deviations of their uniform distribution, mean 0.

    Args:
        factors: names, sizes and kinds.
        values: of points [..., K], in the data set's own units.

    Returns:
        w [..., K], float32; classes and angles as their numbers, as in the paper: a shape of three
        classes is -1.22, 0 or 1.22.
    """
    sizes = torch.tensor(factors.sizes, dtype=torch.float64, device=values.device)
    mean = torch.where(sizes > 0, (sizes - 1) / 2, 0.5)
    spread = torch.where(sizes > 0, ((sizes**2 - 1) / 12).sqrt(), math.sqrt(1 / 12))
    return ((values.double() - mean) / spread.clamp(min=1e-12)).float()


def factor_rotation(
    dim: int, pairs: Sequence[Sequence[int]] | str, angle: float = 45.0, seed: int = 0
) -> Tensor:
    """The rotation R between the factors and the entangled latents R w.

    Args:
        dim: number of factors K, at least 2.
        pairs: of factors whose plane is turned, each factor in at most one pair; ``neighbours``:
            (0, 1), (2, 3), ...; the last of an odd number with none; ``haar``: a random rotation.
        angle: degrees by which each plane is turned.
        seed: of the random rotation.

    Returns:
        Orthogonal matrix [K, K], float64.

    Raises:
        ConfigError: the pairs do not fit the factors.

    Example:
        >>> [[round(x, 3) for x in row] for row in factor_rotation(2, "neighbours", 90).tolist()]
        [[0.0, -1.0], [1.0, 0.0]]
    """
    if pairs == "haar":
        normal = torch.from_numpy(np.random.default_rng(seed).standard_normal((dim, dim)))
        basis, upper = torch.linalg.qr(normal)
        return basis * upper.diagonal().sign()
    chosen = [(k, k + 1) for k in range(0, dim - 1, 2)] if pairs == "neighbours" else pairs
    if isinstance(chosen, str) or any(len(set(pair)) != 2 for pair in chosen):
        raise ConfigError(f"config.pairs: {pairs!r}; give neighbours, haar or pairs [[0, 1], ...]")
    named = [k for pair in chosen for k in pair]
    if len(set(named)) < len(named) or not all(0 <= k < dim for k in named):
        raise ConfigError(
            f"config.pairs: {pairs!r}; name each of the factors 0..{dim - 1} once at most"
        )
    rotation = torch.eye(dim, dtype=torch.float64)
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    for i, j in chosen:
        rotation[[i, i, j, j], [i, j, i, j]] = torch.tensor([cos, -sin, sin, cos]).double()
    return rotation


def widths_of_equal_kl(gram: Tensor, rotation: Tensor, widest: float) -> tuple[Tensor, Tensor]:
    """Posterior widths of both references by the variance relation, with the same KL term.

    Args:
        gram: mean of F^T F over the data set [K, K], F the factor Jacobian.
        rotation: R [K, K].
        widest: width of the flattest factor, in standard deviations.

    Returns:
        sigma [K] of the factors, proportional to 1 / |F_k| and at most ``widest``, and sigma [K]
        of the rotated latents, by the same rule and with the same product.

    Source: Rolinek et al. 2019, https://arxiv.org/abs/1812.06775: sigma_j |column j| is constant at
    the optimum. Differs: columns are averaged over the data set.
    """
    norms = gram.double().diagonal().clamp(min=0).sqrt()
    turned = (
        (rotation.double() @ gram.double() @ rotation.double().T).diagonal().clamp(min=0).sqrt()
    )
    floor = 1e-6 * norms.amax()
    plain, other = 1 / norms.clamp(min=floor), 1 / turned.clamp(min=floor)
    plain = plain * widest / plain.amax()
    other = other * (plain.log().mean() - other.log().mean()).exp()
    return plain, other
