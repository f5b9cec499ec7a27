"""VAE and beta-VAE."""

from vaescope.minibatch import Batch
from vaescope.models.base import LatentModel, Noise, PartsOrData, Terms
from vaescope.models.schedules import linear_schedule
from vaescope.ranges import NonNegative, Steps, in_range


class BetaVAE(LatentModel):
    """beta-VAE: reconstruction + beta KL(q(z|x) || N(0, I)), in nats per image.

    Args:
        beta: weight of the KL, at least 0; larger means fewer active latents.
        initial_beta: weight at step 0, from which it goes linearly to ``beta``; None: ``beta``.
        anneal_steps: number of updates that this takes; None: 4/5 of the run.

    Source: Higgins et al. 2017, https://openreview.net/forum?id=Sy2fzU9gl, eq. 4.
    Differs: the weight may move linearly in time.
    """

    @in_range
    def __init__(
        self,
        parts: PartsOrData,
        *,
        beta: NonNegative = 4.0,
        initial_beta: NonNegative | None = None,
        anneal_steps: Steps | None = None,
    ) -> None:
        super().__init__(parts)
        if initial_beta is not None and anneal_steps == 0:
            raise ValueError(f"anneal_steps={anneal_steps}: with initial_beta give at least 1")
        self.beta, self.initial_beta, self.anneal_steps = beta, initial_beta, anneal_steps

    def beta_at(self, step: int) -> float:
        if self.initial_beta is None:
            return self.beta
        return linear_schedule(self.initial_beta, self.beta, self.schedule_end, step)

    @property
    def schedule_end(self) -> int:
        return 0 if self.initial_beta is None else self.length_of(self.anneal_steps, 4 / 5)

    def weights(self, step: int) -> dict[str, float]:
        return {"kl": self.beta_at(step)}

    def terms(self, batch: Batch, step: int, noise: Noise) -> Terms:
        """-log p(x|z) and KL(q(z|x) || p(z)), z drawn from q."""
        q = self.encode(batch.image)
        return self.elbo_terms(q, q.rsample(noise["z"]), batch.image)


class VAE(BetaVAE):
    """VAE: the negative evidence lower bound, in nats per image; a beta-VAE with beta = 1.

    Source: Kingma & Welling 2014, https://arxiv.org/abs/1312.6114, eq. 3. Differs: none.
    """

    def __init__(self, parts: PartsOrData) -> None:
        super().__init__(parts, beta=1.0)
