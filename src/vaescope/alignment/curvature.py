"""Curvature (Hessian) of the reconstruction loss by the code, averaged over a posterior."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import grad, jvp, vmap

from vaescope.distributions.posteriors import DiagonalGaussian
from vaescope.tensor_checks import misfit


def posterior_curvature(
    decode: Callable[[Tensor], Tensor],
    nll: Callable[[Tensor, Tensor], Tensor],
    image: Tensor,
    posterior: DiagonalGaussian,
    noise: Tensor,
) -> Tensor:
    """Second derivative of the reconstruction loss by the code, averaged over the posterior.

    The best diagonal posterior of each image has exactly the variances beta / (beta + its
    diagonal); `decoder_gram` at the mean says the same only while the decoder is linear over the
    posterior's width. For a linear decoder the two are equal.

    Args:
        decode: maps codes [B, D] to outputs [B, ...], each sample on its own (batch norm in
            evaluation mode); twice differentiable. Kinks (ReLU) add nothing.
        nll: maps outputs and images to reconstruction losses [B].
        image: images [B, ...].
        posterior: of these images.
        noise: standard normal draws [M, B, D] that stand for the posterior.

    Returns:
        Matrices [B, D, D], float64, symmetric, in units of the loss. Not always positive.

    Source: Opper & Archambeau 2009, "The Variational Gaussian Approximation Revisited",
    https://doi.org/10.1162/neco.2008.08-07-592, the condition on the variances. Differs: the
    average is over given draws.

    Example:
        >>> q = DiagonalGaussian(torch.zeros(1, 1), torch.zeros(1, 1))
        >>> square = lambda output, image: (output - image).square().sum(1)
        >>> one = torch.ones(1, 1)
        >>> posterior_curvature(lambda z: 3 * z, square, one, q, one[None]).item()
        18.0
    """
    if not isinstance(posterior, DiagonalGaussian):
        needed = "a DiagonalGaussian is needed"
        raise ValueError(f"posterior is a {type(posterior).__name__}, but {needed}")
    mean = posterior.mean
    if noise.ndim != 3 or noise.shape[1:] != mean.shape or len(noise) == 0:
        raise misfit(f"[M, B, D] with B, D = {tuple(mean.shape)}", noise=noise)
    dim = mean.shape[1]
    # Forward mode needs ordinary tensors, and evaluation loops run in inference mode.
    with torch.inference_mode(False):
        given = image, mean, posterior.variance.sqrt()
        shown, centre, width = (t.detach().clone() for t in given)
        units = torch.eye(dim, dtype=mean.dtype, device=mean.device)
        units = units[:, None].expand(-1, *mean.shape)
        slope = grad(lambda z: nll(decode(z), shown).sum())
        total = torch.zeros((*mean.shape, dim), dtype=torch.float64, device=mean.device)
        for draw in noise:  # not all at once: M times as many images would have to fit
            code = centre + width * draw.detach().to(centre)
            columns = vmap(lambda unit, z=code: jvp(slope, (z,), (unit,))[1])(units)
            total += columns.movedim(0, 2).double()
    return (total + total.mT) / (2 * len(noise))
