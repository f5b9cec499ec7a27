"""Arrays in npy files that stay on the disk and are never copied for another process."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaescope.errors import DataError


class MappedArray:
    """A uint8 array in an npy file, memory-mapped read only; a pickled copy opens the file again.

    Args:
        path: the file.
        shape: what it has to hold.
        require: refuses the file if it has changed since it was written; None: it is not ours.

    Raises:
        DataError: the file is cut short, has changed, or is something else.
    """

    def __init__(
        self,
        path: Path,
        shape: tuple[int, ...],
        require: Callable[[Path], None] | None = None,
    ) -> None:
        self.path, self.shape = path, tuple(shape)
        self._open()
        if require is not None:
            require(path)

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        """Bytes of the array, wherever it lies."""
        return self.array.nbytes

    def take(self, index: Tensor) -> Tensor:
        """Rows uint8 `[B, ...]` of a CPU tensor of row numbers `[B]`."""
        return torch.from_numpy(self.array[index.numpy()])

    def read(self, device: torch.device | str) -> Tensor:
        """The whole array on ``device``."""
        return torch.tensor(self.array, device=device)

    def _open(self) -> None:
        try:
            mapped = np.load(self.path, mmap_mode="r", allow_pickle=False)
        except (ValueError, EOFError, FileNotFoundError) as error:
            raise DataError(f"{self.path} is damaged ({error}); delete it and run again") from error
        # a plain view: indexing a memmap costs several times as much
        self.array = np.asarray(mapped)
        if self.array.shape != self.shape or self.array.dtype != np.uint8:
            raise DataError(
                f"{self.path} holds {self.array.dtype} {list(self.array.shape)}, expected uint8 "
                f"{list(self.shape)}; delete it and run again"
            )

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "shape": self.shape}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]
