"""Calls side by side in threads, each on one core: short operations gain little from sharing."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Answer = TypeVar("Answer")


def call_side_by_side(calls: Sequence[Callable[[], Answer]]) -> list[Answer]:
    """Answers of calls that do not depend on each other, in their order.

    As many run at a time as torch has threads; inside of each torch has one, so that the answers
    are those of ``torch.set_num_threads(1)``.

    Example:
        >>> call_side_by_side([lambda: torch.get_num_threads(), lambda: 2])
        [1, 2]
    """
    threads, inference = torch.get_num_threads(), torch.is_inference_mode_enabled()

    def answer(call: Callable[[], Answer]) -> Answer:
        with torch.inference_mode(inference), torch.no_grad():
            return call()

    torch.set_num_threads(1)  # of this thread and of those that begin now
    try:
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(answer, calls))
    finally:
        torch.set_num_threads(threads)
