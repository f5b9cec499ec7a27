"""Runs from Python: train one as the command line does, or load one that there is."""

import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from omegaconf import DictConfig

from vaescope.commands import train as command
from vaescope.commands.originals import with_originals
from vaescope.config.composing import as_word, hydra_of
from vaescope.config.groups import NAMES
from vaescope.config.loading import read_yaml
from vaescope.config.overrides import path_of, with_literal_paths
from vaescope.config.plugins import refuse_hidden_files
from vaescope.config.refusals import refusal
from vaescope.config.trust import copy_trusted
from vaescope.data import FactorDataModule
from vaescope.errors import ConfigError, DataError, RunFolderError
from vaescope.experiment.assembly import build_data, load_models
from vaescope.models import LatentModel
from vaescope.nested import flat_settings
from vaescope.run_folder.contents import BEST, CONFIG, LAST, holds_run
from vaescope.run_folder.metrics import Metrics, read_metrics
from vaescope.run_folder.scores import has_scores, read_scores
from vaescope.stopping import Stopped

_FORM = "[%(asctime)s][%(name)s][%(levelname)s] - %(message)s"  # Hydra's
_ONLY_THERE = "is of the command line: vaescope train"


class Run:
    """A run of ``vaescope train``, on disk; what is asked for is read then, and no code of it runs.

    Args:
        folder: where it lies.
        checkpoint: of which the model is; None: there is none.
        trust: your own packages that its settings may name, ``("mylab",)``.
    """

    def __init__(
        self, folder: Path, checkpoint: Path | None = None, trust: Sequence[str] = ()
    ) -> None:
        self.folder, self.checkpoint, self.trust = folder, checkpoint, tuple(trust)

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r})"

    @property
    def scores(self) -> list[dict[str, Any]]:
        """Final scores by log key (``test/mig``), with what tells runs apart; one a seed."""
        return [dict(row) for row in read_scores(self.folder).rows]

    @property
    def metrics(self) -> Metrics:
        """Everything that was logged: ``{(step, seed): {"val/loss": ...}}``."""
        return read_metrics(self.folder)

    @property
    def settings(self) -> dict[str, Any]:
        """The resolved configuration."""
        if self.checkpoint is not None:
            settings: dict[str, Any] = self._loaded[1]["vaescope"]["config"]
            return settings
        path = self.folder / CONFIG
        return dict(copy_trusted(read_yaml(path), f"{path}", self.trust))

    @property
    def models(self) -> dict[int, LatentModel]:
        """Models by seed, in evaluation mode on the CPU: one, or the members of an ensemble."""
        return {model.seed: model for model in self._loaded[0]}

    @property
    def model(self) -> LatentModel:
        """The model, of an ensemble the first; in evaluation mode on the CPU."""
        return self._loaded[0][0]

    @cached_property
    def data(self) -> FactorDataModule:
        """The data that it was trained on, set up."""
        return build_data(self.settings)

    @cached_property
    def _loaded(self) -> tuple[list[LatentModel], dict[str, Any]]:
        if self.checkpoint is None:
            raise DataError(
                f"{self.folder} has no checkpoint: no {LAST}; it was written without "
                "callbacks.checkpoint, or moved"
            )
        models, saved = load_models(self.checkpoint, self.trust)
        if not models:
            raise DataError(f"{self.checkpoint}: every member has diverged")
        return models, saved


def load(
    path: str | Path, *, checkpoint: Literal["last", "best"] = "last", trust: Sequence[str] = ()
) -> Run:
    """A run from its folder, a checkpoint or its ``scores.json``; no code of it is run.

    Args:
        path: folder of a run, or one of these files.
        checkpoint: of a folder, which state the model has: the last, or the best.
        trust: your own packages that its settings may name classes of, ``("mylab",)``.

    Raises:
        DataError: there is no run; files that are damaged are told when they are asked for.
    """
    place = Path(path).expanduser()
    if place.is_file() and place.suffix in (".ckpt", ".pt", ".safetensors"):
        folder = place.parent.parent if place.parent.name == "checkpoints" else place.parent
        return Run(folder, place, trust)
    folder = place.parent if place.name == "scores.json" else place
    if not folder.is_dir() or not (holds_run(folder) or has_scores(folder)):
        raise DataError(
            f"{path}: no run is there; give the folder of a run, a checkpoint of it "
            "(RUN/checkpoints/last.ckpt), or its scores.json"
        )
    state = folder / (LAST if checkpoint == "last" else BEST)
    return Run(folder, state if state.is_file() else None, trust)


def train(*words: str | Mapping[str, Any], **settings: Any) -> Run:
    """Train, measure and report as ``vaescope train`` does, with its settings and its files.

    Args:
        *words: words of the command line (``"trainer.max_steps=100"``), or mappings of settings by
            dotted key (``{"model.beta": 4}``).
        **settings: the same by name: options of groups (``model="beta_vae"``), values (``seed=3``),
            values within a group (``trainer={"max_steps": 100}``). ``output_dir`` is the run's
            folder; without it, it is ``outputs/<data>-<model>/<time>``.

    Returns:
        The run: its folder, scores and model.

    Raises:
        ConfigError: settings that cannot work, all at once.
        DataError: data that are missing or damaged.
        TrainingDivergedError: the loss stopped being a number.
        KeyboardInterrupt: the notebook's stop, or Ctrl-C; the state so far is kept.
    """
    said = _words(words, settings)
    refuse_hidden_files(said)
    outcome: dict[str, Any] = {}

    def task(config: DictConfig) -> None:
        outcome["folder"] = Path(config.output_dir)
        try:
            with _logging_to(outcome["folder"] / "train.log"):
                command.job(config)
        except Exception as error:  # told by this function, not by Hydra
            outcome["error"] = error

    try:
        with hydra_of("train") as hydra:
            hydra.run("train", task, with_literal_paths(with_originals(said)), False)
    except Stopped as stop:
        if stop.name != "SIGINT":
            raise
        raise KeyboardInterrupt(stop.told()) from None
    except Exception as refused:  # words that Hydra does not take
        outcome["error"] = refused
    failed = outcome.get("error")
    if failed is not None:
        hydras = type(failed).__module__.startswith("hydra")
        cause = (failed.__cause__ if hydras else None) or failed
        raise refusal(cause) or cause
    return load(outcome["folder"])


def _words(words: Sequence[str | Mapping[str, Any]], settings: Mapping[str, Any]) -> list[str]:
    """All settings as words of the command line."""
    said: list[str] = []
    for each in (*words, settings):
        if isinstance(each, str):
            said.append(each)
            continue
        for key, value in each.items():
            nested = isinstance(value, Mapping) and key in NAMES
            pairs = flat_settings({key: value}) if nested else [(key, value)]
            said += [as_word(name, inner) for name, inner in pairs]
    for place, word in enumerate(said):
        key, _, value = word.partition("=")
        if word.startswith("-") or key in ("resume", "sweep.resume"):
            raise ConfigError(f"{word} {_ONLY_THERE} {word}")
        if key in ("output_dir", "hydra.run.dir"):
            folder = path_of(value)
            if holds_run(folder):
                raise RunFolderError(
                    f"{folder} holds a run already: vaescope.load({str(folder)!r}) gives it, and "
                    f"`vaescope train resume={folder}` goes on with it; or name another folder"
                )
            said[place] = as_word("hydra.run.dir", folder)
    return said


@contextmanager
def _logging_to(path: Path) -> Iterator[None]:
    """Lines of vaescope to a file, and where nobody listens, to the standard output."""
    path.parent.mkdir(parents=True, exist_ok=True)
    logger = logging.getLogger("vaescope")
    handlers: list[logging.Handler] = [logging.FileHandler(path, encoding="utf-8")]
    if not logging.getLogger().handlers:
        handlers.append(logging.StreamHandler(sys.stdout))
    level = logger.level
    logger.setLevel(logging.INFO)
    for handler in handlers:
        handler.setFormatter(logging.Formatter(_FORM))
        logger.addHandler(handler)
    try:
        yield
    finally:
        logger.setLevel(level)
        for handler in handlers:
            logger.removeHandler(handler)
            handler.close()
