"""From a configuration to a trained, measured and reported model."""

import logging
import warnings
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig

from vaescope.assembly import Plain, about_run, build_model
from vaescope.callbacks import AtomicCheckpointIO, Checkpoint, Evaluation, KeepConfig, MetricsFile
from vaescope.config import build, resolved, save_yaml
from vaescope.data import FactorDataModule
from vaescope.errors import ConfigError
from vaescope.evaluation import final_scores
from vaescope.hardware import set_threads
from vaescope.models import LatentModel
from vaescope.problems import check
from vaescope.report.page import write_report
from vaescope.report.record import environment, write_json, write_scores
from vaescope.report.terminal import print_scores

log = logging.getLogger(__name__)


def train(config: DictConfig) -> list[dict[str, Any]]:
    """Train, measure and report one model; or continue to, with ``resume``.

    Args:
        config: composed ``train.yaml``.

    Returns:
        Rows of ``scores.json``: one, with the final scores on the test part.

    Raises:
        ConfigError: listing every mistake in the configuration.
        DataError: if data are missing or corrupt.
        TrainingDivergedError: if the loss stops being a finite number.
    """
    check(config)
    plain = resolved(config)
    folder = Path(plain["output_dir"])
    checkpoint = _checkpoint_to_resume(plain, folder)
    threads = set_threads(plain["threads"])
    pl.seed_everything(plain["seed"], workers=True, verbose=False)
    data = build(plain["data"], "data")
    model = build_model(plain, data.image_shape)
    trainer = _trainer(plain, data, resume=checkpoint)
    log.info("precision: %s", plain["trainer"]["precision"])
    save_yaml(plain | {"resume": None}, folder / "config.yaml")
    write_json(folder / "environment.json", environment(threads))
    _prepare(model, plain)
    for logger in trainer.loggers:
        logger.log_hyperparams(plain)
    _fit(trainer, model, data, checkpoint)
    return [_finish(trainer, model, data, plain, folder)]


def _checkpoint_to_resume(plain: Plain, folder: Path) -> Path | None:
    """Last checkpoint of the run to continue; a new run may not write over an old one."""
    last = folder / "checkpoints" / "last.ckpt"
    if plain["resume"] is None:
        if last.exists() or (folder / "scores.json").exists():
            raise ConfigError(
                f"output_dir={folder} holds a run already; continue it with resume={folder}, "
                "or leave output_dir and hydra.run.dir to their defaults"
            )
        return None
    if not last.is_file():
        raise ConfigError(
            f"resume={folder}: no {last}, so there is nothing to continue; start anew"
        )
    step = torch.load(last, map_location="cpu", weights_only=True, mmap=True)["global_step"]
    if 0 < plain["trainer"]["max_steps"] <= step:
        raise ConfigError(
            f"resume={folder}: the run has all its {step} steps; "
            f"add trainer.max_steps=N with N above {step} to go on"
        )
    return last


def _trainer(plain: Plain, data: FactorDataModule, resume: Path | None) -> pl.Trainer:
    callbacks = [
        build(node, f"callbacks.{name}") for name, node in (plain["callbacks"] or {}).items()
    ]
    loggers = [build(node, f"logger.{name}") for name, node in (plain["logger"] or {}).items()]
    for logger in loggers:
        if isinstance(logger, MetricsFile) and resume is not None:
            logger.resume(torch.load(resume, weights_only=True, mmap=True)["global_step"])
    record = {"config": plain | {"resume": None}, "image_shape": list(data.image_shape)}
    return build(
        plain["trainer"],
        "trainer",
        callbacks=[*callbacks, KeepConfig(record)],
        logger=loggers,
        plugins=[AtomicCheckpointIO()],
        default_root_dir=plain["output_dir"],
        enable_checkpointing=any(isinstance(c, Checkpoint) for c in callbacks),
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
    )


def _prepare(model: LatentModel, plain: Plain) -> None:
    """Settings of the machine, not of the science: memory layout and compilation."""
    if plain["channels_last"]:
        model.to(memory_format=torch.channels_last)
    if plain["compile"]:
        for network in (model.encoder, model.decoder):  # Module.compile() compiles nothing here
            network.forward = torch.compile(network.forward)


def _fit(
    trainer: pl.Trainer, model: LatentModel, data: FactorDataModule, checkpoint: Path | None
) -> None:
    """Train under Lightning without its advice on data loaders, which are vectorised here."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec.*")
        warnings.filterwarnings(
            "ignore", message=".*have no `val_dataloader`.*|.*no `validation_step`.*"
        )
        trainer.fit(
            model,
            datamodule=data,
            ckpt_path=str(checkpoint) if checkpoint else None,
            weights_only=True,
        )


def _finish(
    trainer: pl.Trainer, model: LatentModel, data: FactorDataModule, plain: Plain, folder: Path
) -> dict[str, Any]:
    """Final scores on the test part, to the terminal, to files and to the loggers."""
    model.to(trainer.strategy.root_device)  # Lightning has moved it to the CPU
    evaluation = next((c for c in _callbacks(trainer) if isinstance(c, Evaluation)), None)
    statistics = {k: build(v, f"statistics.{k}") for k, v in (plain["statistics"] or {}).items()}
    scores = final_scores(
        model,
        data,
        statistics,
        step=trainer.global_step,
        history=evaluation.history if evaluation else (),
    )
    row = about_run(plain) | {"step": trainer.global_step, "split": "test"} | scores
    for logger in trainer.loggers:
        logger.log_metrics({k: v for k, v in scores.items() if k.startswith("test/")}, row["step"])
        logger.save()
    write_scores(folder / "scores.json", [row], {"data_source": data.dataset.source})
    write_report(folder)
    print_scores(scores, f"{folder}: test part, {scores['num_samples']} observations")
    (folder / "error.txt").unlink(missing_ok=True)  # of an attempt that was resumed since
    log.info("report: %s", folder / "report.html")
    return row


def _callbacks(trainer: pl.Trainer) -> list[pl.Callback]:
    return trainer.callbacks  # type: ignore[attr-defined]
