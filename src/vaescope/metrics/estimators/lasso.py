"""Linear regression and Lasso of all factors on all latents, from one product of the codes."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

_TOLERANCE = 1e-9
_MAX_STEPS = 20_000


@dataclass(frozen=True)
class LinearFit:
    """Linear predictions of C columns."""

    coefficients: Tensor  # of the standardised latents [D, C], in units of the column
    train_answers: Tensor  # predictions for the training rows [N, C]
    test_answers: Tensor  # predictions for the test rows [M, C]


def fit_linear(train: Tensor, test: Tensor, columns: Tensor, penalty: float = 0.0) -> LinearFit:
    """Least squares, with an L1 penalty if wanted, of every column on standardised codes.

    Among equally good coefficients the smallest are taken: equal latents have equal ones. Constant
    latents have 0.

    Args:
        train: codes to fit [N, D].
        test: codes to predict for [M, D].
        columns: what to predict for the training rows [N, C]; constant ones have coefficients 0.
        penalty: of the sum of absolute coefficients in units of the column's standard deviation,
            with half the mean squared error as loss; 0: none.

    Source: Tibshirani 1996, https://doi.org/10.1111/j.2517-6161.1996.tb02080.x; minimised as in
    Beck & Teboulle 2009, https://doi.org/10.1137/080716542, with the restarts of O'Donoghue &
    Candès 2015, https://doi.org/10.1007/s10208-013-9150-3. Differs: none.
    """
    if penalty < 0:
        raise ValueError(f"penalty = {penalty}, but 0 or more is needed")
    own, other = standardised(train.detach().double(), test.detach().double())
    mean = columns.mean(0)
    spread = (columns - mean).square().mean(0).sqrt()
    unit = (columns - mean) / spread.where(spread > 0, 1.0)
    gram, products = own.T @ own / len(own), own.T @ unit / len(own)
    if penalty:
        weights = _lasso(gram, products, penalty)
    else:
        weights = torch.linalg.pinv(gram, rtol=1e-10, hermitian=True) @ products
    weights = weights * spread
    return LinearFit(weights, own @ weights + mean, other @ weights + mean)


def standardised(train: Tensor, test: Tensor) -> tuple[Tensor, Tensor]:
    """Codes of mean 0 and variance 1 among the training rows; constant latents are 0 everywhere.

    Training codes [N, D] and other codes [M, D], float64, are shifted and scaled alike.
    """
    varies = (train != train[:1]).any(0)
    shift = train.mean(0)
    scale = (train - shift).square().mean(0).sqrt().where(varies, 1.0)
    own, other = ((part - shift) / scale * varies for part in (train, test))
    return own, other


def _lasso(gram: Tensor, products: Tensor, penalty: float) -> Tensor:
    """Coefficients [D, C] for correlations of latents [D, D] and with the columns [D, C]."""
    step = 1 / torch.linalg.matrix_norm(gram, 2).clamp(min=1e-12)
    weights = ahead = torch.zeros_like(products)
    speed = 1.0
    for _ in range(_MAX_STEPS):
        moved = ahead - step * (gram @ ahead - products)
        moved = moved.sign() * (moved.abs() - step * penalty).clamp(min=0)
        change = moved - weights
        if float(change.abs().max()) < _TOLERANCE:
            return moved
        if float(((ahead - moved) * change).sum()) > 0:
            speed = 1.0
        faster = (1 + math.sqrt(1 + 4 * speed**2)) / 2
        ahead = moved + (speed - 1) / faster * change
        weights, speed = moved, faster
    return weights
