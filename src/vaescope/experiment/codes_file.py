"""Codes of anyone's model: a file of codes and factors, read, checked and written."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from vaescope.data import EvaluationBatches, FactorDataModule
from vaescope.data.files.missing_values import first_missing
from vaescope.data.files.parquet_files import lacks_arrow
from vaescope.distributions.posteriors import DiagonalGaussian, Point
from vaescope.errors import ConfigError, DataError
from vaescope.experiment.codes_formats import WRITTEN, arrays_in, write_arrays
from vaescope.experiment.codes_refusals import PARQUET, Refusal
from vaescope.factor_kinds import KINDS, guessed_kind
from vaescope.models import LatentModel
from vaescope.panel import FEWEST, looks_transposed
from vaescope.statistics import Codes, encode_split
from vaescope.streams import stream

log = logging.getLogger(__name__)

_TYPES = {"c": "complex numbers", "M": "dates", "m": "durations", "V": "records", "O": "objects"}


def read_codes(path: str | Path, num_samples: int = 10_000, seed: int = 0) -> tuple[Codes, int]:
    """Codes in a file, or as many of its rows as wanted, drawn at random.

    Args:
        path: npz, HDF5, mat, parquet, tensors of torch, or a folder that ``save_to_disk`` of
            Hugging Face's data sets has written, with
            ``codes`` [N, D], ``factors`` [N, K] (numbers, truth values or text), and if
            you like ``kinds`` [K] (``ordinal``, ``circular``, ``categorical``, ``continuous``;
            without it truth values and text are categorical, whole numbers ordinal, others
            continuous) and posterior ``variance`` [N, D], above 0. Other arrays are not read.
        num_samples: rows, at most; a file may be sorted by its factors, so they are drawn evenly.
        seed: of the rows that are drawn.

    Returns:
        The codes as those of a test part, and the number of rows in the file.

    Raises:
        DataError: if the file is missing, unreadable, or its arrays are no such numbers, do not fit
            each other, look transposed or have too few rows.
    """
    try:
        codes = _codes(arrays_in(Path(path)))
    except Refusal as refusal:
        raise DataError(f"codes={path}: {refusal}") from refusal.__cause__
    total = len(codes.mean)
    if total <= num_samples:
        return codes, total
    log.info("codes=%s: %d of %d rows, drawn at random (num_samples)", path, num_samples, total)
    kept = torch.from_numpy(stream(seed, "rows of a codes file").permutation(total)[:num_samples])
    parts = {name: getattr(codes, name) for name in ("mean", "sampled", "variance", "factors")}
    return replace(codes, **{n: p[kept] for n, p in parts.items() if p is not None}), total


def write_codes(
    path: Path,
    models: Iterable[LatentModel],
    data: FactorDataModule,
    num_samples: int = 10_000,
    split: str = "test",
) -> list[Path]:
    """Write codes of a part so that ``vaescope evaluate codes=FILE`` reads them.

    Args:
        path: ``codes.npz`` or ``codes.parquet``; of several models ``codes_seed_S.npz`` each.
        models: one, or the members of an ensemble.
        data: set up data module.
        num_samples: images, at most.
        split: ``val``, ``test`` or ``held_out``.

    Returns:
        The files, each with ``codes`` [N, D], ``factors`` [N, K], ``kinds`` [K] and, of diagonal
        posteriors, ``variance`` [N, D].
    """
    index = data.evaluation_rows(split, min(num_samples, len(data.rows[split])))
    single = EvaluationBatches(data.dataset, None, data.split_seed)
    found = {
        m.seed: encode_split(m, single, index, split=split, step=0, num_losses=0) for m in models
    }
    paths = []
    for seed, codes in found.items():
        own = path.with_stem(f"{path.stem}_seed_{seed}") if len(found) > 1 else path
        write_arrays(own, arrays_of(codes), data.factors.names)
        paths.append(own)
    return paths


def arrays_of(codes: Codes) -> dict[str, np.ndarray]:
    """Codes as the arrays that a file has of them."""
    arrays = {"codes": codes.mean.numpy(), "factors": codes.factors.numpy()}
    arrays["kinds"] = np.array(codes.factor_kinds, dtype=str)
    if codes.variance is not None and codes.posterior is DiagonalGaussian:
        arrays["variance"] = codes.variance.numpy()
    return arrays


def check_codes_file(path: Path) -> None:
    """Refuse a file that codes cannot be written to, before anything is measured.

    Raises:
        ConfigError: another ending, or parquet without its package.
    """
    if path.suffix.lower() not in WRITTEN:
        raise ConfigError(f"codes_file={path}: choose a file that ends in {' or '.join(WRITTEN)}")
    if path.suffix.lower() == PARQUET and (reason := lacks_arrow()):
        raise ConfigError(f"codes_file={path}: {reason}")


def _codes(arrays: Mapping[str, np.ndarray]) -> Codes:
    codes, factors, variance = arrays["codes"], arrays["factors"], arrays.get("variance")
    _check_type("codes", codes)
    _check_type("factors", factors)
    _check_shapes(codes, factors)
    mean = _finite("codes", codes)
    if variance is not None:
        if variance.shape != codes.shape:
            raise Refusal(f"variance {variance.shape}, but codes {codes.shape}")
        variance = _finite("variance", variance)
        if not (variance > 0).all():
            row, column = np.argwhere(variance <= 0)[0]
            given = f"variance is {variance[row, column]:g} in row {row}, column {column}"
            raise Refusal(f"{given}, but above 0 is needed: variances, not their logarithm")
    kinds = _kinds(factors, arrays.get("kinds"))
    if factors.dtype.kind in "SU":  # text by its place in alphabetical order
        factors = np.stack([np.unique(f, return_inverse=True)[1].ravel() for f in factors.T], 1)
    numbers = factors.astype(np.float64 if factors.dtype.kind == "f" else np.int64)
    return Codes(
        step=0,
        split="test",
        posterior=Point if variance is None else DiagonalGaussian,
        mean=torch.from_numpy(mean),
        sampled=torch.from_numpy(mean),
        variance=None if variance is None else torch.from_numpy(variance),
        factors=torch.from_numpy(numbers),
        factor_kinds=kinds,
    )


def _check_shapes(codes: np.ndarray, factors: np.ndarray) -> None:
    shapes = f"codes {codes.shape} and factors {factors.shape}"
    for name, array in (("codes", codes), ("factors", factors)):
        if array.ndim == 1 and len(array):
            raise Refusal(f"{shapes}: of one column give {name}[:, None], [{len(array)}, 1]")
    if codes.ndim != 2 or factors.ndim != 2 or 0 in (*codes.shape, *factors.shape):
        raise Refusal(f"{shapes}, but [N, D] and [N, K] are needed, at least 1 each")
    if len(codes) != len(factors):
        (n, d), (m, k) = codes.shape, factors.shape
        turned = (("both", d == k > 1), ("codes", d == m > 1), ("factors", n == k > 1))
        hint = next((f"; transpose {name}?" for name, fits in turned if fits), "")
        raise Refusal(f"{shapes}, but [N, D] and [N, K] of the same N rows are needed{hint}")
    if looks_transposed(codes.shape, factors.shape):
        rows = f"{len(codes)} rows of {codes.shape[1]} latents and {factors.shape[1]} factors"
        raise Refusal(f"{rows}: transpose? codes are [N, D] and factors [N, K], a row an image")
    if len(codes) < FEWEST:
        raise Refusal(f"{len(codes)} rows, but at least {FEWEST} are needed: encode more images")


def _finite(name: str, array: np.ndarray) -> np.ndarray:
    """The array as float64, without a value that is no finite number."""
    if array.dtype.kind in "SU":
        raise Refusal(f"{name} hold text, but numbers are needed: {name}.astype(float)")
    _check_type(name, array)
    with np.errstate(over="ignore"):  # a long double beyond float64 becomes infinite
        values = array.astype(np.float64)
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        row, column = bad[0]
        rows = len(np.unique(bad[:, 0]))
        more = f" ({rows} such rows)" if rows > 1 else ""
        raise Refusal(
            f"{name} hold {values[row, column]} in row {row}, column {column}{more}, but finite "
            "numbers are needed: leave such rows out of all arrays"
        )
    return values


def _check_type(name: str, array: np.ndarray) -> None:
    if array.dtype.kind in _TYPES:
        raise Refusal(f"{name} hold {_TYPES[array.dtype.kind]}, but numbers are needed")


def _kinds(factors: np.ndarray, given: np.ndarray | None) -> Sequence[str]:
    text = factors.dtype.kind in "SU"
    if not text:
        _finite("factors", factors)
        if factors.dtype.kind == "u" and int(factors.max()) >= 2**63:
            raise Refusal(f"factors go up to {factors.max()}, but less than 2**63 is needed")
    for column, values in enumerate(factors.T) if text else ():
        if (missing := first_missing(values)) is not None:
            raise Refusal(
                f"factors hold {missing[1]!r} in row {missing[0]}, column {column}, which says "
                "that a value is not known: leave such rows out of all arrays, or call a class "
                "otherwise"
            )
    if given is None:
        return [guessed_kind(column) for column in factors.T]
    listed = np.atleast_1d(given).tolist()
    kinds = [k.decode("latin-1") if isinstance(k, bytes) else str(k) for k in listed]
    if len(kinds) != factors.shape[1] or not set(kinds) <= set(KINDS):
        allowed = f"one of {', '.join(KINDS)} for each"
        raise Refusal(f"kinds {kinds} for {factors.shape[1]} factors; give {allowed}")
    if text and set(kinds) != {"categorical"}:
        raise Refusal(
            f"factors hold text, which has no order: kinds are {kinds}, but categorical is "
            "needed for each; number the values of an ordered factor"
        )
    return kinds
