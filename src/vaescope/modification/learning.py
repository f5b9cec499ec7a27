"""Training of the game: decoders alone, all players, decoders alone again; resumable."""

import json
import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer
from tqdm.auto import tqdm

from vaescope import stopping
from vaescope.errors import DataError, RunFolderError, TrainingDivergedError, first_line
from vaescope.files import replacing
from vaescope.modification.examples import Examples
from vaescope.modification.game import Game
from vaescope.modification.schedule import (
    GAME,
    MODIFIED,
    ORIGINAL,
    Measurement,
    Part,
    Schedule,
    State,
    from_plain,
)
from vaescope.progress_bars import progress_bar
from vaescope.run_folder.modification import refuse_other_settings
from vaescope.streams import stream

log = logging.getLogger(__name__)

MakeOptimizer = Callable[[list[dict[str, Any]]], Optimizer]  # of groups of parameters
_CHUNK = 256  # images that are measured at a time
_MEASURED = 1024  # codes, at least, of a measurement


class Training:
    """Trains a game, measures it, and keeps its state in a file from which it goes on.

    Args:
        game: the players; updated in place.
        examples: what they learn from.
        make_optimizer: of groups of weights: the decoders', the modification's.
        schedule: how long and how.
        checkpoint: the file; a training whose file is there goes on from it.
        identity: plain settings that a training which goes on must have in common with it.
    """

    def __init__(
        self,
        game: Game,
        examples: Examples,
        make_optimizer: MakeOptimizer,
        schedule: Schedule,
        checkpoint: Path,
        identity: Mapping[str, Any],
    ) -> None:
        self.game, self.examples, self.schedule = game, examples, schedule
        self.checkpoint, self.identity = checkpoint, json.dumps(identity, sort_keys=True)
        self.learns = any(True for _ in game.modification.parameters())
        decoders = [*game.disentangled.parameters(), *game.entangled.parameters()]
        modification = list(game.modification.parameters())
        self.optimizer = make_optimizer(
            [{"params": params} for params in (decoders, modification) if params]
        )
        for group in self.optimizer.param_groups[1:]:
            group["lr"] *= schedule.pace
        self.state = State()
        if checkpoint.is_file():
            self._load()

    def run(self, bar: bool = True) -> State:
        """Make all updates that are missing.

        Args:
            bar: whether to draw a progress bar.

        Raises:
            Stopped: by a signal, after the state was kept.
            TrainingDivergedError: a loss is not finite.
        """
        stopping.defer()
        stopping.listen()
        try:
            with self._bar(bar) as display:
                for part in (ORIGINAL, GAME, MODIFIED):
                    self._run(part, display)
        finally:
            stopping.defer(False)
        return self.state

    def _run(self, part: Part, display: "tqdm[Any]") -> None:
        """One part of the training, from where it stands."""
        state, order = self.state, (ORIGINAL, GAME, MODIFIED)
        if order.index(state.part) > order.index(part):
            return
        if state.part != part:
            state.part, state.step_of_part = part, 0
        if part == GAME and not self.learns:
            return
        began = time.monotonic()
        while state.step_of_part < self.schedule.length(part) and not self._is_over(part):
            self._update(part)
            state.step, state.step_of_part = state.step + 1, state.step_of_part + 1
            now = time.monotonic()
            state.seconds, began = state.seconds + now - began, now
            last = state.step_of_part == self.schedule.length(part)
            if last or state.step_of_part % self.schedule.every_n_steps == 0:
                found = self._measure(part)
                display.set_postfix(part=part, margin=f"{found.margin:.4g}", refresh=False)
                self.save()
            display.update()
            if (number := stopping.requested()) is not None:
                self.save()
                raise stopping.Stopped(number)

    def _update(self, part: Part) -> None:
        rows = self.examples.rows(self.state.step, self.schedule.batch_size)
        images, w = self.examples.at(rows)
        noise = self._noise("modification/noise", w, self.state.step)
        game = self.game
        if part == ORIGINAL:
            loss = game.loss_of_decoders(images, w, noise)
        elif part == MODIFIED:
            with torch.no_grad():
                images = game.modified(images, w)
            loss = game.loss_of_decoders(images, w, noise)
        elif self.schedule.turns == "simultaneous":
            loss = game.objective(images, w, noise)
        elif (self.state.step_of_part + 1) % (self.schedule.decoder_steps + 1):
            loss = game.loss_of_decoders(game.modified(images, w), w, noise)
        else:
            loss = game.loss_of_modification(images, w, noise)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def _noise(self, name: str, w: Tensor, step: int) -> Tensor:
        drawn = stream(self.examples.seed, name, step).standard_normal(w.shape, np.float32)
        return torch.from_numpy(drawn).to(w.device)

    @torch.no_grad()
    def _measure(self, part: Part) -> Measurement:
        """Losses on the rows kept back, with the same noise each time, added to the history."""
        found, kept = [], self.examples.kept
        rows = np.tile(kept, math.ceil(_MEASURED / len(kept)))  # each with several draws of noise
        for step in range(0, len(rows), _CHUNK):
            images, w = self.examples.at(rows[step : step + _CHUNK])
            noise = self._noise("modification/noise_of_measurements", w, step)
            target = images if part == ORIGINAL else self.game.modified(images, w)
            found.append(self.game.losses(self.game.outputs(w, noise), target))
        dis = float(torch.cat([losses.disentangled for losses in found]).double().mean())
        ent = float(torch.cat([losses.entangled for losses in found]).double().mean())
        if not math.isfinite(dis + ent):
            raise TrainingDivergedError(
                f"the references' losses are {dis} and {ent} at step {self.state.step}; lower "
                f"optimizer.lr{self._kept_before()}"
            )
        measurement = Measurement(self.state.step, part, dis, ent, dis - ent)
        self.state.history.append(measurement)
        return measurement

    def _is_over(self, part: str) -> bool:
        """Whether the game ends before its last step: no time is left, or nothing is won."""
        limit, patience = self.schedule.minutes, self.schedule.patience
        if part != GAME:
            return False
        if limit is not None and self.state.seconds > 60 * limit:
            return True
        won = [self.game.sign * each.margin for each in self.state.history if each.part == GAME]
        return patience is not None and len(won) - 1 - _argmax(won) >= patience

    def save(self) -> None:
        """Write the state, whole or not at all."""
        state = {
            **asdict(self.state),
            "identity": self.identity,
            "game": self.game.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        with replacing(self.checkpoint) as temporary, temporary.open("wb") as file:
            torch.save(state, file)

    def _load(self) -> None:
        """Take up the state of the file.

        Raises:
            DataError: the file is no such state.
            RunFolderError: it is of other settings.
        """
        try:
            saved = torch.load(self.checkpoint, map_location="cpu", weights_only=True)
            before = dict(json.loads(saved.pop("identity")))
            refuse_other_settings(self.checkpoint.parent, before, json.loads(self.identity))
            self.game.load_state_dict(saved.pop("game"))
            self.optimizer.load_state_dict(saved.pop("optimizer"))
            history = [from_plain(Measurement, each) for each in saved.pop("history")]
            self.state = from_plain(State, {**saved, "history": history})
        except RunFolderError:
            raise
        except Exception as error:  # of torch, of zip files, of what is in them
            reason = first_line(error)
            if "weights_only" in reason:  # torch's advice is to read it unsafely
                reason = "it holds other things than weights and plain values, or is damaged"
            raise DataError(
                f"{self.checkpoint} is no state of a modification ({reason}); remove it, or take "
                "another folder"
            ) from error
        log.info("the modification goes on from step %d", self.state.step)

    def _bar(self, shown: bool) -> "tqdm[Any]":
        total = sum(self.schedule.length(part) for part in (ORIGINAL, GAME, MODIFIED))
        total -= 0 if self.learns else self.schedule.steps
        return progress_bar(total, "step", done=self.state.step, shown=shown)

    def _kept_before(self) -> str:
        return f"; the state before is in {self.checkpoint}" if self.checkpoint.is_file() else ""


def _argmax(numbers: list[float]) -> int:
    return max(range(len(numbers)), key=numbers.__getitem__, default=-1)
