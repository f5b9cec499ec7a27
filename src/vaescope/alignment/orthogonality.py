"""Distance to orthogonality (DtO): how far the decoder's local axes are from the latent axes."""

from functools import cache

import torch
from torch import Tensor

from vaescope.tensor_checks import check_squares


def right_singular_vectors(gram: Tensor) -> tuple[Tensor, Tensor]:
    """Right singular vectors and singular values of the Jacobians behind the Gram matrices.

    Returns:
        V [N, D, D], whose k-th column belongs to the k-th singular value, and the singular values
        [N, D], descending; both float64. V is arbitrary among equal singular values, ignored
        latents (all 0) included.

    Source: Rolinek et al. 2019, https://arxiv.org/abs/1812.06775, eq. 29 (V of J = U S V^T).
    Differs: from J^T J, so values below 1e-8 of the largest are lost.

    Example:
        >>> right_singular_vectors(torch.tensor([[[4.0, 0.0], [0.0, 9.0]]]))[1].tolist()
        [[3.0, 2.0]]
    """
    check_squares("gram", gram)
    squares, vectors = torch.linalg.eigh(gram.double())
    return vectors.flip(-1), squares.flip(-1).clamp(min=0).sqrt()


def nearest_signed_permutation(vectors: Tensor) -> Tensor:
    """Signed permutation matrices nearest to orthogonal matrices, in L1 and Frobenius distance.

    Args:
        vectors: orthogonal matrices [N, D, D].

    Returns:
        Matrices [N, D, D] with one entry of -1 or +1 per row and column, else 0.

    Source: Rolinek et al. 2019, https://arxiv.org/abs/1812.06775, P(V) of eq. 29. Differs: the
    paper's mixed-integer program is solved as the assignment problem on |V| that it equals.

    Example:
        >>> nearest_signed_permutation(torch.tensor([[[0.6, -0.8], [0.8, 0.6]]])).tolist()
        [[[0.0, -1.0], [1.0, 0.0]]]
    """
    from scipy.optimize import linear_sum_assignment

    check_squares("vectors", vectors)
    columns = [linear_sum_assignment(v, maximize=True)[1] for v in vectors.abs().cpu().numpy()]
    places = torch.zeros_like(vectors)
    if columns:
        index = torch.stack([torch.from_numpy(c) for c in columns]).to(vectors.device)
        places.scatter_(2, index[:, :, None], 1.0)
    return torch.where(vectors < 0, -places, places)


def distance_to_orthogonality(vectors: Tensor) -> Tensor:
    """Distance to orthogonality (DtO) per sample, 0 (local axes are latent axes; good) upward.

    Not normalised: compare with `haar_chance` of the same number of latents. Among equal singular
    values V is arbitrary, and the distance says nothing: 0 for columns that are exactly orthogonal
    and equally long, in any rotation; that of a random rotation where rounding tells them apart.

    Args:
        vectors: right singular vectors of the decoder's Jacobian at the posterior means [N, D, D].

    Returns:
        ||V - P(V)||_F [N]; the published statistic is its mean over held-out samples.

    Source: Rolinek et al. 2019, "Variational Autoencoders Pursue PCA Directions (by Accident)",
    https://arxiv.org/abs/1812.06775, eq. 29. Differs: none.

    Example:
        >>> distance_to_orthogonality(torch.tensor([[[0.0, -1.0], [1.0, 0.0]]])).item()
        0.0
    """
    return torch.linalg.matrix_norm(vectors - nearest_signed_permutation(vectors))


_MOST_NUMBERS = 2**20  # of random matrices held at a time, 8 MB


@cache
def haar_chance(dim: int, num_samples: int | None = None, seed: int = 0) -> tuple[float, float]:
    """DtO of local axes with uniformly random directions: the value without any alignment.

    Args:
        dim: number of latents D, at least 1.
        num_samples: random matrices drawn; None: 10,000 of up to 32 latents, of more fewer, as
            the cube of their number, but 64: the larger, the less their distances differ.
        seed: of the draw.

    Returns:
        Mean and standard deviation over single matrices; the mean is good to 0.01. (0, 0) for one
        latent.

    Source: Mezzadri 2007, https://arxiv.org/abs/math-ph/0609050, random orthogonal matrices.
    Differs: his correction of signs is left out, because DtO ignores signs.

    Example:
        >>> round(haar_chance(2, num_samples=1000)[0], 1)
        0.5
    """
    if num_samples is None:
        num_samples = 10_000 if dim <= 32 else max(64, int(10_000 * (32 / dim) ** 3))
    if dim < 1 or num_samples < 1:
        raise ValueError(f"dim = {dim} and num_samples = {num_samples}, but both must be positive")
    generator = torch.Generator().manual_seed(seed)
    parts = []
    at_a_time = max(1, _MOST_NUMBERS // (16 * dim**2)) * 16  # torch draws by 16
    for first in range(0, num_samples, at_a_time):
        shape = (min(at_a_time, num_samples - first), dim, dim)
        normal = torch.randn(shape, generator=generator, dtype=torch.float64)
        parts.append(distance_to_orthogonality(torch.linalg.qr(normal).Q))
    distances = torch.cat(parts)
    return float(distances.mean()), float(distances.std(correction=0))
