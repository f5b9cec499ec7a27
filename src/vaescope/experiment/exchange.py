"""Several processes that make the updates of one run: Lightning's DDP, led by the first of them."""

import socket
from typing import Any

import torch
import torch.distributed as dist
from pytorch_lightning.plugins.environments import LightningEnvironment
from pytorch_lightning.strategies import DDPStrategy
from torch import Tensor

from vaescope.minibatch import BatchSlice

HOST = "127.0.0.1"  # of all processes: a run has the devices of one machine


class GradientExchange(DDPStrategy):
    """Lightning's ``ddp``, in which the first process leads and the others follow.

    Gradients and what is logged of an update are means over the processes. Nothing else is
    exchanged: what Lightning has all processes wait for or agree upon (checkpoints, an early end)
    is decided by the leader alone, which a follower meets at its next gradients or not at all.

    Args:
        own: which process this is.
        unused: whether a loss may leave weights out, as with the strategy ``UNUSED``.
        port: where the processes meet; None: a free one.
    """

    def __init__(self, own: BatchSlice, *, unused: bool = False, port: int | None = None) -> None:
        self.port = _free_port() if port is None else port
        meeting = _Meeting(own, self.port)
        super().__init__(cluster_environment=meeting, find_unused_parameters=unused)

    def training_step(self, *args: Any, **kwargs: Any) -> Any:
        """What the model makes of this process's rows, and means over processes to be logged."""
        outcome: Any = super().training_step(*args, **kwargs)
        terms = outcome["terms"]
        means = _mean_over_processes([outcome["losses"], *terms.values()])
        return outcome | {"losses": means[0], "terms": dict(zip(terms, means[1:], strict=True))}

    def barrier(self, *args: Any, **kwargs: Any) -> None:
        """Nobody waits."""

    def broadcast(self, obj: Any, src: int = 0) -> Any:
        """Everybody has it."""
        return obj

    def reduce_boolean_decision(self, decision: bool, all: bool = True) -> bool:
        """The leader's decision counts."""
        return decision

    def _configure_launcher(self) -> None:
        """The followers are started by ``Followers``."""


class _Meeting(LightningEnvironment):
    """Where the processes of a run find each other."""

    def __init__(self, own: BatchSlice, port: int) -> None:
        super().__init__()
        self._own, self._port = own, port

    @property
    def creates_processes_externally(self) -> bool:
        return True

    @property
    def main_address(self) -> str:
        return HOST

    @property
    def main_port(self) -> int:
        return self._port

    def world_size(self) -> int:
        return self._own.ranks

    def global_rank(self) -> int:
        return self._own.rank

    def local_rank(self) -> int:
        return self._own.rank

    def node_rank(self) -> int:
        return 0


def part_from_others() -> None:
    """Leave the other processes, whatever they do, so that a later run can meet others."""
    group = dist.group.WORLD
    if group is not None:
        if dist.get_backend() == "nccl":
            group.abort()  # else it waits for them
        dist.destroy_process_group()


def _mean_over_processes(values: list[Tensor]) -> list[Tensor]:
    """Means of scalars; they are exchanged together, as one tensor."""
    means = torch.stack([value.detach().double() for value in values])
    dist.all_reduce(means)
    means /= dist.get_world_size()
    return [mean.to(value) for mean, value in zip(means, values, strict=True)]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
