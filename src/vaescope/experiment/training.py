"""``vaescope train``: from a configuration to a trained, measured and reported model."""

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from omegaconf import DictConfig, OmegaConf

from vaescope.callbacks import KeepConfig, publish
from vaescope.callbacks.factors_file import FactorsFile
from vaescope.callbacks.objective import evaluation_of
from vaescope.callbacks.observations import CheckObservations
from vaescope.callbacks.sessions import Begin, StopInOrder, TimeSession
from vaescope.config.checks import check
from vaescope.config.choices import Choices, explain_choices
from vaescope.config.comparing import link_paths
from vaescope.config.devices import number_of_devices
from vaescope.config.loading import build, resolved, save_yaml
from vaescope.data import FactorDataModule
from vaescope.ensemble import Ensemble
from vaescope.errors import Mistakes, TrainingDivergedError
from vaescope.experiment.assembly import Plain
from vaescope.experiment.codes_file import write_codes
from vaescope.experiment.evaluation import final_scores, rows_of
from vaescope.experiment.leading import further_devices
from vaescope.experiment.page_files import PageFiles
from vaescope.experiment.resuming import (
    changes,
    check_fits,
    finished_rows,
    saved_state,
)
from vaescope.experiment.trainers import (
    Model,
    build_data_and_model,
    build_schedule,
    build_trainer,
    fit,
    fitting_network,
    prepare,
    warn_of_slices,
)
from vaescope.hardware import set_threads
from vaescope.learning_rates import Constant
from vaescope.loggers import MetricsFile, closing, show_objective, show_results, trackers
from vaescope.minibatch import BatchSlice
from vaescope.report.run.page import write_report
from vaescope.report.terminal import print_scores
from vaescope.run_folder.contents import BEST, CONFIG, LAST, forget_error, remove_temporaries
from vaescope.run_folder.environment_file import add_environment
from vaescope.run_folder.locking import locked
from vaescope.run_folder.scores import write_scores
from vaescope.run_folder.training_factors import NAME as FACTORS
from vaescope.timing import begin_run, spent_on, turn_to

log = logging.getLogger(__name__)


def train(
    config: DictConfig,
    *,
    again: bool = False,
    chosen: Choices | None = None,
    open_network: str | None = None,
    watchers: Sequence[pl.Callback] = (),
) -> list[dict[str, Any]]:
    """Train, measure and report one model, or an ensemble; or continue to.

    A run goes on with ``resume``, or if its folder holds it unfinished with the same settings.

    Args:
        config: composed ``train.yaml``.
        again: whether a finished run with the same settings gives its scores instead of an error.
        chosen: what its data set and its method chose, for the log.
        open_network: if nobody chose the network, so that one that fits the data is taken: the word
            that chose the data, ``data=arrays``.
        watchers: callbacks that are no part of the run's configuration.

    Returns:
        Rows of ``scores.json``: the final scores on the test part, one row a seed.

    Raises:
        ConfigError: listing the mistakes in the configuration.
        RunFolderError: if the folder holds another run, or none to continue.
        DataError: if data are missing or corrupt.
        TrainingDivergedError: if the loss stops being a finite number.
    """
    watch = begin_run()
    check(config)
    plain = {"schedule_steps": None} | resolved(config)
    plain.pop("sweep", None)
    plain["data"] = _found_from_anywhere(plain["data"])
    if open_network is not None and (name := fitting_network(plain)):
        plain["network"]["_target_"] = f"vaescope.networks.{name}"
        others = chosen or {}
        chosen = {**others, open_network: [f"network={name}", *others.get(open_network, ())]}
    folder = Path(plain["output_dir"])
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        remove_temporaries(folder)
        saved = saved_state(plain, folder, OmegaConf.is_interpolation(config.trainer, "precision"))
        rows = finished_rows(plain, folder, saved, again)
        if rows is None:
            follows = OmegaConf.is_interpolation(config.data, "seed")
            session = TimeSession(folder, watch)
            rows = _train(plain, folder, saved, follows, chosen or {}, [*watchers, session])
            log.info("time: %s", session.write(rows[0]["step"]))
        log.info("report: %s", folder / "report.html")
        return rows


def _train(
    plain: Plain,
    folder: Path,
    saved: Plain | None,
    follows: bool,
    chosen: Choices,
    watchers: Sequence[pl.Callback],
) -> list[dict[str, Any]]:
    """Make the updates that are missing, then measure and report.

    The order of the batches ``follows`` the run's seed, ``${seed}``, or is fixed.
    """
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)  # advice and adverts
    ranks = number_of_devices(plain["trainer"]) or 1
    threads = set_threads(plain["threads"], ranks)
    if saved is not None:
        plain["changes"] = changes(saved, plain)
        log.info("the run in %s goes on from step %d", folder, saved["global_step"])

    def record() -> None:
        save_yaml(_movable(plain, follows), folder / CONFIG)
        add_environment(folder, threads)

    begin = Begin(record)
    trainer, model, data = _build(plain, follows, begin, watchers, ranks)
    if saved is not None:
        check_fits(saved, plain, model)
    if chosen:
        log.info("%s", explain_choices(chosen, data.image_shape))
    log.info("precision: %s", plain["trainer"]["precision"])
    warn_of_slices(model, data, plain)
    prepare(model, plain)
    with closing(trainer.loggers):
        for logger in trainer.loggers:
            logger.log_hyperparams(plain)
            if isinstance(logger, MetricsFile) and saved is not None:
                logger.resume(saved["global_step"])
        checkpoint = folder / LAST if saved else None
        order = {"plain": plain, "follows": follows, "threads": threads, "ranks": ranks}
        with further_devices(order, checkpoint, trainer, data):
            fit(trainer, model, data, checkpoint)
        if not begin.recorded:  # no update was missing
            record()
        return _finish(trainer, model, data, plain, folder)


def _build(
    plain: Plain, follows: bool, begin: Begin, watchers: Sequence[pl.Callback], ranks: int
) -> tuple[pl.Trainer, Model, FactorDataModule]:
    """Everything that a run needs; all refusals are told together."""
    mistakes = Mistakes()
    with mistakes.noted():
        data, model = build_data_and_model(plain, follows)
    built: dict[str, list[Any]] = {"statistics": [], "callbacks": [], "logger": []}
    for group, made in built.items():
        for name, node in (plain[group] or {}).items():
            with mistakes.noted():
                made.append(build(node, f"{group}.{name}"))
    mistakes.tell()
    stored = plain | {"resume": None}
    kept = {"config": stored, "image_shape": list(data.image_shape)}
    factors_file = FactorsFile(Path(plain["output_dir"]) / FACTORS)
    own = [KeepConfig(kept), factors_file, CheckObservations(), *watchers, StopInOrder()]
    trainer = build_trainer(
        plain,
        data,
        BatchSlice(0, ranks),
        callbacks=[begin, *built["callbacks"], *own],
        loggers=built["logger"],
    )
    if plain["schedule_steps"] is None:
        number = _number_of_updates(trainer, data)
        plain["schedule_steps"] = stored["schedule_steps"] = number
        model.schedule_steps = number
        _ = model.schedule_end  # refuses a share of an unknown number
    _check_schedule(plain, trainer, data)
    return trainer, model, data


def _check_schedule(plain: Plain, trainer: pl.Trainer, data: FactorDataModule) -> None:
    """Refuse a schedule of the learning rate that fits no such run; say where it ends before it."""
    schedule, length = build_schedule(plain), plain["schedule_steps"]
    if schedule is None:
        return
    schedule(0, length)
    last = None if isinstance(schedule, Constant) else _number_of_updates(trainer, data)
    if last is not None and last > length:
        log.warning(
            "the learning rate's schedule ends at update %d, from where the run goes on to %d at "
            "%g times optimizer.lr; schedule_steps=%d stretches it",
            *(length, last, schedule(length, length), last),
        )


def _number_of_updates(trainer: pl.Trainer, data: FactorDataModule) -> int | None:
    """Updates of the whole run, of which schedules take shares; None: nothing limits it but time.

    Counting those of epochs opens the data set.
    """
    limits = [trainer.max_steps] if trainer.max_steps > 0 else []
    if trainer.max_epochs is not None and trainer.max_epochs > 0:
        data.trainer = trainer  # the images are put where it trains
        data.setup()
        batches = len(data.rows["train"]) // data.whole_batch_size
        limit = trainer.limit_train_batches
        batches = min(batches, limit) if isinstance(limit, int) else int(batches * limit)
        limits.append(trainer.max_epochs * math.ceil(batches / trainer.accumulate_grad_batches))
    return min(limits, default=None)


def _movable(plain: Plain, follows: bool) -> Plain:
    """The configuration for ``config.yaml``: values, but for paths that follow the run's folder.

    A data seed that follows the run's goes on following it in a run that is resumed.
    """
    folder = plain["output_dir"]
    config = link_paths(plain, folder) | {"output_dir": folder, "resume": None}
    if follows:
        config["data"]["seed"] = "${seed}"
    if "data_dir" in config["data"]:
        config["data"]["data_dir"] = "${data_dir}"
    return config


def _found_from_anywhere(data: Plain) -> Plain:
    """The data with absolute paths of a user's own files, so that a run can be read elsewhere."""
    own = {key: data.get(key) for key in ("path", "factor_values")}
    found = {k: Path(v).expanduser() for k, v in own.items() if isinstance(v, str)}
    data = data | {k: str(path.absolute()) for k, path in found.items() if path.exists()}
    original = data.get("original")
    return data | ({"original": _found_from_anywhere(original)} if original else {})


def _finish(
    trainer: pl.Trainer, model: Model, data: FactorDataModule, plain: Plain, folder: Path
) -> list[dict[str, Any]]:
    """Final scores on the test part, to the terminal, to files and to the loggers."""
    turn_to("report")
    model.to(trainer.strategy.root_device)  # Lightning has moved it to the CPU
    evaluation, step = evaluation_of(trainer), trainer.global_step
    history = evaluation.history if evaluation else ()
    statistics = {k: build(v, f"statistics.{k}") for k, v in (plain["statistics"] or {}).items()}
    with spent_on("evaluations"):
        keep = PageFiles(folder).write
        scores = final_scores(
            model.members(), data, statistics, step=step, history=history, keep=keep
        )
    rows = rows_of(plain, scores, step, "test")
    if isinstance(model, Ensemble) and not rows:
        raise TrainingDivergedError(f"every member has diverged: {model.diverged} (seed: step)")
    numbers = {s: {k: v for k, v in row.items() if "/" in k} for s, row in scores.items()}
    publish(trainer, numbers, step)
    for logger in trainer.loggers:
        logger.save()
    about: dict[str, Any] = {"data_source": data.dataset.source}
    if isinstance(model, Ensemble):
        diverged = [{"seed": seed, "step": when} for seed, when in model.diverged.items()]
        about |= {"members": len(model.seeds), "finished": len(rows), "diverged": diverged}
    write_scores(folder, rows, about)
    report = write_report(folder)
    forget_error(folder)  # of an attempt that was resumed since
    files = {"checkpoints": [folder / LAST, folder / BEST]}
    if any("codes" in tracker.artifacts for tracker in trackers(trainer.loggers)):
        files["codes"] = write_codes(folder / "codes.npz", model.members(), data)
    show_objective(trainer.loggers, plain["objective"], rows, history, step)
    show_results(trainer.loggers, rows, report=report, files=files, step=step)
    shown = rows[0]["num_samples"]
    print_scores(rows, f"{folder}: test part, {shown} observations", plain["published"])
    return rows
