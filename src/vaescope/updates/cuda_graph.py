"""Updates of a call as replays of one CUDA graph, so that the host launches one thing for each."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from vaescope.ensemble import Ensemble
from vaescope.minibatch import Batch, on_tensors
from vaescope.updates.program import UpdateProgram

WARM_UP = 3  # updates before the capture, in which libraries choose their kernels


class Replays:
    """A function of no arguments, from its fourth call on as a CUDA graph.

    The calls before, for libraries to choose kernels and to allocate, are made on a stream beside
    the current one, as torch asks for. The function reads and writes the same memory every time.

    Source: https://docs.pytorch.org/docs/stable/notes/cuda.html, "CUDA Graphs". Differs: none.
    """

    def __init__(self, function: Callable[[], None]) -> None:
        self._function, self._calls = function, 0
        self._graph: Any = None

    def __call__(self) -> None:
        """Run the function, or its graph."""
        self._calls += 1
        if self._calls <= WARM_UP:
            stream, current = torch.cuda.Stream(), torch.cuda.current_stream()
            stream.wait_stream(current)
            with torch.cuda.stream(stream):
                self._function()
            current.wait_stream(stream)
            return
        if self._graph is None:
            self._graph = torch.cuda.CUDAGraph()
            # other threads may pin memory meanwhile
            with torch.cuda.graph(self._graph, capture_error_mode="thread_local"):
                self._function()  # nothing is computed here
        self._graph.replay()


class CallBuffers:
    """Makes the updates of calls from memory that stays where it is.

    Batches, noise and step of a call are copied to it. A counter on the device picks those of the
    update that is made, and the place where its losses and terms are written.

    Args:
        program: makes one update.
        batches: of a call, ``[U, B, ...]``; later ones have the same shape but for U.
        noise: of the same call, ``[U, ...]``.
        pace: of the same call, see ``Pace.numbers``.
        repeated: what makes the many runs of an update.

    Attributes:
        room: U of this call, which later ones have at most.
    """

    def __init__(
        self,
        program: UpdateProgram,
        batches: Batch,
        noise: Mapping[str, Tensor],
        pace: Mapping[str, Tensor] | None = None,
        repeated: Callable[[Callable[[], None]], Callable[[], None]] = Replays,
    ) -> None:
        self._program = program
        self._batches = on_tensors(torch.empty_like, batches)
        self._noise, self._pace = _buffers_for(noise), _buffers_for(pace or {})
        self.room = len(batches.image)
        device = batches.image.device
        self._number = torch.zeros(1, dtype=torch.int64, device=device)  # of the update in the call
        self._step = torch.zeros((), dtype=torch.int64, device=device)
        self._losses: Tensor | None = None
        self._terms: dict[str, Tensor] = {}
        self._repeated = repeated(self._update)

    def make(
        self,
        batches: Batch,
        noise: Mapping[str, Tensor],
        first: int,
        pace: Mapping[str, Tensor] | None = None,
    ) -> list[dict[str, Any]]:
        """Make the updates of a call, the first of them behind step ``first``.

        Returns:
            Losses and terms of each.
        """
        updates = len(batches.image)
        on_tensors(lambda buffer, column: buffer[:updates].copy_(column), self._batches, batches)
        for buffers, given in ((self._noise, noise), (self._pace, pace or {})):
            for name, numbers in given.items():
                buffers[name][:updates].copy_(numbers)
        self._number.zero_()
        self._step.fill_(first)
        for _ in range(updates):
            self._repeated()
        self._program.count(updates)
        assert self._losses is not None
        losses = self._losses[:updates].clone()
        terms = {name: values[:updates].clone() for name, values in self._terms.items()}
        return [
            {"losses": losses[n], "terms": {name: values[n] for name, values in terms.items()}}
            for n in range(updates)
        ]

    def _update(self) -> None:
        """One update: it reads no memory but the buffers, the weights and the optimiser's state."""
        module = self._program.module
        batch = on_tensors(self._current, self._batches)
        if isinstance(module, Ensemble):
            batch = module.by_member(batch)
        noise, pace = (
            {name: self._current(numbers) for name, numbers in each.items()}
            for each in (self._noise, self._pace)
        )
        losses, terms = self._program(batch, self._step, noise, pace)
        if self._losses is None:
            self._losses = _room_for(losses, self.room)
            self._terms = {name: _room_for(value, self.room) for name, value in terms.items()}
        self._keep(self._losses, losses)
        for name, value in terms.items():
            self._keep(self._terms[name], value)
        self._number += 1
        self._step += 1

    def _current(self, column: Tensor) -> Tensor:
        return column.index_select(0, self._number)[0]

    def _keep(self, column: Tensor, value: Tensor) -> None:
        column.index_copy_(0, self._number, value.detach().unsqueeze(0))


def _buffers_for(numbers: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: torch.empty_like(values) for name, values in numbers.items()}


def _room_for(value: Tensor, updates: int) -> Tensor:
    return torch.zeros(updates, *value.shape, dtype=value.dtype, device=value.device)
