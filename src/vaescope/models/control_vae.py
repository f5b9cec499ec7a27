"""ControlVAE: a controller sets the weight of the KL, so that the KL is what was asked for."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from vaescope.minibatch import Batch
from vaescope.models.base import LatentModel, Noise, PartsOrData, Terms
from vaescope.models.schedules import linear_schedule
from vaescope.ranges import NonNegative, Steps, in_range


class ControlVAE(LatentModel):
    """ControlVAE: reconstruction + beta(t) KL, beta(t) by a PI controller that holds the KL at C.

    With the error e(t) = C(t) - KL(t) of each batch, beta(t) = K_p / (1 + exp(e(t))) + I(t) +
    beta_min, and I(t) = I(t - 1) - K_i e(t), from I(0) = 0 on; beta(t) is kept within its bounds.
    I, and beta before it is bounded, are weights of the model that no gradient moves.

    Args:
        target: C at the end, nats, at least 0.
        initial_target: C at the start, nats.
        anneal_steps: number of updates over which C moves linearly; None: two fifths of the run,
            as the 585,000 of 1,500,000 that the published code takes to 18.
        k_p: gain of the proportional part, at least 0.
        k_i: gain of the integral, at least 0.
        beta_min: lower bound of beta, at least 0.
        beta_max: upper bound of beta, above ``beta_min``.

    Source: Shao et al. 2020, https://arxiv.org/abs/2004.05988, eq. 7 and algorithm 1; the target,
    the gains and the bounds are those of its published code for dSprites. Differs: C rises by
    0.15 every 5,000 updates there. Algorithm 1 holds I while beta is out of bounds, also where the
    error would bring it back, so that a large error may hold it for ever; here it is held only
    where it would go on outward.
    """

    of_whole_batch = "the mean KL that the controller is told"
    states = ("integral", "unbounded_beta")

    @in_range
    def __init__(
        self,
        parts: PartsOrData,
        *,
        target: NonNegative = 18.0,
        initial_target: NonNegative = 0.5,
        anneal_steps: Steps | None = None,
        k_p: NonNegative = 0.01,
        k_i: NonNegative = 0.001,
        beta_min: NonNegative = 1.0,
        beta_max: NonNegative = 100.0,
    ) -> None:
        super().__init__(parts)
        if beta_min >= beta_max:
            raise ValueError(f"beta_min={beta_min}, beta_max={beta_max}: give a larger beta_max")
        self.target, self.initial_target, self.anneal_steps = target, initial_target, anneal_steps
        self.k_p, self.k_i, self.beta_min, self.beta_max = k_p, k_i, beta_min, beta_max
        self.integral = nn.Parameter(torch.zeros(()), requires_grad=False)
        self.unbounded_beta = nn.Parameter(torch.full((), float(beta_min)), requires_grad=False)

    @property
    def schedule_end(self) -> int:
        return self.length_of(self.anneal_steps, 2 / 5)

    def weights(self, step: int) -> dict[str, float]:
        return {"kl": 0.0, "controlled_beta": 0.0}  # both are only told

    def targets(self, step: int) -> dict[str, float]:
        return {"kl": linear_schedule(self.initial_target, self.target, self.schedule_end, step)}

    def controlled(
        self, error: Tensor, integral: Tensor, unbounded_beta: Tensor
    ) -> tuple[Tensor, Tensor]:
        """I(t) and beta(t) before it is bounded, of e(t), I(t - 1) and beta(t - 1)."""
        too_high = (unbounded_beta > self.beta_max) & (error < 0)
        too_low = (unbounded_beta < self.beta_min) & (error > 0)
        integral = torch.where(too_high | too_low, integral, integral - self.k_i * error)
        return integral, self.k_p * torch.sigmoid(-error) + integral + self.beta_min

    def terms(self, batch: Batch, step: int, noise: Noise) -> Terms:
        """-log p(x|z) and beta(t) KL, z drawn from q; KL, beta(t) and e(t) by themselves."""
        q = self.encode(batch.image)
        terms = self.elbo_terms(q, q.rsample(noise["z"]), batch.image)
        error = self.targets(step)["kl"] - terms["kl"].detach()
        states = (getattr(self, name).detach() for name in self.states)
        beta = self.controlled(error, *states)[1].clamp(self.beta_min, self.beta_max)
        return terms | {"controlled_kl": beta * terms["kl"], "controlled_beta": beta}

    def states_after(self, states: Mapping[str, Tensor], terms: Terms, step: int) -> Terms:
        error = self.targets(step)["kl"] - terms["kl"].detach()
        return dict(zip(self.states, self.controlled(error, **states), strict=True))
