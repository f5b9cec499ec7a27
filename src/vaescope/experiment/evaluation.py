"""Final scores of a trained model, for ``vaescope train`` and ``vaescope evaluate``."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from vaescope.callbacks import SaveFigures
from vaescope.config.checks import check
from vaescope.config.loading import as_yaml, build, resolved, unlinked
from vaescope.data import EvaluationBatches, FactorDataModule
from vaescope.errors import ConfigError, DataError
from vaescope.experiment.assembly import about_run, build_data, load_models, seeded_model
from vaescope.experiment.codes_file import (
    arrays_of,
    check_codes_file,
    read_codes,
    write_codes,
)
from vaescope.experiment.codes_formats import write_arrays
from vaescope.experiment.page_files import PageFiles
from vaescope.hardware import set_threads
from vaescope.models import LatentModel
from vaescope.panel import DEFAULT_SCORES, as_numbers
from vaescope.report.run.origin import Origin
from vaescope.report.run.page import write_report
from vaescope.report.terminal import print_scores
from vaescope.run_folder.environment_file import environment
from vaescope.run_folder.scores import write_scores
from vaescope.scores import OVER_PRUNED
from vaescope.statistics import EncodedSplit, PanelScores, Statistics, encode_split
from vaescope.statistics.members import add_group_scores, over_pruning, scores_of_split


def evaluate(config: DictConfig) -> list[dict[str, Any]]:
    """Measure a checkpoint on held-out data and write ``scores.json``.

    Args:
        config: composed ``evaluate.yaml``.

    Returns:
        Rows of ``scores.json``: one, or one a member of an ensemble.

    Raises:
        ConfigError: for settings that cannot work.
        DataError: if the checkpoint or the data are missing or corrupt.
    """
    check(config)
    plain = resolved(config)
    if (plain["checkpoint"] is None) == (plain["codes"] is None):
        raise ConfigError("give checkpoint=RUN/checkpoints/last.ckpt, or codes=FILE.npz, not both")
    if plain["codes_file"] is not None:
        check_codes_file(Path(plain["codes_file"]))
    Path(plain["output_dir"]).mkdir(parents=True, exist_ok=True)
    set_threads(plain["threads"])
    return _of_codes(plain) if plain["checkpoint"] is None else _of_checkpoint(plain)


def _of_codes(plain: dict[str, Any]) -> list[dict[str, Any]]:
    """Scores of codes in a file."""
    panel = _panel(plain["metrics"] or DEFAULT_SCORES, plain["num_samples"])
    codes, rows = read_codes(plain["codes"], plain["num_samples"])
    measured = panel.measure(codes)
    numbers = over_pruning(codes) | codes.by_log_key(as_numbers(measured))
    row = {"num_samples": len(codes.mean), f"{codes.split}/{OVER_PRUNED.name}": None} | numbers
    about: dict[str, Any] = {"codes": str(plain["codes"]), "rows": rows}
    about["conventions"] = {name: found.convention for name, found in measured.items()}
    about["left_out"] = panel.tell.messages
    folder = Path(plain["output_dir"])
    if plain["codes_file"] is not None:
        write_arrays(Path(plain["codes_file"]), arrays_of(codes))
    write_scores(folder, [row], about)
    write_report(folder, _origin(plain, {}))
    print_scores([row], f"{plain['codes']}", notes=panel.tell.messages)
    return [row]


def _of_checkpoint(plain: dict[str, Any]) -> list[dict[str, Any]]:
    """Scores of one model or of the members of an ensemble."""
    models, saved = load_models(plain["checkpoint"], plain["trust"])
    trained = saved["vaescope"]["config"]
    data = _data_of(trained, plain)
    left_out: list[str] = []
    if plain["metrics"]:
        panel = _panel(plain["metrics"], plain["num_samples"])
        statistics: dict[str, Any] = {"panel": panel}
        left_out = panel.tell.messages
    else:
        chosen = plain["statistics"] or {}
        statistics = {k: build(v, f"statistics.{k}") for k, v in chosen.items()}
    where = {key: plain[key] for key in ("split", "num_samples", "num_losses", "num_jacobians")}
    step, history = saved["global_step"], saved["callbacks"].get("Evaluation", {}).get("history")
    folder = Path(plain["output_dir"])
    page_files = PageFiles(folder)

    def keep(encoded: EncodedSplit) -> None:
        page_files.write(encoded)
        if encoded.model is models[0]:
            SaveFigures(str(folder)).draw(encoded)

    about_split = {"step": step, "history": history or (), "keep": keep}
    scores = final_scores(models, data, statistics, **about_split, **where)
    if plain["untrained"]:
        if plain["metrics"]:  # chance and intervals are those of the trained model's scores
            statistics = {"panel": _panel(plain["metrics"], plain["num_samples"], repeats=0)}
        before = [seeded_model(trained | {"seed": m.seed}, data.image_shape) for m in models]
        _add_untrained(scores, final_scores(before, data, statistics, step=0, **where))
    if plain["codes_file"] is not None:
        which = plain["num_samples"], plain["split"]
        write_codes(Path(plain["codes_file"]), models, data, *which)
    rows = rows_of(trained, scores, step, plain["split"])
    about: dict[str, Any] = {"data_source": data.dataset.source}
    about |= {"checkpoint": str(plain["checkpoint"]), "left_out": left_out}
    write_scores(folder, rows, about)
    write_report(folder, _origin(plain, trained))
    title = f"{plain['checkpoint']}: {plain['split']} part"
    print_scores(rows, title, trained["published"], left_out)
    return rows


def _add_untrained(
    scores: Mapping[int, dict[str, float]], before: Mapping[int, Mapping[str, float]]
) -> None:
    """Put the scores of untrained models beside those of the same seeds."""
    for seed, numbers in before.items():
        own = {key: number for key, number in numbers.items() if key != "num_samples"}
        scores[seed].update({f"{key}_untrained": number for key, number in own.items()})


def _origin(plain: Mapping[str, Any], trained: Mapping[str, Any]) -> Origin:
    """What the page says of where its numbers come from: the run, or this evaluation of codes."""
    config = as_yaml(unlinked(trained or plain))
    return Origin.of(trained, config, environment(plain["threads"] or 0))


def rows_of(
    plain: Mapping[str, Any], scores: Mapping[int, Mapping[str, float]], step: int, split: str
) -> list[dict[str, Any]]:
    """Rows of ``scores.json`` from scores by seed, each with what tells it from other runs."""
    about = about_run(dict(plain)) | {"step": step, "split": split}
    about[f"{split}/{OVER_PRUNED.name}"] = None  # where it is not defined
    return [{**about, "seed": seed, **numbers} for seed, numbers in scores.items()]


def _data_of(trained: dict[str, Any], plain: dict[str, Any]) -> FactorDataModule:
    """The run's data, wherever they lie now."""
    try:
        return build_data(trained, plain["data_dir"], plain["data"])
    except (ConfigError, DataError) as error:
        lay = trained["data"].get("path")
        if lay is None or plain["data"]["path"] is not None or Path(lay).exists():
            raise
        raise type(error)(f"{error}; if it was moved, say data.path=NEW") from error


def _panel(scores: Sequence[str], num_samples: int, repeats: int | None = None) -> PanelScores:
    """The panel of these scores; what it leaves out is shown below the table.

    Raises:
        ConfigError: if one is unknown.
    """
    try:
        if repeats is None:
            panel = PanelScores(scores, num_samples)
        else:
            panel = PanelScores(scores, num_samples, repeats=repeats, costly_repeats=repeats)
    except ValueError as error:
        raise ConfigError(f"metrics={list(scores)}: {error}") from error
    panel.tell.aloud = False
    return panel


def final_scores(
    models: Iterable[LatentModel],
    data: FactorDataModule,
    statistics: Statistics,
    *,
    step: int,
    split: str = "test",
    num_samples: int = 10_000,
    num_losses: int = 2000,
    num_jacobians: int = 256,
    history: Sequence[Mapping[str, float]] = (),
    keep: Callable[[EncodedSplit], None] = lambda encoded: None,
) -> dict[int, dict[str, float]]:
    """All scores of trained models on a part of the data.

    Args:
        models: one, or the members of an ensemble.
        data: set up data module.
        statistics: by name.
        step: updates that the models have had.
        split: ``val``, ``test`` or ``held_out``, the combinations that training never saw.
        num_samples: images, at most as many as the part has.
        num_losses: about how many of them for the mean loss terms.
        num_jacobians: of them, how many for statistics of the decoder.
        history: evaluations during training, for shares of training.
        keep: is given the part as each model encodes it.

    Returns:
        Log keys and values by seed, with ``num_samples`` as used.

    Raises:
        ConfigError: for an unknown part.
    """
    if split not in ("val", "test", "held_out"):
        raise ConfigError(f"split={split!r}: choose val, test or held_out")
    num_samples = min(num_samples, len(data.rows[split]))
    index = data.evaluation_rows(split, num_samples)
    viewed = EvaluationBatches(data.dataset, data.view, data.split_seed)
    scores: dict[int, dict[str, float]] = {}
    codes = []
    for model in models:
        model.num_images = len(data.rows["train"])
        encoded = encode_split(
            model,
            viewed,
            index,
            split=split,
            step=step,
            num_losses=num_losses,
            num_jacobians=min(num_jacobians, num_samples),
            history=[row for row in history if row["seed"] == model.seed],
        )
        numbers = scores_of_split(encoded, statistics)
        keep(encoded)
        scores[model.seed] = {"num_samples": num_samples, **numbers}
        codes.append(encoded.codes())
    add_group_scores(scores, codes, statistics)
    return scores
