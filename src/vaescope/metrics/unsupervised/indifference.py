"""PIPE: are images of codes whose latents are mixed told from reconstructions?"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vaescope.errors import InputError
from vaescope.streams import stream
from vaescope.tensor_checks import check_finite

_AT_A_TIME = 256


def pipe_score(
    reconstructions: Tensor,
    mixed: Tensor,
    classifier: nn.Module,
    *,
    updates: int = 1_562,
    batch_size: int = 32,
    learning_rate: float = 1e-4,
    seed: int = 0,
) -> float:
    """PIPE, 2 (1 - a): 0, every image is told; 1, good, a coin would do as well.

    a is the accuracy, on the half of the images that it was not trained on, of a classifier between
    images of codes z ~ q(z|x) and images of codes whose latents are drawn from these independently.
    Where latents depend on each other, or a combination of them is no code of any image, the second
    kind looks odd.

    Args:
        reconstructions: decoded codes of N images ``[N, ...]``, N at least 4.
        mixed: decoded codes whose latents were permuted, each by itself ``[N, ...]``.
        classifier: images ``[B, ...]`` to logits ``[B, 1]`` of being mixed; it is trained.
        updates: of the classifier, by Adam.
        batch_size: images in an update, of both kinds.
        learning_rate: of Adam.
        seed: of halves and batches.

    Raises:
        InputError: if shapes differ, or there are fewer than 4 images.

    Source: Estermann & Wattenhofer 2023, https://arxiv.org/abs/2303.01384, the metric PIPE: a half
    of the images to train on, 50,000 images shown, and the score as in its published code. Differs:
    latents are permuted, where that code's default draws them uniformly from the range of the
    means; a score above 1, of a classifier worse than a coin, is told as 1.

    Example:
        >>> black, white = torch.zeros(40, 3), torch.ones(40, 3)
        >>> line = nn.Linear(3, 1)
        >>> _ = nn.init.constant_(line.weight, 1.0), nn.init.constant_(line.bias, -1.5)
        >>> pipe_score(black, white, line, updates=1)
        0.0
    """
    if reconstructions.shape != mixed.shape or len(mixed) < 4:
        shapes = f"{list(reconstructions.shape)} and {list(mixed.shape)}"
        raise InputError(f"images {shapes}: give as many of both, of one size, at least 4")
    check_finite("check the decoder", reconstructions=reconstructions, mixed=mixed)
    order = torch.from_numpy(stream(seed, "halves for PIPE").permutation(len(mixed)))
    shown, kept = order.to(mixed.device).chunk(2)
    images = torch.cat([reconstructions[shown], mixed[shown]])
    labels = torch.arange(2, device=mixed.device).repeat_interleave(len(shown)).to(mixed)
    optimizer = torch.optim.Adam(classifier.parameters(), lr=learning_rate)
    rng = stream(seed, "batches for PIPE")
    with torch.enable_grad():
        for _ in range(updates):
            rows = torch.from_numpy(rng.integers(len(images), size=batch_size)).to(images.device)
            logits = classifier(images[rows])[:, 0]
            optimizer.zero_grad()
            F.binary_cross_entropy_with_logits(logits, labels[rows]).backward()
            optimizer.step()
    right = [
        _is_mixed(classifier, kind[kept]) == is_mixed
        for kind, is_mixed in ((reconstructions, False), (mixed, True))
    ]
    accuracy = float(torch.cat(right).double().mean())
    return min(1.0, 2 * (1 - accuracy))


@torch.no_grad()
def _is_mixed(classifier: nn.Module, images: Tensor) -> Tensor:
    """Which images are taken for mixed ones, bool ``[N]``."""
    return torch.cat([classifier(part)[:, 0] > 0 for part in images.split(_AT_A_TIME)])
