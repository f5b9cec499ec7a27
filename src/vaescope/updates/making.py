"""The updates of a call: each as Lightning makes one, or as one compiled program."""

import logging
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.optim import Optimizer

from vaescope.ensemble import Ensemble
from vaescope.errors import first_line
from vaescope.minibatch import Batch, Call
from vaescope.models import LatentModel
from vaescope.models.base import Noise
from vaescope.updates.program import Model, UpdateProgram, named_weights, why_not_compiled

log = logging.getLogger(__name__)

# what compiling costs is less than what it saves: updates of a run, by single model and ensemble
PAYS_FROM = {LatentModel: 50_000, Ensemble: 10_000}
SMALL = 500_000  # weights of a model, above which products of matrices take most of an update


class UpdateMaker:
    """Makes updates of the trainer's model.

    Args:
        trainer: of the run.
        wanted: whether updates are compiled; None: if the run is long enough to gain by it.
    """

    def __init__(self, trainer: Any, wanted: bool | None) -> None:
        self.trainer, self._wanted = trainer, wanted
        self._program: UpdateProgram | None = None
        self.compiles = False

    def begin(self, module: pl.LightningModule, reason: str | None) -> None:
        """Decide whether updates are compiled; not for a ``reason``, or one that is found here."""
        if self._wanted is False or (self._wanted is None and not self._pays(module)):
            return
        reason = reason or why_not_compiled(self.trainer, module, self.trainer.optimizers[0])
        self.compiles = reason is None
        if reason is None:
            log.info("updates are compiled, which takes a while at the first of them")
        elif self._wanted:
            log.warning("compile=true compiles the networks alone, not whole updates: %s", reason)
            _compile_parts(module)

    def make(self, call: Call, optimizer: Optimizer) -> list[dict[str, Any]]:
        """Make the updates of a call; what callbacks are told of each."""
        module, first = self.trainer.lightning_module, self.trainer.global_step
        batches = list(call.each())
        noises = module.noise_of(batches[0], first, call.updates)
        made: list[dict[str, Any]] = []
        for step, (batch, noise) in enumerate(zip(batches, noises, strict=True), first):
            # the first of all makes the optimiser's state
            compiled = (
                self._by_program(module, batch, step, noise) if self.compiles and step else None
            )
            made.append(compiled or self._update(module, optimizer, batch, step, noise))
        if self._program is not None:
            if isinstance(module, Ensemble):
                module.keep_frozen()
            made[-1] |= {"loss": made[-1]["losses"].sum(), "settings": module.settings(step)}
        return made

    def _by_program(
        self, module: Model, batch: Batch, step: int, noise: Noise
    ) -> dict[str, Any] | None:
        """Losses and terms of an update that the program makes; None: it cannot be compiled."""
        rows = module.by_member(batch) if isinstance(module, Ensemble) else batch
        arguments = rows, torch.tensor(step, device=module.device), noise
        if self._program is not None:
            losses, terms = self._program(*arguments)
            return {"losses": losses, "terms": terms}
        used = self._used_weights(module, batch, step, noise)
        trainer = self.trainer
        program = UpdateProgram(module, trainer.optimizers[0], trainer.precision_plugin, used)
        try:
            losses, terms = program(*arguments)
        except Exception as error:  # of the compiler; one of the method's own comes again
            self.compiles = False
            log.warning("updates are not compiled: %s", first_line(error))
            return None
        self._program = program
        return {"losses": losses, "terms": terms}

    @torch.enable_grad()
    def _used_weights(self, module: Model, batch: Batch, step: int, noise: Noise) -> set[str]:
        """Names of the weights that the loss depends on."""
        with self.trainer.precision_plugin.train_step_context():
            loss = module.update_outcome(batch, step, noise)["loss"]
        weights = {n: w for n, w in named_weights(module).items() if w.requires_grad}
        gradients = torch.autograd.grad(loss, list(weights.values()), allow_unused=True)
        return {n for n, gradient in zip(weights, gradients, strict=True) if gradient is not None}

    @torch.enable_grad()
    def _update(
        self, module: Model, optimizer: Optimizer, batch: Batch, step: int, noise: Noise
    ) -> dict[str, Any]:
        """What Lightning does in an update, without its hooks."""
        trainer = self.trainer
        with trainer.precision_plugin.train_step_context():
            outcome = module.update_outcome(batch, step, noise)
        loss: Tensor = outcome["loss"]
        optimizer.zero_grad()
        loss.backward()
        if trainer.gradient_clip_val is not None:
            module.configure_gradient_clipping(
                optimizer, trainer.gradient_clip_val, trainer.gradient_clip_algorithm
            )
        optimizer.step()
        return outcome | {"loss": loss.detach()}

    def _pays(self, module: pl.LightningModule) -> bool:
        """Whether a run is so long, and its updates are so short, that compiling saves time."""
        assert isinstance(module, LatentModel | Ensemble)
        members = len(module.seeds)
        weights = named_weights(module).values()
        dense = all(weight.ndim - (members > 1) < 3 for weight in weights)
        small = sum(weight.numel() for weight in weights) <= SMALL * members
        updates = self.trainer.estimated_stepping_batches
        return (
            module.device.type == "cpu"
            and dense
            and small
            and updates >= PAYS_FROM[Ensemble if members > 1 else LatentModel]
        )


def _compile_parts(module: pl.LightningModule) -> None:
    """Compile what of an update can be: the terms of an ensemble, or the networks of a model."""
    if isinstance(module, Ensemble):
        module.compile_terms()
    elif isinstance(module, LatentModel):
        for network in (module.encoder, module.decoder):  # Module.compile() compiles nothing here
            network.forward = torch.compile(network.forward)
