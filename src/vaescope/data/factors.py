"""The generative factors of a data set and the arithmetic between their values and row numbers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vaescope.errors import ConfigError
from vaescope.factor_kinds import KINDS


@dataclass(frozen=True)
class Factors:
    """K named generative factors, each with a number of values and a kind.

    A combination of values has a row number, its ``index``: mixed radix, last factor fastest.
    K may be 0, for a data set without known factors: values are `[..., 0]`, one combination.

    Args:
        names: one name per factor, all different.
        sizes: number of values of each factor; 0 for a continuous one (any number in [0, 1]).
        kinds: per factor ``"ordinal"``, ``"circular"``, ``"categorical"`` or ``"continuous"``.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    kinds: tuple[str, ...]

    def __post_init__(self) -> None:
        for field in ("names", "sizes", "kinds"):
            object.__setattr__(self, field, tuple(getattr(self, field)))
        self._check()

    def __len__(self) -> int:
        return len(self.names)

    @property
    def has_continuous(self) -> bool:
        """Whether some factor may take any number in [0, 1]."""
        return "continuous" in self.kinds

    @property
    def num_combinations(self) -> int:
        """Number of different combinations of values, at least 1; none may be continuous."""
        self._require_discrete("num_combinations")
        return math.prod(self.sizes)

    def index(self, values: Tensor) -> Tensor:
        """Row numbers int64 `[...]` of combinations `[..., K]`; no factor may be continuous."""
        self._require_discrete("index")
        self._require_columns(values)
        sizes, bases = self._integers(self.sizes, values), self._integers(self._bases, values)
        if bool(((values < 0) | (values >= sizes)).any()):
            raise ValueError(
                f"a factor value is out of range: the largest given are "
                f"{values.reshape(-1, len(self)).amax(0).tolist()}, the smallest "
                f"{values.reshape(-1, len(self)).amin(0).tolist()}; allowed are 0 up to, not "
                f"including, {list(self.sizes)} for {list(self.names)}"
            )
        return (values.long() * bases).sum(-1)

    def values(self, index: Tensor) -> Tensor:
        """Values int64 `[..., K]` of the combinations with these row numbers `[...]`.

        The inverse of ``index``; row numbers out of range are refused on the CPU only.
        """
        self._require_discrete("values")
        # on an accelerator a check would wait for the device in every step
        if index.device.type == "cpu" and index.numel():
            low, high = (int(bound) for bound in index.aminmax())
            if low < 0 or high >= self.num_combinations:
                raise ValueError(
                    f"row numbers {low}..{high} were given, but there are only rows "
                    f"0..{self.num_combinations - 1}"
                )
        sizes, bases = self._integers(self.sizes, index), self._integers(self._bases, index)
        return index[..., None] // bases % sizes

    def sample(self, n: int, rng: np.random.Generator) -> Tensor:
        """Uniform, independent values int64 `[n, K]`; float32 if a factor is continuous."""
        if not self.has_continuous:
            return torch.from_numpy(rng.integers(0, self.sizes, size=(n, len(self))))
        columns = [rng.integers(0, s, n) if s else rng.random(n) for s in self.sizes]
        return torch.from_numpy(np.stack(columns, axis=1).astype(np.float32))

    def resample(self, values: Tensor, changed: Tensor, rng: np.random.Generator) -> Tensor:
        """The ``values`` `[n, K]`, anew where ``changed``, bool `[n, K]` or `[K]`.

        A new value may by chance equal the old one; type and device are those of ``values``.
        """
        self._require_columns(values)
        fresh = self.sample(len(values), rng).to(values)
        return torch.where(changed.to(values.device), fresh, values)

    def position_of(self, factor: str | int) -> int:
        """Position 0..K-1 of one factor, by name or position; negative ones count from the end."""
        if isinstance(factor, str) and factor in self.names:
            return self.names.index(factor)
        is_number = isinstance(factor, int) and not isinstance(factor, bool)
        if is_number and -len(self) <= int(factor) < len(self):
            return int(factor) % len(self)
        raise ConfigError(
            f"factor {factor!r} was given, but the data set has {list(self.names) or 'no factors'};"
            " give a name of these, or a position"
        )

    def positions_of(self, chosen: Sequence[str | int]) -> list[int]:
        """Positions 0..K-1 of several different factors, in the order given."""
        positions = [self.position_of(factor) for factor in chosen]
        if len(set(positions)) < len(positions):
            raise ConfigError(f"factors {list(chosen)} name one factor twice; name each once")
        return positions

    def shares_of_range(self, values: Tensor, position: int) -> Tensor:
        """Values of one factor as shares of its range, value / (size - 1), float64 `[N]` in [0, 1].

        Continuous values stay as they are, and those of a factor of one value are 0.
        """
        return values[:, position].to(torch.float64) / max(self.sizes[position] - 1, 1)

    @property
    def _bases(self) -> tuple[int, ...]:
        return tuple(math.prod(self.sizes[k + 1 :]) for k in range(len(self)))

    @staticmethod
    def _integers(numbers: Sequence[int], beside: Tensor) -> Tensor:
        """int64 (also where there are none) on the device of ``beside``."""
        return torch.tensor(numbers, dtype=torch.int64, device=beside.device)

    def _require_discrete(self, what: str) -> None:
        if self.has_continuous:
            names = [n for n, size in zip(self.names, self.sizes, strict=True) if not size]
            raise ValueError(
                f"{what} needs factors with finitely many values, but {names} are continuous; "
                "ask the data set for its values instead"
            )

    def _require_columns(self, values: Tensor) -> None:
        if values.ndim == 0 or values.shape[-1] != len(self):
            raise ValueError(
                f"values of shape {list(values.shape)} were given; the last axis must hold the "
                f"{len(self)} factors {list(self.names)}"
            )

    def _check(self) -> None:
        names, sizes, kinds = self.names, self.sizes, self.kinds
        if not len(names) == len(sizes) == len(kinds):
            raise ValueError(
                f"{len(names)} names, {len(sizes)} sizes and {len(kinds)} kinds were given; "
                "give one of each per factor"
            )
        if len(set(names)) != len(names):
            raise ValueError(f"factor names {list(names)} repeat; give each factor its own name")
        for name, size, kind in zip(names, sizes, kinds, strict=True):
            if kind not in KINDS:
                raise ValueError(
                    f"factor {name!r} has kind {kind!r}; allowed are {', '.join(KINDS)}"
                )
            if (size != 0) if kind == "continuous" else (size < 1):
                raise ValueError(
                    f"factor {name!r} of kind {kind!r} has size {size}; a continuous factor has "
                    "size 0, every other one at least 1"
                )
