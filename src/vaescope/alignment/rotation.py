"""Rotations of the latent space: their cost is 0, except for diagonal posteriors."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from vaescope.distributions.posteriors import (
    DiagonalGaussian,
    FullGaussian,
    GaussianPosterior,
    Point,
    Posterior,
)
from vaescope.tensor_checks import check_finite, misfit

_ORTHOGONAL_WITHIN = 1e-4


def plane_rotation(dim: int, i: int, j: int, angle: float) -> Tensor:
    """Rotation of the plane of two latents, from latent i towards latent j; orthogonal.

    Args:
        dim: number of latents D.
        i: first latent, 0 to D - 1.
        j: second latent, another one.
        angle: radians.

    Returns:
        U [D, D], float64, for codes as columns: z' = U z.

    Source: Golub & Van Loan 2013, "Matrix Computations", section 5.1.8. Differs: the sign of the
    angle, here counterclockwise.

    Example:
        >>> plane_rotation(2, 0, 1, math.pi / 2).round().tolist()
        [[0.0, -1.0], [1.0, 0.0]]
    """
    if not (0 <= i < dim and 0 <= j < dim and i != j):
        raise ValueError(f"i = {i} and j = {j}, but two different latents of {dim} are needed")
    if not math.isfinite(angle):
        raise ValueError(f"angle = {angle}, but a finite number of radians is needed")
    rotation = torch.eye(dim, dtype=torch.float64)
    rotation[i, i] = rotation[j, j] = math.cos(angle)
    rotation[i, j], rotation[j, i] = -math.sin(angle), math.sin(angle)
    return rotation


def rotated_posterior(
    posterior: Posterior, rotation: Tensor, precision: Tensor | None = None
) -> GaussianPosterior:
    """Posterior of the rotated code z' = U z, within the same family; float64.

    A full Gaussian becomes N(U mu, U S U^T). A diagonal one cannot; it becomes the diagonal q
    nearest to p = N(U mu, P^-1), P = U S^-1 U^T, in KL(q || p). In the variances s_j of q,
    2 KL = sum_j (s_j P_jj - log s_j) + const, which is smallest at s_j = 1 / P_jj: the diagonal of
    the precision is kept.

    Args:
        posterior: N(mu, S) of B images, a `DiagonalGaussian` or `FullGaussian`.
        rotation: orthogonal U [D, D], for codes as columns.
        precision: for a diagonal posterior, the inverse covariances [B, D, D] to take for S^-1.
            With I + C / beta, C the `posterior_curvature`, the result is the best diagonal
            posterior of the rotated decoder, to second order in the posterior's width. Curvature
            at the mean alone (`decoder_gram`) will do where the decoder is linear over that width;
            elsewhere it gives variances worse than the encoder's. By default what the encoder
            says, without off-diagonal entries.

    Returns:
        The posterior of the rotated codes [B, D], on the device of ``posterior``.

    Source: Rolinek et al. 2019, https://arxiv.org/abs/1812.06775, the argument on rotations; Bishop
    2006, "Pattern Recognition and Machine Learning", section 10.1.2, the diagonal of the precision.
    Differs: the paper has no such experiment.

    Example:
        >>> q = DiagonalGaussian(torch.tensor([[1.0, 0.0]]), torch.zeros(1, 2))
        >>> rotated_posterior(q, plane_rotation(2, 0, 1, math.pi / 2)).mean.round().tolist()
        [[0.0, 1.0]]
    """
    if not isinstance(posterior, DiagonalGaussian | FullGaussian):
        needed = "a DiagonalGaussian or FullGaussian is needed"
        raise ValueError(f"posterior is a {type(posterior).__name__}, but {needed}")
    mean = posterior.mean.detach().double()
    turn = _checked_rotation(rotation, mean)
    if isinstance(posterior, FullGaussian):
        if precision is not None:
            raise ValueError("precision is for diagonal posteriors: a full one rotates exactly")
        root = turn @ posterior.cholesky.detach().double()
        return FullGaussian(mean @ turn.T, torch.linalg.cholesky(root @ root.mT))
    if precision is None:
        diagonal = (-posterior.log_variance.detach().double()).exp() @ turn.square().T
    else:
        diagonal = _rotated_diagonal(_checked_stack("precision", precision, mean), turn)
        if not bool((diagonal > 0).all()):
            raise ValueError("precision must be positive definite, but a variance is not positive")
    return DiagonalGaussian(mean @ turn.T, -diagonal.log())


def rotated_losses(
    decode: Callable[[Tensor], Tensor],
    nll: Callable[[Tensor, Tensor], Tensor],
    image: Tensor,
    posterior: Posterior,
    rotation: Tensor,
    *,
    beta: float | None = None,
    noise: Tensor | None = None,
    precision: Tensor | None = None,
) -> Tensor:
    """Loss of each image in a rotated latent space, in the loss's units; less is better.

    The rotated model has codes z' = U z, decoder Dec(U^T z') and `rotated_posterior`. Its loss is
    the old one for an autoencoder and for a full posterior, up to rounding. A diagonal posterior
    at its optimum pays for every rotation away from orthogonal columns of the decoder; before it
    is there, a rotation may also happen to help. The same ``precision`` must serve the losses that
    are compared: variances that do not fit the decoder cost more before a rotation than after.

    Args:
        decode: maps codes [B, D] to outputs [B, ...], each sample on its own (batch norm in
            evaluation mode); ``LatentModel.decode``.
        nll: maps outputs and images to reconstruction losses [B]; ``LatentModel.likelihood.nll``.
        image: images [B, ...].
        posterior: of these images; ``LatentModel.encode``.
        rotation: orthogonal U [D, D], for codes as columns; the identity gives the model's loss.
        beta: weight of the KL term, above 0; not used for a `Point`.
        noise: M standard normal draws [M, B, D]; not used for a `Point`. It is rotated along with
            the codes, so that one noise serves all rotations: differences between them are then
            far less noisy than the losses, and a permutation of latents costs 0 up to rounding.
        precision: as in `rotated_posterior`.

    Returns:
        Reconstruction loss, averaged over the noise, plus beta times the exact KL divergence [B],
        float64, without an autograd graph. The decoder is evaluated in the posterior's precision.

    Source: Rolinek et al. 2019, https://arxiv.org/abs/1812.06775, the argument on rotations.
    Differs: the paper argues, this measures; an autoencoder's loss is the reconstruction loss.

    Example:
        >>> square = lambda output, image: (output - image).square().sum(1)
        >>> q, image = Point(torch.ones(1, 2)), torch.zeros(1, 2)
        >>> rotated_losses(lambda z: z, square, image, q, torch.eye(2)).item()
        2.0
    """
    turn = _checked_rotation(rotation, posterior.mean)

    def reconstruction(code: Tensor) -> Tensor:
        # codes are rows: U^T z' is z' @ U
        return nll(decode((code @ turn).to(posterior.mean.dtype)), image).double()

    with torch.no_grad():
        if isinstance(posterior, Point):
            return reconstruction(posterior.mean.double() @ turn.T)
        after = rotated_posterior(posterior, rotation, precision)
        weight, draws = _checked_draws(beta, noise, posterior.mean)
        if isinstance(posterior, FullGaussian):  # U L U^T: a root of U S U^T for the rotated noise
            root = turn @ posterior.cholesky.double() @ turn.T
        else:
            root = after.variance.sqrt().diag_embed()
        total = torch.zeros_like(after.mean[:, 0])
        for draw in draws:  # not all at once: M times as many images would have to fit
            turned = draw.double() @ turn.T
            total += reconstruction(after.mean + (root @ turned[:, :, None]).squeeze(2))
        return total / len(draws) + weight * after.kl().sum(1)


def predicted_rise(curvature: Tensor, rotation: Tensor, beta: float) -> Tensor:
    """Rise of a diagonal posterior's loss under a rotation, in its units; 0 for no rotation.

    To second order in the posterior's width, with the best variances before and after:
    beta/2 sum_j [log(1 + (U C U^T)_jj / beta) - log(1 + C_jj / beta)]. At least 0 if the decoder's
    columns are orthogonal (C diagonal), and 0 for every rotation if they are also equally long;
    negative where a rotation makes the columns more orthogonal.

    Args:
        curvature: C [N, D, D], second derivative of the reconstruction loss by the code of each
            image: `posterior_curvature`. J^T H J at the posterior's mean (`decoder_gram`) is the
            same for a linear decoder; where the Jacobian changes over the posterior's width it
            exaggerates how unequal the latents are, and so the rise. The diagonal of I + C / beta
            must be positive, before and after.
        rotation: orthogonal U [D, D], for codes as columns.
        beta: weight of the KL term, above 0.

    Returns:
        Rises [N], float64; exact for a linear decoder with a Gaussian likelihood.

    Source: Kumar & Poole 2020, https://arxiv.org/abs/2002.00041, the second-order loss of a
    beta-VAE; Rolinek et al. 2019, https://arxiv.org/abs/1812.06775. Differs: neither states the
    rise; it is the difference of the loss at its optimal variances.

    Example:
        >>> turn = plane_rotation(2, 0, 1, math.pi / 4)
        >>> curvature = torch.tensor([[[3.0, 0.0], [0.0, 0.0]]])
        >>> round(predicted_rise(curvature, turn, beta=1.0).item(), 3)
        0.223
    """
    squares = _checked_stack("curvature", curvature, curvature[..., 0])
    turn = _checked_rotation(rotation, squares[..., 0])
    if not beta > 0:
        raise ValueError(f"beta = {beta}, but the weight of the KL term must be above 0")
    after, before = _rotated_diagonal(squares, turn), squares.diagonal(dim1=1, dim2=2)
    if not bool((torch.minimum(after, before) > -beta).all()):
        raise ValueError("I + curvature / beta must be positive: leave out images where it is not")
    return 0.5 * beta * ((after / beta).log1p() - (before / beta).log1p()).sum(1)


def _rotated_diagonal(matrices: Tensor, turn: Tensor) -> Tensor:
    """Diagonals of U M U^T for matrices M [B, D, D], [B, D]."""
    return ((turn @ matrices) * turn).sum(2)


def _checked_rotation(rotation: Tensor, like: Tensor) -> Tensor:
    """The rotation in float64, on the device and for the latents of ``like`` [B, D]."""
    dim = like.shape[-1]
    if like.ndim != 2 or rotation.shape != (dim, dim):
        raise misfit("[D, D] and [B, D]", rotation=rotation, codes=like)
    turn = rotation.detach().to(like.device, torch.float64)
    deviation = float((turn @ turn.T - torch.eye(dim, device=turn.device)).abs().max())
    if not deviation <= _ORTHOGONAL_WITHIN:
        raise ValueError(f"rotation is off by {deviation:.1e} from U U^T = I: orthogonalise it")
    return turn


def _checked_stack(name: str, matrices: Tensor, like: Tensor) -> Tensor:
    """Symmetric matrices in float64, one for each row of ``like`` [B, D]."""
    if like.ndim != 2 or 0 in like.shape or matrices.shape != (*like.shape, like.shape[1]):
        raise misfit("[N, D, D]", **{name: matrices})
    check_finite("check the decoder's outputs", **{name: matrices})
    return matrices.detach().to(like.device, torch.float64)


def _checked_draws(beta: float | None, noise: Tensor | None, mean: Tensor) -> tuple[float, Tensor]:
    if beta is None or not beta > 0:
        raise ValueError(f"beta = {beta}, but a Gaussian posterior needs a weight above 0")
    if noise is None:
        raise ValueError("noise is None, but a Gaussian posterior needs draws [M, B, D]")
    if noise.ndim != 3 or noise.shape[1:] != mean.shape or len(noise) == 0:
        raise misfit(f"[M, B, D] with B, D = {tuple(mean.shape)}", noise=noise)
    return float(beta), noise
