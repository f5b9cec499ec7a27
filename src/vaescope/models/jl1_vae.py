"""JL1-VAE: few large entries in the decoder's Jacobian."""

from vaescope.minibatch import Batch
from vaescope.models.base import LatentModel, Noise, PartsOrData, Terms
from vaescope.models.jacobian import jacobian_columns
from vaescope.models.schedules import linear_schedule
from vaescope.ranges import NonNegative, Steps, in_range


class JL1VAE(LatentModel):
    """JL1-VAE: reconstruction + beta KL + gamma sum |dg/dz| over latents and pixels.

    g(z) is the expected image: with a Bernoulli likelihood the pixels' probabilities.

    Args:
        gamma: weight of the Jacobian's L1 norm, at least 0; larger: local axes align more.
        anneal_steps: number of updates over which both weights rise linearly from 0; None: a
            third of the run, as in the published code's 100,000 of 300,000.

    Source: Rhodes & Lee 2021, https://arxiv.org/abs/2106.02923, eq. 3. Differs: the derivative is
    exact, in forward mode, where the published code takes differences of 1e-3. As there, the code
    is held fixed in the last term: only the decoder feels it.
    """

    @in_range
    def __init__(
        self,
        parts: PartsOrData,
        *,
        beta: NonNegative = 4.0,
        gamma: NonNegative = 0.1,
        anneal_steps: Steps | None = None,
    ) -> None:
        super().__init__(parts)
        self.beta, self.gamma, self.anneal_steps = beta, gamma, anneal_steps

    @property
    def schedule_end(self) -> int:
        return self.length_of(self.anneal_steps, 1 / 3)

    def beta_at(self, step: int) -> float:
        return linear_schedule(0.0, self.beta, self.schedule_end, step)

    def weights(self, step: int) -> dict[str, float]:
        gamma = linear_schedule(0.0, self.gamma, self.schedule_end, step)
        return {"kl": self.beta_at(step), "jacobian_l1": gamma}

    def terms(self, batch: Batch, step: int, noise: Noise) -> Terms:
        """-log p(x|z), KL and |J|_1 at the sampled code."""
        q = self.encode(batch.image)
        z = q.rsample(noise["z"])
        _, columns = jacobian_columns(self.decode_mean, z.detach())
        return self.elbo_terms(q, z, batch.image) | {
            "jacobian_l1": columns.abs().sum((1, 2)).mean()
        }
