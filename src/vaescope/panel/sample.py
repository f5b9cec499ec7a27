"""One set of codes and factors, and what several scores need of it, each made once."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaescope.errors import NoScoreError
from vaescope.metrics.estimators.probe_data import Rows, checked_rows, factor_kinds
from vaescope.metrics.kinds import resolved_kinds
from vaescope.streams import stream

FEWEST = 50  # codes below which most scores say nothing


def looks_transposed(codes: Sequence[int], factors: Sequence[int]) -> bool:
    """Whether matrices of these shapes look like [D, N] and [K, N] instead of [N, D] and [N, K].

    They do with more factors than rows, or with few rows of four times as many latents.
    """
    rows, latents = codes
    return factors[1] > rows or (rows < FEWEST and latents > 4 * rows)


def as_tensor(name: str, values: Tensor | np.ndarray) -> Tensor:
    """The tensor of codes or factors that came as one, as an array or as lists; real numbers."""
    if not isinstance(values, Tensor):
        array = np.asarray(values)
        if array.dtype.kind not in "biuf":
            raise ValueError(f"{name} are {array.dtype}: give real numbers, classes as integers")
        whole = array.dtype.kind == "u"  # of which torch's own types know little
        return torch.from_numpy(array.astype(np.int64 if whole else array.dtype))
    if values.is_complex() or values.layout is not torch.strided or values.is_meta:
        raise ValueError(f"{name} are {values.dtype}, {values.layout}: give dense real numbers")
    return values


class Sample:
    """Codes with their factors, cut once into rows to fit probes on and rows to score them on.

    Args:
        codes: one number per latent [N, D]; the field uses the posterior mean.
        factors: values of the factors [N, K]; none, K = 0, for scores of the codes alone.
        kinds: kind of each factor [K]; None: as in `vaescope.metrics.kinds.resolved_kinds`.
        variance: posterior variances [N, D], which some scores need.
        test_share: part of the rows that probes are scored on, above 0 and below 1.
        seed: of that part, and of the scores' own draws.

    Raises:
        ValueError: if shapes do not fit, values are not finite, there are fewer than 4 rows or
            the share leaves one part empty.
    """

    def __init__(
        self,
        codes: Tensor,
        factors: Tensor,
        kinds: Sequence[str] | None = None,
        *,
        variance: Tensor | None = None,
        test_share: float = 1 / 3,
        seed: int = 0,
    ) -> None:
        if factors.ndim == 2 and factors.shape[1] == 0:
            self.kinds: tuple[str, ...] = ()
            self.codes, self.factors = checked_rows(codes, codes[:, :1], least=4)[0], factors
        else:
            self.kinds = resolved_kinds(factors, kinds)
            self.codes, self.factors = checked_rows(codes, factors, least=4)
        self.variance, self.seed = variance, seed
        self._cut: dict[str, Any] = {"test_share": test_share, "seed": seed}
        count = round(len(codes) * test_share)
        if not 0 < count < len(codes):
            raise ValueError(f"test_share={test_share} of {len(codes)} rows leaves one part empty")
        order = torch.from_numpy(stream(seed, "rows to score on", 0).permutation(len(codes)))
        self.rows = order[count:].to(codes.device), order[:count].to(codes.device)

    @cached_property
    def fitted(self) -> Rows:
        """Codes and factors to fit probes on."""
        return self.codes[self.rows[0]], self.factors[self.rows[0]]

    @cached_property
    def scored(self) -> Rows:
        """Codes and factors to score probes on."""
        return self.codes[self.rows[1]], self.factors[self.rows[1]]

    @property
    def classes(self) -> "Sample":
        """The same with the factors that have classes alone."""
        return self._of("classes", [w == "class" for w in factor_kinds(self.factors, self.kinds)])

    @property
    def ordered(self) -> "Sample":
        """The same with the factors whose values stand in a line alone."""
        return self._of("an order", [kind in ("ordinal", "continuous") for kind in self.kinds])

    @property
    def regressed(self) -> list[bool]:
        """For each factor, whether nearest neighbours predict its value and not its class."""
        return [kind != "categorical" for kind in self.kinds]

    @property
    def posterior(self) -> Rows:
        """Means and variances of q(z|x)."""
        if self.variance is None:
            raise NoScoreError("it needs the variances of a normal posterior, and none are given")
        return self.codes, self.variance

    def _of(self, what: str, kept: Sequence[bool]) -> "Sample":
        if all(kept):
            return self
        if not any(kept):
            raise NoScoreError(f"it needs factors with {what}, and these are {list(self.kinds)}")
        their = tuple(kind for kind, keep in zip(self.kinds, kept, strict=True) if keep)
        factors = self.factors[:, list(kept)]
        return Sample(self.codes, factors, their, variance=self.variance, **self._cut)

    def shuffled(self, number: int) -> "Sample":
        """The same codes beside rows of factors in a random order."""
        order = stream(self.seed, "shuffled factors", number).permutation(len(self.codes))
        factors = self.factors[torch.from_numpy(order).to(self.codes.device)]
        return Sample(self.codes, factors, self.kinds, variance=self.variance, **self._cut)

    def half(self, number: int) -> "Sample":
        """A random half of the rows: no row comes twice, as it would in a bootstrap."""
        order = stream(self.seed, "half of the rows", number).permutation(len(self.codes))
        kept = torch.from_numpy(order[: len(order) // 2]).to(self.codes.device)
        variance = None if self.variance is None else self.variance[kept]
        rows = self.codes[kept], self.factors[kept]
        return Sample(*rows, self.kinds, variance=variance, **self._cut)

    def perfect(self) -> "Sample":
        """A code of one latent per factor that is equal to the factor's value."""
        return Sample(self.factors.double(), self.factors, self.kinds, **self._cut)
