"""The VAE with a capacity that grows while it trains."""

from collections.abc import Mapping

from torch import Tensor

from vaescope.models.base import LatentModel, Parts
from vaescope.models.schedules import linear_schedule


class AnnealedVAE(LatentModel):
    """Annealed VAE: reconstruction + gamma |KL(q(z|x) || p(z)) - C|, C rising with the step.

    Args:
        parts: sizes, network, posterior, likelihood and optimiser.
        gamma: weight, at least 0: how strictly the KL is held at C.
        max_capacity: C at the end, nats, at least 0.
        anneal_steps: number of updates over which C rises from 0.

    Raises:
        ValueError: if an argument is negative.

    Source: Burgess et al. 2018, https://arxiv.org/abs/1804.03599, eq. 8; defaults of Locatello et
    al. 2019, https://arxiv.org/abs/1811.12359. Differs: none; the batch's mean KL is held at C.
    """

    def __init__(
        self,
        parts: Parts,
        *,
        gamma: float = 1000.0,
        max_capacity: float = 25.0,
        anneal_steps: int = 100_000,
    ) -> None:
        super().__init__(parts)
        if not all(number >= 0 for number in (gamma, max_capacity, anneal_steps)):
            raise ValueError(
                f"gamma={gamma}, max_capacity={max_capacity}, anneal_steps={anneal_steps}: each "
                "is at least 0"
            )
        self.gamma, self.max_capacity, self.anneal_steps = gamma, max_capacity, anneal_steps

    @property
    def schedule_end(self) -> int:
        """Number of updates after which the capacity stays."""
        return self.anneal_steps

    def terms(
        self, batch: Mapping[str, Tensor], step: int, noise: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """-log p(x|z) + gamma |KL - C(step)|, z drawn from q."""
        q = self.encode(batch["image"])
        z = q.rsample(noise["z"])
        capacity = linear_schedule(0.0, self.max_capacity, self.anneal_steps, step)
        return {
            "reconstruction": self.nll(z, batch["image"]),
            "capacity": self.gamma * (self.kl(q).sum(-1).mean() - capacity).abs(),
        }
