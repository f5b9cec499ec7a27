"""Codes of anyone's model: an npz file of codes and factors."""

import zipfile
from pathlib import Path

import numpy as np
import torch

from vaescope.callbacks import Codes
from vaescope.data.factors import KINDS
from vaescope.errors import DataError
from vaescope.posteriors import DiagonalGaussian, Point


def read_codes(path: str | Path) -> Codes:
    """Codes in an npz file.

    Args:
        path: file with ``codes`` [N, D], ``factors`` [N, K] (integers are classes), and if you
            like ``kinds`` [K] (``ordinal``, ``circular``, ``categorical``, ``continuous``; without
            it integers are ordinal, others continuous) and posterior ``variance`` [N, D].

    Returns:
        The codes as a look at a test part.

    Raises:
        DataError: if the file is missing, unreadable, or its arrays do not fit each other.
    """
    if not Path(path).is_file():
        raise DataError(
            f"codes={path}: no such file; give an npz with codes [N, D], factors [N, K]"
        )
    try:
        with Path(path).open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"codes={path}: cannot be read as npz ({error})") from error
    missing = [name for name in ("codes", "factors") if name not in arrays]
    if missing:
        raise DataError(
            f"codes={path}: has {sorted(arrays)}, but not {missing[0]}; "
            "save codes [N, D] and factors [N, K]"
        )
    codes, factors = arrays["codes"], arrays["factors"]
    if codes.ndim != 2 or factors.ndim != 2 or len(codes) != len(factors):
        raise DataError(
            f"codes={path}: codes {codes.shape} and factors {factors.shape}, but [N, D] and [N, K] "
            "are needed"
        )
    variance = arrays.get("variance")
    if variance is not None and variance.shape != codes.shape:
        raise DataError(f"codes={path}: variance {variance.shape}, but codes {codes.shape}")
    whole = np.issubdtype(factors.dtype, np.integer)
    kinds = [
        str(k)
        for k in arrays.get("kinds", [("ordinal" if whole else "continuous")] * factors.shape[1])
    ]
    if len(kinds) != factors.shape[1] or not set(kinds) <= set(KINDS):
        raise DataError(
            f"codes={path}: kinds {kinds} for {factors.shape[1]} factors; give one of "
            f"{', '.join(KINDS)} for each"
        )
    mean = torch.from_numpy(codes.astype(np.float64))
    return Codes(
        step=0,
        split="test",
        posterior=Point if variance is None else DiagonalGaussian,
        mean=mean,
        sampled=mean,
        variance=None if variance is None else torch.from_numpy(variance.astype(np.float64)),
        factors=torch.from_numpy(factors.astype(np.int64 if whole else np.float64)),
        factor_kinds=kinds,
    )
