"""Weight initialisation of a network, by the name of the rule."""

from typing import Literal, get_args

from torch import nn

Initialisation = Literal["glorot", "torch", "orthogonal"]
_RULES = {"glorot": nn.init.xavier_uniform_, "orthogonal": nn.init.orthogonal_}


def initialise(network: nn.Module, rule: Initialisation) -> nn.Module:
    """Set the initial weights of all linear and convolutional layers in place.

    Layers that normalise keep PyTorch's weights: scale one and shift zero.

    Args:
        network: any module.
        rule: ``glorot``: uniform Glorot weights and zero biases, the default of TensorFlow's
            layers and so of disentanglement_lib; ``torch``: leave PyTorch's own; ``orthogonal``:
            a random matrix with orthonormal rows, or columns if there are fewer, and zero biases.
            A kernel is the matrix of its first axis by the others.

    Returns:
        The same module.

    Raises:
        ValueError: if the rule is unknown.

    Source: Glorot & Bengio 2010, https://proceedings.mlr.press/v9/glorot10a.html, eq. 16; Saxe,
    McClelland & Ganguli 2014, https://arxiv.org/abs/1312.6120, with gain 1.
    Differs: none.

    Example:
        >>> initialise(nn.Linear(2, 2), "glorot").bias.tolist()
        [0.0, 0.0]
    """
    if rule not in get_args(Initialisation):
        options = ", ".join(map(repr, get_args(Initialisation)))
        raise ValueError(f"initialisation={rule!r}: give one of {options}")
    if rule != "torch":
        for layer in network.modules():
            if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
                _RULES[rule](layer.weight)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return network
