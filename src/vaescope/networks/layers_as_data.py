"""Networks as plain layers: names, sizes and one row of weights, for programs without torch."""

import base64
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from vaescope.networks.broadcast_decoder import Broadcast
from vaescope.networks.wide_resnet import GroupNorm, ResidualBlock

Layer = dict[str, Any]

_BLOCK = 64  # weights that share a scale, as ``decoder.js`` reads them
_LARGEST = 32767  # of 16 bits


class PlainLayers(NamedTuple):
    """A network that is a chain of layers, each with its ``kind`` and the numbers that it needs.

    ``at`` is where the weights of a layer begin, a multiple of 64: its kernel in torch's order,
    then its bias.
    """

    layers: list[Layer]
    weights: Tensor  # of all layers [W]


def plain_layers(network: nn.Module) -> PlainLayers | None:
    """The network as plain layers; None if a module in it is not among those known here.

    Args:
        network: takes one sample at a time as well as many, such as the decoders of this project.

    Example:
        >>> plain_layers(nn.Sequential(nn.Linear(2, 1), nn.Tanh())).layers
        [{'kind': 'linear', 'from': 2, 'to': 1, 'at': 0}, {'kind': 'tanh'}]
    """
    row = _Row()
    try:
        layers = list(row.layers_of(network))
    except _UnknownModuleError:
        return None
    weights = torch.cat(row.weights) if row.weights else torch.empty(0)
    return PlainLayers(layers, weights)


def packed_weights(weights: Tensor) -> dict[str, str]:
    """Weights in 16 bits each: whole numbers, and a scale in 32 bits for each 64 in a row.

    A weight is off by at most 1/65534 of the largest of its 64. Of a network's weights that is
    about a quarter of what 16-bit floats lose.

    Args:
        weights: finite numbers [W].

    Returns:
        ``weights`` and ``scales``, the low byte first, in base64.

    Example:
        >>> packed_weights(torch.tensor([0.5, -1.0]))["scales"]
        'AAEAOA=='
    """
    blocks = torch.cat([weights, weights.new_zeros(-len(weights) % _BLOCK)]).reshape(-1, _BLOCK)
    scales = blocks.abs().amax(1) / _LARGEST
    whole = (blocks / scales.where(scales > 0, 1.0)[:, None]).round().flatten()[: len(weights)]
    rows = {"weights": whole.numpy().astype("<i2"), "scales": scales.numpy().astype("<f4")}
    return {name: base64.b64encode(row.tobytes()).decode("ascii") for name, row in rows.items()}


class _UnknownModuleError(Exception):
    pass


class _Row:
    """The weights so far, in one row."""

    def __init__(self) -> None:
        self.weights: list[Tensor] = []
        self.length = 0

    def layers_of(self, module: nn.Module) -> Iterator[Layer]:
        """The layers of a module; their weights are added to the row."""
        if isinstance(module, nn.Sequential):
            for inner in module:
                yield from self.layers_of(inner)
        elif type(module) is ResidualBlock:
            yield {"kind": "residual", "layers": list(self.layers_of(module.body))}
        elif type(module) in _WITHOUT_WEIGHTS:
            yield _WITHOUT_WEIGHTS[type(module)](module)
        elif type(module) in _WITH_WEIGHTS and (layer := _WITH_WEIGHTS[type(module)](module)):
            yield layer | {"at": self._add(module)}
        elif type(module) not in (nn.Identity, nn.Dropout):
            raise _UnknownModuleError

    def _add(self, module: nn.Module) -> int:
        missing = -self.length % _BLOCK  # layers of other magnitudes share no scale
        self.weights.append(torch.zeros(missing))
        start = self.length = self.length + missing
        if getattr(module, "bias", None) is None or module.weight is None:
            raise _UnknownModuleError
        for parameter in (module.weight, module.bias):
            self.weights.append(parameter.detach().float().cpu().reshape(-1))  # type: ignore[operator]
            self.length += self.weights[-1].numel()
        return start


def _convolution(module: Any) -> Layer | None:
    """Of a plain or a transposed convolution; None with groups, dilation or another padding."""
    plain = module.groups == 1 and module.dilation == (1, 1) and module.padding_mode == "zeros"
    if not plain or isinstance(module.padding, str):
        return None
    is_transposed = isinstance(module, nn.ConvTranspose2d)
    layer = {
        "kind": "transposed" if is_transposed else "convolution",
        "from": module.in_channels,
        "to": module.out_channels,
        "kernel": list(module.kernel_size),
        "stride": list(module.stride),
        "padding": list(module.padding),
    }
    return layer | ({"more": list(module.output_padding)} if is_transposed else {})


def _upsampling(module: Any) -> Layer:
    times = module.scale_factor
    if module.mode != "nearest" or not isinstance(times, int | float) or times != int(times):
        raise _UnknownModuleError
    return {"kind": "upsample", "times": int(times)}


def _shape(module: Any) -> Layer:
    if module.dim != 1:
        raise _UnknownModuleError
    return {"kind": "shape", "shape": list(module.unflattened_size)}


_WITHOUT_WEIGHTS: dict[type[nn.Module], Callable[[Any], Layer]] = {
    nn.ReLU: lambda module: {"kind": "relu"},
    nn.Tanh: lambda module: {"kind": "tanh"},
    nn.Sigmoid: lambda module: {"kind": "sigmoid"},
    nn.SiLU: lambda module: {"kind": "silu"},
    nn.LeakyReLU: lambda module: {"kind": "leaky_relu", "slope": module.negative_slope},
    nn.ELU: lambda module: {"kind": "elu", "scale": module.alpha},
    nn.Flatten: lambda module: {"kind": "flatten"},
    nn.Unflatten: _shape,
    nn.ZeroPad2d: lambda module: {"kind": "pad", "sides": list(module.padding)},
    nn.Upsample: _upsampling,
    Broadcast: lambda module: {"kind": "broadcast", "side": module.side},
}
_WITH_WEIGHTS: dict[type[nn.Module], Callable[[Any], Layer | None]] = {
    nn.Linear: lambda m: {"kind": "linear", "from": m.in_features, "to": m.out_features},
    nn.Conv2d: _convolution,
    nn.ConvTranspose2d: _convolution,
    nn.GroupNorm: lambda m: {"kind": "group_norm", "groups": m.num_groups, "epsilon": m.eps},
}
_WITH_WEIGHTS[GroupNorm] = _WITH_WEIGHTS[nn.GroupNorm]
