"""Which rotation of the factors a VAE's latents will take: the loss of every alignment, compared.

Latents z = R^T w of standardised factors w have, at the optimum of a linear VAE, a loss of
L(R) = E_x sum_j f(r_j^T G(x) r_j / beta) nats: f(g) = (1 + log g) / 2 for a latent that is used
(g > 1), g / 2 for one that is pruned; G = F^T H F, F the factor Jacobian. f is concave, so of all
rotations the one is best whose latents differ most: the principal directions.
"""

import math
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor

FIRST_SWEEPS, MOST_SWEEPS = 4, 50
UNDECIDED = 0.0025  # nats that the noise of training outweighs: CVPR 2019, table 4, ratio 1.2
_ANGLES = (90, *[16] * 6)  # of a plane's turn, looked at in each sweep; each narrows it down
_STILL = 1e-8  # nats that a sweep has to win


@dataclass(frozen=True)
class PreferredRotation:
    """The rotation of least loss and what others cost, in nats per image.

    Attributes:
        rotation: columns are the latents' directions in factor space [K, K], float64, each next to
            the factor that it has most of, with a positive sign there.
        loss: L of that rotation.
        loss_of_factors: L where every latent is a factor.
        loss_at_random: mean of L over uniformly random rotations.
    """

    rotation: Tensor
    loss: float
    loss_of_factors: float
    loss_at_random: float

    @property
    def margin(self) -> float:
        """Nats by which aligned latents beat random ones; below 0 the factors are a bad choice."""
        return self.loss_at_random - self.loss_of_factors


def rotation_loss(gram: Tensor, rotation: Tensor, beta: float) -> Tensor:
    """Loss per image of a linear VAE whose latents lie along a rotation's columns, in nats.

    Args:
        gram: F^T H F of the factor Jacobians [N, K, K], symmetric, not negative; H the second
            derivative of the reconstruction loss by the output (2 for a squared error).
        rotation: orthogonal matrices [..., K, K].
        beta: weight of the KL term, above 0.

    Returns:
        Means over N [...], float64; low is good.

    Source: the optimum of Lucas et al. 2019, https://arxiv.org/abs/1911.02469, (loss per
    direction of variance lambda at noise beta / 2), as a function of the rotation in the sense of
    Rolinek et al. 2019, https://arxiv.org/abs/1812.06775. Differs: local variances, one rotation
    for all images.

    Example:
        >>> gram = torch.diag(torch.tensor([4.0, 0.5]))[None]
        >>> round(float(rotation_loss(gram, torch.eye(2), beta=1.0)), 4)  # (1 + log 4 + 0.5) / 2
        1.4431
    """
    turned = (
        rotation.double()[..., None, :, :].mT @ gram.double() @ rotation.double()[..., None, :, :]
    )
    return _direction_loss(turned.diagonal(dim1=-2, dim2=-1) / beta).sum(-1).mean(-1)


def _direction_loss(ratio: Tensor) -> Tensor:
    """f(g): loss in nats of a direction whose variance is g times the noise."""
    used = ratio.clamp(min=1)
    return 0.5 * torch.where(ratio > 1, 1 + used.log(), ratio)


def preferred_rotation(
    gram: Tensor, beta: float, *, starts: int = 8, chance_samples: int = 500, seed: int = 0
) -> PreferredRotation:
    """The rotation of the factors that costs a VAE least: what its latents will be.

    Planes are turned one after the other, each to its best angle, until nothing is won; from the
    factors themselves and from random rotations, the best of which is taken to the end.

    Args:
        gram: as for `rotation_loss` [N, K, K], K at least 1.
        beta: weight of the KL term, above 0.
        starts: random rotations to start from, at least 1.
        chance_samples: random rotations for the mean.
        seed: of these.

    Raises:
        ValueError: ``gram`` is not a stack of finite square matrices or ``beta`` not positive.
    """
    if gram.ndim != 3 or gram.shape[1] != gram.shape[2] or 0 in gram.shape:
        raise ValueError(f"gram has shape {tuple(gram.shape)}, but [N, K, K] is needed")
    if not bool(gram.isfinite().all()) or not (math.isfinite(beta) and beta > 0):
        raise ValueError(f"beta = {beta} and gram have to be finite, beta above 0")
    dim, gram = gram.shape[1], gram.double()
    generator = torch.Generator().manual_seed(seed)
    normal = torch.randn(
        chance_samples + starts, dim, dim, generator=generator, dtype=torch.float64
    )
    haar = torch.linalg.qr(normal).Q.to(gram.device)
    eye = torch.eye(dim, dtype=torch.float64, device=gram.device)
    begun = [descend(gram, start, beta, FIRST_SWEEPS) for start in (eye, *haar[:starts])]
    ahead = min(begun[1:], key=lambda rotation: float(rotation_loss(gram, rotation, beta)))
    found = [descend(gram, rotation, beta, MOST_SWEEPS) for rotation in (begun[0], ahead)]
    losses = torch.stack([rotation_loss(gram, rotation, beta) for rotation in found])
    best = int(losses[1] < losses[0] - 10 * _STILL)  # among equals that from the factors
    chance = torch.stack([rotation_loss(gram, r, beta) for r in haar[starts:]]).mean()
    return PreferredRotation(
        rotation=_beside_factors(found[best]),
        loss=float(losses[best]),
        loss_of_factors=float(rotation_loss(gram, eye, beta)),
        loss_at_random=float(chance),
    )


def mixed_pairs(rotation: Tensor, least: float = 10.0) -> list[tuple[int, int, float]]:
    """Pairs of factors that share a latent, with the angle between the latent and its factor.

    Args:
        rotation: as `preferred_rotation` gives it [K, K].
        least: degrees from which a latent counts as mixed.

    Returns:
        (factor of the latent, other factor, degrees from 0, unmixed, to 45 or more), worst first.
    """
    pairs = []
    for own, other in combinations(range(len(rotation)), 2):
        shares = [
            (rotation[own, own], rotation[other, own]),
            (rotation[other, other], rotation[own, other]),
        ]
        angle = max(math.degrees(math.atan2(abs(float(b)), abs(float(a)))) for a, b in shares)
        if angle >= least:
            pairs.append((own, other, angle))
    return sorted(pairs, key=lambda pair: -pair[2])


def turning_costs(gram: Tensor, rotation: Tensor, beta: float) -> Tensor:
    """Nats per image that it costs to turn two latents into each other by 45 degrees.

    Args:
        gram: as for `rotation_loss` [N, K, K].
        rotation: as `preferred_rotation` gives it [K, K].
        beta: weight of the KL term, above 0.

    Returns:
        Symmetric [K, K], float64, 0 on the diagonal. Where the cost is nothing to speak of, nothing
        decides between all angles of the pair.
    """
    costs, best = torch.zeros_like(rotation), float(rotation_loss(gram, rotation, beta))
    for i, j in combinations(range(len(rotation)), 2):
        turned = _turned(rotation, i, j, math.pi / 4)
        costs[i, j] = costs[j, i] = float(rotation_loss(gram, turned, beta)) - best
    return costs


def descend(gram: Tensor, rotation: Tensor, beta: float, sweeps: int = MOST_SWEEPS) -> Tensor:
    """A rotation [K, K] after sweeps over all planes that each take the angle of least loss."""
    before = float("inf")
    for _ in range(sweeps):
        for i, j in combinations(range(len(rotation)), 2):
            rotation = _turned(rotation, i, j, _best_angle(gram, rotation[:, [i, j]], beta))
        now = float(rotation_loss(gram, rotation, beta))
        if before - now < _STILL:
            break
        before = now
    return rotation


def _best_angle(gram: Tensor, plane: Tensor, beta: float) -> float:
    """Angle in [-45, 45] degrees by which turning two columns [K, 2] costs least, in radians."""
    inner = plane.T @ gram @ plane / beta  # [N, 2, 2]
    middle, half = (inner[:, 0, 0] + inner[:, 1, 1]) / 2, (inner[:, 0, 0] - inner[:, 1, 1]) / 2
    cross = inner[:, 0, 1]
    width, centre = math.pi / 2, 0.0
    for count in _ANGLES:
        angles = centre + width * (torch.arange(count, device=gram.device).double() / count - 0.5)
        twice = 2 * angles[:, None]
        turned = twice.cos() * half + twice.sin() * cross
        found = (_direction_loss(middle + turned) + _direction_loss(middle - turned)).mean(1)
        best = int(found.argmin())
        if found[best] >= found[count // 2] - 1e-14:
            best = count // 2  # among equals the smallest turn
        centre, width = float(angles[best]), 2 * width / count
    return centre


def _turned(rotation: Tensor, i: int, j: int, angle: float) -> Tensor:
    turned = rotation.clone()
    turned[:, i] = math.cos(angle) * rotation[:, i] + math.sin(angle) * rotation[:, j]
    turned[:, j] = math.cos(angle) * rotation[:, j] - math.sin(angle) * rotation[:, i]
    return turned


def _beside_factors(rotation: Tensor) -> Tensor:
    """Columns in the order and with the signs that bring the rotation nearest to the identity."""
    from scipy.optimize import linear_sum_assignment

    order = linear_sum_assignment(rotation.abs().cpu().numpy(), maximize=True)[1]
    ordered = rotation[:, torch.from_numpy(order).to(rotation.device)]
    return ordered * torch.where(ordered.diagonal() < 0, -1.0, 1.0)
