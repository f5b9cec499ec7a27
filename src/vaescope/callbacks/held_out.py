"""What a model says about held-out images, computed once for all statistics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torchmetrics import CatMetric, MeanMetric

from vaescope.data import FactorDataset
from vaescope.metrics import HeldOutCodes
from vaescope.models import LatentModel


@dataclass(frozen=True)
class HeldOut:
    """One look at a model: its codes of N held-out images.

    Attributes:
        model: the model itself, for statistics of its decoder.
        step: number of updates it has had.
        split: name of the held-out part, ``val`` or ``test``; it begins the log keys.
        mean: posterior means ``[N, D]``.
        variance: marginal posterior variances ``[N, D]``; None for an autoencoder.
        kl: KL per latent ``[N, D]``, nats; None for an autoencoder.
        factors: generative factors ``[N, K]``.
        losses: mean of every loss term over the first images, and their sum as ``loss``.
        num_jacobians: for how many of the N images decoder Jacobians are computed.
        history: scores of the earlier looks of this run, each with its ``step``.
    """

    model: LatentModel
    step: int
    split: str
    mean: Tensor
    variance: Tensor | None
    kl: Tensor | None
    factors: Tensor
    losses: Mapping[str, float]
    num_jacobians: int = 256
    history: Sequence[Mapping[str, float]] = field(default_factory=tuple)


@torch.no_grad()
def look(
    model: LatentModel,
    dataset: FactorDataset,
    index: Tensor,
    *,
    split: str,
    step: int,
    num_losses: int | None = None,
    batch_size: int = 64,
    **about: Any,
) -> HeldOut:
    """Encode the images ``index [N]`` of ``dataset``, and compute losses, in full precision.

    Args:
        model: any model, left in the mode it was in.
        dataset: where the images are; on the model's device or the CPU.
        index: which images.
        split: name of the held-out part.
        step: number of updates the model has had.
        num_losses: about how many of the images enter the loss terms; None: all.
        batch_size: images at a time.
        **about: the remaining attributes of ``HeldOut``.

    Returns:
        The look.
    """
    training = model.training
    model.eval()
    codes, spread = HeldOutCodes(), {"variance": CatMetric(), "kl": CatMetric()}
    losses: dict[str, MeanMetric] = {}
    for number, chunk in enumerate(index.split(batch_size)):
        batch = {k: v.to(model.device) for k, v in dataset.batch(chunk).items()}
        q = model.encode(batch["image"])
        codes.update(q.mean.cpu(), batch["factors"].cpu())
        if hasattr(q, "variance"):
            spread["variance"].update(q.variance.cpu())
            spread["kl"].update(q.kl().cpu())
        if num_losses is None or number * batch_size < num_losses:
            noise = model.noise_for(len(chunk), number)
            for name, term in model.terms(batch, step, noise).items():
                losses.setdefault(name, MeanMetric()).update(term.cpu(), weight=len(chunk))
    model.train(training)
    mean, factors = codes.compute()
    means = {name: metric.compute().item() for name, metric in losses.items()}
    gaussian = spread["kl"].update_called
    return HeldOut(
        model=model,
        step=step,
        split=split,
        mean=mean,
        factors=factors,
        losses={"loss": sum(means.values()), **means},
        variance=spread["variance"].compute() if gaussian else None,
        kl=spread["kl"].compute() if gaussian else None,
        **about,
    )
