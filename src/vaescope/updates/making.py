"""The updates of a call: each as Lightning makes one, or by one program, compiled or captured."""

import logging
from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.optim import Optimizer

from vaescope.ensemble import Ensemble
from vaescope.errors import first_line
from vaescope.minibatch import Batch, Call, on_tensors
from vaescope.models import LatentModel
from vaescope.models.base import Noise
from vaescope.models.updating import Clipping
from vaescope.updates.cuda_graph import CallBuffers
from vaescope.updates.device_waits import first_wait
from vaescope.updates.functional_optimizer import why_not_replayed
from vaescope.updates.pace import Model, Pace
from vaescope.updates.program import UpdateProgram, named_weights, why_no_program

log = logging.getLogger(__name__)

# what compiling costs is less than what it saves: updates of a run, by single model and ensemble
PAYS_FROM = {LatentModel: 50_000, Ensemble: 10_000}
SMALL = 500_000  # weights of a model, above which products of matrices take most of an update


class UpdateMaker:
    """Makes updates of the trainer's model.

    Args:
        trainer: of the run.
        pace: what an update takes from its number.
        compiled: whether updates are compiled; None: if the run is long enough to gain by it.
        replayed: whether they are replays of a CUDA graph; None: on a CUDA device, where it can be.
    """

    def __init__(
        self, trainer: Any, pace: Pace, compiled: bool | None, replayed: bool | None
    ) -> None:
        self.trainer, self._compiled, self._replayed = trainer, compiled, replayed
        self._pace = pace
        self._program: UpdateProgram | None = None
        self._buffers: CallBuffers | None = None
        self.by_program = False

    def begin(self, module: pl.LightningModule, reason: str | None) -> None:
        """Decide how updates are made; each by itself for a ``reason``, or one found here."""
        wanted = {"compile=true": self._compiled, "cuda_graph=true": self._replayed}
        if self._compiled is None:
            self._compiled = self._pays(module)
        if self._replayed is None:
            self._replayed = module.device.type == "cuda"
        optimizer = self.trainer.optimizers[0]
        reason = reason or why_no_program(self.trainer, module, optimizer)
        no_graph = reason or _why_no_graph(module, optimizer)
        self._compiled &= reason is None
        self._replayed &= no_graph is None
        self.by_program = self._compiled or self._replayed
        if self._compiled:
            log.info("updates are compiled, which takes a while at the first of them")
        elif wanted["compile=true"]:
            log.warning("compile=true compiles the networks alone, not whole updates: %s", reason)
            _compile_parts(module)
        if self._replayed:
            log.info("updates are replays of a CUDA graph")
        elif wanted["cuda_graph=true"]:
            log.warning("cuda_graph=true has no effect: %s", no_graph)
        elif module.device.type == "cuda" and wanted["cuda_graph=true"] is None:
            log.info("updates are no replays of a CUDA graph: %s", no_graph)

    def make(self, call: Call, optimizer: Optimizer) -> list[dict[str, Any]]:
        """Make the updates of a call; what callbacks are told of each."""
        module, first = self.trainer.lightning_module, self.trainer.global_step
        batch_size = len(call.batch.image) // (call.updates * len(module.seeds))
        noise = module.noise_of(batch_size, first, call.updates)
        if self._replayed and self._program is not None:
            made = self._replay(call, first, noise)
        else:
            made = self._one_by_one(call, first, noise, optimizer)
        if self._program is not None:
            self._pace.set_rates(first + call.updates - 1)
            if isinstance(module, Ensemble) and not self._replayed:  # it makes the host wait
                module.keep_frozen()
            settings = module.settings(first + call.updates - 1)
            made[-1] |= {"loss": made[-1]["losses"].sum(), "settings": settings}
        return made

    def _one_by_one(
        self, call: Call, first: int, noise: Noise, optimizer: Optimizer
    ) -> list[dict[str, Any]]:
        module = self.trainer.lightning_module
        made: list[dict[str, Any]] = []
        paces = self._pace.numbers(first, call.updates) if self.by_program else {}
        for number, batch in enumerate(call.each()):
            step, own = first + number, {name: rows[number] for name, rows in noise.items()}
            pace = {name: values[number] for name, values in paces.items()}
            # the first of all makes the optimiser's state
            by_program = (
                self._by_program(module, batch, step, own, pace)
                if self.by_program and step
                else None
            )
            made.append(by_program or self._update(module, optimizer, batch, step, own))
        return made

    def _replay(self, call: Call, first: int, noise: Noise) -> list[dict[str, Any]]:
        """Losses and terms of the updates of a call, by a CUDA graph."""
        assert self._program is not None
        batches = on_tensors(lambda rows: rows.unflatten(0, (call.updates, -1)), call.batch)
        pace = self._pace.numbers(first, call.updates)
        if self._buffers is None or self._buffers.room < call.updates:
            self._buffers = CallBuffers(self._program, batches, noise, pace)
        return self._buffers.make(batches, noise, first, pace)

    def _by_program(
        self, module: Model, batch: Batch, step: int, noise: Noise, pace: Mapping[str, Tensor]
    ) -> dict[str, Any] | None:
        """Losses and terms of an update that the program makes; None: there cannot be one."""
        rows = module.by_member(batch) if isinstance(module, Ensemble) else batch
        arguments = rows, torch.tensor(step, device=module.device), dict(noise)
        program = self._program
        if program is None:
            used = self._used_weights(module, rows, step, noise)
            self._refuse_waits(module, used, *arguments)
            if not self.by_program:
                return None
            program = self._make_program(module, used)
        try:
            losses, terms = program(*arguments, pace)
        except Exception as error:
            if self._program is not None:
                raise
            # of the compiler, or of what makes it one function; one of the method's own comes again
            self._replayed = bool(self._replayed and self._compiled)  # a graph needs no compiler
            self._compiled, self.by_program = False, self._replayed
            log.warning("updates are not compiled: %s", first_line(error))
            return self._by_program(module, batch, step, noise, pace) if self.by_program else None
        program.count(1)
        self._program = program
        return {"losses": losses, "terms": terms}

    def _make_program(self, module: Model, used: set[str]) -> UpdateProgram:
        optimizer, precision = self.trainer.optimizers[0], self.trainer.precision_plugin
        how = {"compiled": bool(self._compiled), "replayed": bool(self._replayed)}
        self._pace.set_rates(None)  # the program is told what each update has of them
        return UpdateProgram(module, optimizer, precision, used, self._clipping(module), **how)

    def _clipping(self, module: Model) -> Clipping | None:
        trainer = self.trainer
        return module.clipping(trainer.gradient_clip_val, trainer.gradient_clip_algorithm)

    def _refuse_waits(self, module: Model, used: set[str], *arguments: Any) -> None:
        """Make no CUDA graph of an update in which the host waits for the device."""
        if not self._replayed:
            return
        optimizer, precision = self.trainer.optimizers[0], self.trainer.precision_plugin
        plain = UpdateProgram(module, optimizer, precision, used, compiled=False)
        try:
            wait = first_wait(plain.gradients, plain.state[0], *arguments)
        except Exception as error:  # an operation that torch cannot run without numbers
            wait = first_line(error)
        if wait is not None:
            log.info("updates are no replays of a CUDA graph: the host waits at %s", wait)
            self._replayed, self.by_program = False, bool(self._compiled)

    @torch.enable_grad()
    def _used_weights(self, module: Model, batch: Batch, step: int, noise: Noise) -> set[str]:
        """Names of the weights that the loss depends on; ``batch`` with its members in front."""
        with self.trainer.precision_plugin.train_step_context():
            loss = module.loss(module.terms(batch, step, noise), step).sum()
        weights = {n: w for n, w in named_weights(module).items() if w.requires_grad}
        gradients = torch.autograd.grad(loss, list(weights.values()), allow_unused=True)
        return {n for n, gradient in zip(weights, gradients, strict=True) if gradient is not None}

    @torch.enable_grad()
    def _update(
        self, module: Model, optimizer: Optimizer, batch: Batch, step: int, noise: Noise
    ) -> dict[str, Any]:
        """What Lightning does in an update, without its hooks."""
        trainer = self.trainer
        self._pace.set_rates(step)
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
        self._pace.follow(step)
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


def _why_no_graph(module: pl.LightningModule, optimizer: Optimizer) -> str | None:
    """Why updates cannot be replays of a CUDA graph, in one sentence; None: they can."""
    if module.device.type != "cuda":
        return f"the device that trains is a {module.device.type}"
    return why_not_replayed(optimizer)


def _compile_parts(module: pl.LightningModule) -> None:
    """Compile what of an update can be: the terms of an ensemble, or the networks of a model."""
    if isinstance(module, Ensemble):
        module.compile_terms()
    elif isinstance(module, LatentModel):
        for network in (module.encoder, module.decoder):  # Module.compile() compiles nothing here
            network.forward = torch.compile(network.forward)
