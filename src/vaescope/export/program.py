"""``vaescope export``: a trained model as files for other programs, and a card beside them."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from vaescope.config.checks import check
from vaescope.config.loading import resolved
from vaescope.errors import ConfigError, DataError
from vaescope.experiment.assembly import build_data, load_models
from vaescope.export.card import model_card
from vaescope.export.formats import Exported, require_format, write_model
from vaescope.export.hub import push_folder, require_login
from vaescope.files import write_text
from vaescope.models import LatentModel
from vaescope.run_folder.contents import BEST, LAST
from vaescope.run_folder.environment_file import environment
from vaescope.run_folder.scores import read_scores

log = logging.getLogger(__name__)

CARD = "README.md"


def export(config: DictConfig) -> Path:
    """Write the files and the card; push them if asked.

    Args:
        config: composed ``export.yaml``.

    Returns:
        The folder.

    Raises:
        ConfigError: settings that cannot work, or packages that are not installed.
        DataError: no such run, its data are missing, or a file does not give the model's numbers.
    """
    check(config)
    plain = resolved(config)
    if plain["run"] is None:
        raise ConfigError("give run=FOLDER of a finished run, or one of its checkpoints")
    require_format(plain["format"])
    if plain["push_to_hub"] is not None:
        require_login(plain["push_to_hub"])
    path = _checkpoint_of(Path(plain["run"]).expanduser())
    models, saved = load_models(path, plain["trust"])
    model = _chosen(models, plain["seed"], path)
    stored = _of_one_member(saved, model.seed)
    data = build_data(saved["vaescope"]["config"], plain["data_dir"])
    count = min(plain["num_images"], len(data.rows["test"]))
    images = data.dataset.batch(data.evaluation_rows("test", count)).image
    exported = Exported(model, stored, images.to(next(model.parameters())), plain["tolerance"])
    folder = Path(plain["output_dir"])
    differences = write_model(plain["format"], exported, folder)
    card = model_card(
        model,
        data.data_source,
        stored["vaescope"]["config"],
        _scores_of(path, model.seed),
        format=plain["format"],
        differences=differences,
        versions=environment(1)["packages"],
    )
    write_text(folder / CARD, card)
    for name, value in differences.items():
        log.info("%s: at most %.1e from the model on %d test images", folder / name, value, count)
    log.info("%s", folder / CARD)
    if plain["push_to_hub"] is not None:
        names = [*differences, CARD, *(["config.json"] if plain["format"] == "safetensors" else ())]
        log.info("%s", push_folder(folder, plain["push_to_hub"], names, plain["private"]))
    return folder


def _of_one_member(saved: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """What a checkpoint holds beside weights, as the run with this seed alone would leave it."""
    record = saved["vaescope"]
    ensemble = record["config"]["ensemble"] | {"size": 1}
    config = record["config"] | {"seed": seed, "ensemble": ensemble}
    return {
        "vaescope": {"config": config, "image_shape": list(record["image_shape"])},
        "global_step": saved["global_step"],
        "callbacks": {},
    }


def _checkpoint_of(place: Path) -> Path:
    """The checkpoint itself, or the best or last one of a run's folder."""
    if place.is_file():
        return place
    if found := next((place / name for name in (LAST, BEST) if (place / name).is_file()), None):
        return found
    raise DataError(f"run={place}: no checkpoint is there; give the folder of a run")


def _chosen(models: list[LatentModel], seed: int | None, path: Path) -> LatentModel:
    by_seed = {model.seed: model for model in models}
    if not by_seed or seed not in (None, *by_seed):
        raise DataError(f"{path}: no seed {seed} in it; there are {list(by_seed)}")
    return models[0] if seed is None else by_seed[seed]


def _scores_of(path: Path, seed: int) -> Mapping[str, Any]:
    """Final scores of a model, from the folder of its run; none where it has none."""
    folder = path.parent.parent if path.parent.name == "checkpoints" else path.parent
    try:
        rows = read_scores(folder, trained=True).rows
    except DataError:
        return {}
    return next((row for row in rows if row["seed"] == seed), {})
