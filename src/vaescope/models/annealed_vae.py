"""Annealed VAE (capacity annealing): the KL is held at a capacity that grows while it trains."""

from vaescope.minibatch import Batch
from vaescope.models.base import LatentModel, Noise, PartsOrData, Terms
from vaescope.models.schedules import linear_schedule
from vaescope.ranges import NonNegative, Steps, in_range


class AnnealedVAE(LatentModel):
    """Annealed VAE: reconstruction + gamma |KL(q(z|x) || p(z)) - C|, C rising with the step.

    Args:
        gamma: weight, at least 0: how strictly the KL is held at C.
        max_capacity: C at the end, nats, at least 0.
        anneal_steps: number of updates over which C rises from 0; None: a third of the run.

    Source: Burgess et al. 2018, https://arxiv.org/abs/1804.03599, eq. 8; defaults of Locatello et
    al. 2019, https://arxiv.org/abs/1811.12359, whose C rises for 100,000 of 300,000 updates.
    Differs: it is the mean KL of a batch that is held at C, as in that study's code.
    """

    of_whole_batch = "the distance of the mean KL from its target"

    @in_range
    def __init__(
        self,
        parts: PartsOrData,
        *,
        gamma: NonNegative = 1000.0,
        max_capacity: NonNegative = 25.0,
        anneal_steps: Steps | None = None,
    ) -> None:
        super().__init__(parts)
        self.gamma, self.max_capacity, self.anneal_steps = gamma, max_capacity, anneal_steps

    @property
    def schedule_end(self) -> int:
        return self.length_of(self.anneal_steps, 1 / 3)

    def capacity(self, step: int) -> float:
        """C after ``step`` updates, nats."""
        return linear_schedule(0.0, self.max_capacity, self.schedule_end, step)

    def weights(self, step: int) -> dict[str, float]:
        return {"kl": 0.0, "capacity_gap": self.gamma}  # the KL itself is only told

    def targets(self, step: int) -> dict[str, float]:
        return {"kl": self.capacity(step)}

    def terms(self, batch: Batch, step: int, noise: Noise) -> Terms:
        """-log p(x|z) and |KL - C(step)|, z drawn from q; the KL by itself."""
        q = self.encode(batch.image)
        z = q.rsample(noise["z"])
        kl = self.kl(q).sum(-1).mean()
        return {
            "reconstruction": self.nll(z, batch.image),
            "kl": kl,
            "capacity_gap": (kl - self.capacity(step)).abs(),
        }
