"""The tensors of a plan or a batch by name, to compare them."""

from torch import Tensor


def columns(tree, name=""):
    """Tensors by path: ``rows``, ``known.label``, ``partners.0.image``, ..."""
    if isinstance(tree, Tensor):
        return {name[1:]: tree}
    parts = {} if tree is None else tree._asdict() if hasattr(tree, "_asdict") else enumerate(tree)
    found = {}
    for key, part in dict(parts).items():
        found |= columns(part, f"{name}.{key}")
    return found
