"""Weight initialisation of a network, by the name of the rule."""

from typing import Literal

from torch import nn

from vaescope.ranges import in_range

Initialisation = Literal["glorot", "torch", "orthogonal"]
_RULES = {"glorot": nn.init.xavier_uniform_, "orthogonal": nn.init.orthogonal_}


@in_range
def initialise(network: nn.Module, initialisation: Initialisation) -> nn.Module:
    """Set the initial weights of all linear and convolutional layers in place.

    Layers that normalise keep PyTorch's weights: scale one and shift zero.

    Args:
        network: any module.
        initialisation: ``glorot``: uniform Glorot weights and zero biases, the default of
            TensorFlow's layers and so of disentanglement_lib; ``torch``: leave PyTorch's own;
            ``orthogonal``: a random matrix with orthonormal rows, or columns if there are fewer,
            and zero biases. A kernel is the matrix of its first axis by the others.

    Returns:
        The same module.

    Source: Glorot & Bengio 2010, https://proceedings.mlr.press/v9/glorot10a.html, eq. 16; Saxe,
    McClelland & Ganguli 2014, https://arxiv.org/abs/1312.6120, with gain 1.
    Differs: none.

    Example:
        >>> initialise(nn.Linear(2, 2), "glorot").bias.tolist()
        [0.0, 0.0]
    """
    if initialisation != "torch":
        for layer in network.modules():
            if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
                _RULES[initialisation](layer.weight)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return network
