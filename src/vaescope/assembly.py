"""Models and data from a resolved configuration, or from a checkpoint that holds one."""

from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from vaescope.config import build
from vaescope.data import FactorDataModule
from vaescope.errors import DataError
from vaescope.models import LatentModel, Parts

Plain = dict[str, Any]


def build_model(plain: Plain, image_shape: tuple[int, ...]) -> LatentModel:
    """The model that a resolved configuration describes, with weights from torch's generator."""
    parts = Parts(
        image_shape=tuple(image_shape),
        network=build(plain["network"], "network"),
        posterior=build(plain["posterior"], "posterior"),
        likelihood=build(plain["likelihood"], "likelihood"),
        optimizer=build(plain["optimizer"], "optimizer"),
        latent_dim=plain["latent_dim"],
        seed=plain["seed"],
    )
    return build(plain["model"], "model", parts=parts)


def load_model(path: str | Path) -> tuple[LatentModel, Plain]:
    """Rebuild a model from a checkpoint alone.

    Args:
        path: ``last.ckpt`` or ``best.ckpt`` of a run.

    Returns:
        The model in evaluation mode on the CPU, and the whole checkpoint.

    Raises:
        DataError: if the file is missing, unreadable or not one of ours.
    """
    saved = read_checkpoint(path)
    record = saved["vaescope"]
    model = build_model(record["config"], tuple(record["image_shape"]))
    model.load_state_dict(saved["state_dict"])
    return model.eval(), saved


def read_checkpoint(path: str | Path) -> Plain:
    """The content of a checkpoint, on the CPU; no code in it is run.

    Raises:
        DataError: if the file is missing, unreadable or not one of ours.
    """
    if not Path(path).is_file():
        raise DataError(f"checkpoint={path}: no such file; give RUN/checkpoints/last.ckpt")
    unreadable = (RuntimeError, KeyError, TypeError, EOFError, OSError, ValueError, UnpicklingError)
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        _ = saved["vaescope"]["config"], saved["state_dict"], saved["global_step"]
    except unreadable as error:
        raise DataError(
            f"checkpoint={path}: not a whole checkpoint of vaescope ({error})"
        ) from error
    return saved


def build_data(plain: Plain, data_dir: str | None = None) -> FactorDataModule:
    """The data that a resolved configuration describes, set up; ``data_dir`` replaces its own."""
    node = dict(plain["data"])
    if data_dir is not None and "data_dir" in node:
        node["data_dir"] = data_dir
    data = build(node, "data")
    data.setup()
    return data


def about_run(plain: Plain) -> dict[str, Any]:
    """What tells one row of scores from another: seed, data, method."""
    names = ("data", "model", "network", "likelihood")
    targets = {name: plain[name]["_target_"].rsplit(".", 1)[-1] for name in names}
    targets["data"] = targets["data"].removesuffix("DataModule")
    posterior = plain["posterior"]["path"].rsplit(".", 1)[-1]
    return {"seed": plain["seed"], **targets, "posterior": posterior}
