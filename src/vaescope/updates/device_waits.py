"""What of an update would make the host wait for a GPU; found out without one."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

_COPIES = ("aten::_to_copy", "aten::copy_")


class _Wait(Exception):
    """The operation that waits."""


def first_wait(function: Callable[..., Any], *arguments: Any) -> str | None:
    """Name of the first operation of a function that makes the host wait for the device.

    The function is run without computing anything, on tensors that are said to be on a GPU or,
    where there is none, on torch's device without memory. A number that is read on the host, a
    shape that depends on numbers, or a copy between host and device cannot be in a CUDA graph.

    Args:
        function: of tensors, which it may change.
        arguments: nested lists, tuples and dictionaries of tensors, on any device.

    Returns:
        torch's name of the operation, such as ``aten.nonzero.default``; None: nothing waits.

    Example:
        >>> first_wait(lambda x: x[x > 0], torch.ones(2))
        'aten.nonzero.default'
        >>> first_wait(lambda x: x.clamp(min=0), torch.ones(2)) is None
        True
    """
    from torch._subclasses.fake_tensor import (  # it takes a moment
        DataDependentOutputException,
        DynamicOutputShapeException,
        FakeTensorMode,
    )

    with FakeTensorMode(allow_non_fake_inputs=True), _CopyGuard(), torch.no_grad():
        moved = tree_map(_on_gpu, list(arguments))
        try:
            function(*moved)
        except (DataDependentOutputException, DynamicOutputShapeException) as error:
            return str(error.func)
        except _Wait as wait:
            return str(wait)
    return None


def _on_gpu(value: Any) -> Any:
    if not isinstance(value, Tensor):
        return value
    device = "cuda" if torch.cuda.is_available() else "meta"
    return torch.empty_strided(value.size(), value.stride(), dtype=value.dtype, device=device)


class _CopyGuard(TorchDispatchMode):
    """Refuses copies between host and device."""

    def __torch_dispatch__(
        self, function: Any, types: Any, arguments: Any = (), keywords: Any = None
    ) -> Any:
        made = function(*arguments, **(keywords or {}))
        if function._schema.name in _COPIES:
            given = [value for value in arguments if isinstance(value, Tensor)]
            devices = {value.device.type for value in [*given, made]}
            if len(devices) > 1:
                raise _Wait(f"{function}, between host and device")
        return made
