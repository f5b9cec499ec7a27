"""What a model says about held-out images, computed once for all statistics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

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

    def key(self, group: str, name: str) -> str:
        """Log key: ``val/...`` and ``align/...`` while training, ``test/...`` for final scores."""
        return f"{group if self.split == 'val' else self.split}/{name}"


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

    The losses have the weights of the end of the method's schedules: looks at any step compare.

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
    codes = HeldOutCodes()
    variances, kls, losses = [], [], []
    for number, chunk in enumerate(index.split(batch_size)):
        batch = {name: value.to(model.device) for name, value in dataset.batch(chunk).items()}
        batch["image"] = batch["image"].to(next(model.parameters()))
        q = model.encode(batch["image"])
        codes.update(q.mean.cpu(), batch["factors"].cpu())
        if hasattr(q, "variance"):
            variances.append(q.variance.cpu())
            kls.append(q.kl().cpu())
        if num_losses is None or number * batch_size < num_losses:
            noise = model.noise_for(len(chunk), number, use="held out")
            terms = model.terms(batch, max(step, model.schedule_end), noise)
            losses.append((len(chunk), terms))
    model.train(training)
    mean, factors = codes.compute()
    return HeldOut(
        model=model,
        step=step,
        split=split,
        mean=mean,
        factors=factors,
        variance=torch.cat(variances) if variances else None,
        kl=torch.cat(kls) if kls else None,
        losses=_weighted_means(losses),
        **about,
    )


def _weighted_means(losses: Sequence[tuple[int, Mapping[str, Tensor]]]) -> dict[str, float]:
    """Mean over all images of every term, and their sum as ``loss``."""
    total = sum(count for count, _ in losses)
    names = losses[0][1] if losses else ()
    means = {n: sum(count * terms[n].item() for count, terms in losses) / total for n in names}
    return {"loss": sum(means.values()), **means} if means else {}
