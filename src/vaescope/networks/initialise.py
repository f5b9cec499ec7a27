"""Initial weights of a network, by the name of the rule."""

from typing import Literal, get_args

from torch import nn

Initialisation = Literal["glorot", "torch"]


def initialise(network: nn.Module, rule: Initialisation) -> nn.Module:
    """Set the initial weights of all linear and convolutional layers in place.

    Args:
        network: any module.
        rule: ``glorot``: uniform Glorot weights and zero biases, the default of TensorFlow's
            layers and so of disentanglement_lib; ``torch``: leave PyTorch's own.

    Returns:
        The same module.

    Raises:
        ValueError: if the rule is unknown.

    Source: Glorot & Bengio 2010, https://proceedings.mlr.press/v9/glorot10a.html, eq. 16.
    Differs: none.
    """
    if rule not in get_args(Initialisation):
        raise ValueError(
            f"initialisation={rule!r}: choose one of {', '.join(get_args(Initialisation))}"
        )
    if rule == "glorot":
        for layer in network.modules():
            if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return network
