"""The MIG that codes along the predicted latents would have: a diagnosis in the unit of results."""

import torch
from torch import Tensor

from vaescope.diagnosis.rotations import UNDECIDED, descend, preferred_rotation
from vaescope.metrics import mutual_information_gap

_RANDOM = 10  # rotations whose MIG is that of latents that nothing decides
_RESAMPLES = 30


def predicted_mig(
    gram: Tensor, beta: float, places: Tensor, values: Tensor
) -> tuple[float, tuple[float, float]]:
    """MIG of the latents that a linear VAE would take, 0 to 1, with a 95 % interval over points.

    Latents z = R^T w, those that are pruned replaced by noise, have a MIG of their own. Where the
    loss of R is hardly below that of random rotations, by g nats, nothing decides, and the MIG of
    random rotations is taken to the share u / (g + u), u = 0.0025 nats.

    Args:
        gram: F^T H F of the factor Jacobians [N, K, K].
        beta: weight of the KL term.
        places: factors of a sample of images in standard deviations [M, K].
        values: these as numbers of the data set's own [M, K].
    """
    preferred = preferred_rotation(gram, beta)
    dim, generator = len(preferred.rotation), torch.Generator().manual_seed(0)
    noise = torch.randn(len(places), dim, generator=generator, dtype=torch.float64)
    normal = torch.randn(_RANDOM, dim, dim, generator=generator, dtype=torch.float64)
    haar = torch.linalg.qr(normal).Q
    chance = sum(mutual_information_gap(places.double() @ r, values) for r in haar) / _RANDOM
    gain = max(0.0, preferred.loss_at_random - preferred.loss)
    share = gain / (gain + UNDECIDED)

    def of(some: Tensor, rotation: Tensor) -> float:
        used = (rotation.T @ some.mean(0) @ rotation).diagonal() > beta
        codes = torch.where(used, places.double() @ rotation, noise)
        return share * mutual_information_gap(codes, values) + (1 - share) * chance

    picks = torch.randint(len(gram), (_RESAMPLES, len(gram)), generator=generator)
    again = [of(gram[p], descend(gram[p], preferred.rotation, beta)) for p in picks]
    low, high = torch.tensor(again).quantile(torch.tensor([0.025, 0.975])).tolist()
    return of(gram, preferred.rotation), (low, high)
