"""Build models and data from a resolved configuration, or load them from a checkpoint."""

import math
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from vaescope.config.loading import build
from vaescope.config.renamed import names_of_today
from vaescope.config.trust import copy_trusted
from vaescope.data import FactorDataModule
from vaescope.distributions.priors import StandardNormal
from vaescope.ensemble import Ensemble
from vaescope.errors import ConfigError, DataError, VaescopeError, first_line
from vaescope.files import read_json
from vaescope.memory import require_memory
from vaescope.models import LatentModel, Parts

Plain = dict[str, Any]

# what every checkpoint's configuration says, and as what
GROUPS = ("data", "model", "network", "posterior", "likelihood", "optimizer")
DESCRIBED = {
    **dict.fromkeys((*GROUPS, "ensemble", "published"), dict),
    **dict.fromkeys(("latent_dim", "seed"), int),
}
MOST_MEMBERS = 100_000


def build_model(plain: Plain, image_shape: tuple[int, ...]) -> LatentModel:
    """The model that a resolved configuration describes, with weights from torch's generator."""
    numbers = (plain.get("schedule_steps"), (plain.get("trainer") or {}).get("max_steps"))
    parts = Parts(
        image_shape=tuple(image_shape),
        network=build(plain["network"], "network"),
        posterior=build(plain["posterior"], "posterior"),
        likelihood=build(plain["likelihood"], "likelihood"),
        optimizer=build(plain["optimizer"], "optimizer"),
        latent_dim=plain["latent_dim"],
        seed=plain["seed"],
        prior=build(plain["prior"], "prior") if "prior" in plain else StandardNormal(),
        schedule_steps=next((n for n in numbers if isinstance(n, int) and n > 0), None),
    )
    return build(plain["model"], "model", parts=parts)


def require_room(plain: Plain, image_shape: tuple[int, ...]) -> None:
    """Refuse a model whose training cannot fit into memory; it is made without numbers for this.

    Raises:
        ConfigError: weights, gradients, the optimiser's two averages and that of weights, or a
            batch, are too many.
    """
    batch = int(plain["data"].get("batch_size", 1))
    images = 3 * 4 * batch * math.prod(image_shape)  # the images, their decoding, its gradient
    require_memory(images, f"config.data.batch_size={batch}: a batch of {list(image_shape)} images")
    try:
        with torch.device("meta"):
            model = build_model(plain, image_shape)
    except Exception:  # a network of a user's own may need numbers; a refusal is told in earnest
        return
    weights = sum(p.numel() * p.element_size() for p in model.parameters())
    size = plain["ensemble"]["size"]
    many = f" {size} times" if size > 1 else ""
    what = f"training {weights // 4:,} weights{many} (network, latent_dim, posterior, model)"
    require_memory((4 if ema_decay(plain) is None else 5) * size * weights, what)


def ema_decay(plain: Plain) -> float | None:
    """Decay of the average of the weights; None: there is none."""
    decay: float | None = (plain.get("ema") or {}).get("decay")
    return decay


def check_optimizer(model: pl.LightningModule) -> None:
    """Let the optimiser refuse its settings before anything is trained or written.

    Raises:
        ConfigError: it does.
    """
    try:
        model.configure_optimizers()
    except (ValueError, TypeError, RuntimeError) as error:
        raise ConfigError(f"config.optimizer: {error}") from error


def seeded_model(plain: Plain, image_shape: tuple[int, ...]) -> LatentModel:
    """``build_model`` with the initial weights that the configuration's seed gives."""
    pl.seed_everything(plain["seed"], workers=True, verbose=False)
    return build_model(plain, image_shape)


def build_ensemble(plain: Plain, image_shape: tuple[int, ...]) -> Ensemble:
    """All members, each initialised as its seed alone would be.

    Raises:
        ConfigError: if they cannot be batched.
    """
    members = [seeded_model(plain | {"seed": seed}, image_shape) for seed in member_seeds(plain)]
    try:
        return Ensemble(members, plain["ensemble"]["batched"])
    except ValueError as error:
        raise ConfigError(f"config.ensemble.size={len(members)}: {error}") from error


def member_seeds(plain: Plain) -> list[int]:
    """Seeds of a run's members: ``seed``, ``seed + 1``, ...; one if it is no ensemble."""
    return [plain["seed"] + number for number in range(plain["ensemble"]["size"])]


def load_model(
    path: str | Path, seed: int | None = None, trust: Sequence[str] = ()
) -> tuple[LatentModel, Plain]:
    """Rebuild a model from a checkpoint alone; no code but vaescope's and torch's is run.

    Args:
        path: ``last.ckpt`` or ``best.ckpt`` of a run.
        seed: which member of an ensemble; None: the first.
        trust: your own packages that it may name classes and functions of, ``("mylab",)``.

    Returns:
        The model in evaluation mode on the CPU, and the whole checkpoint.

    Raises:
        DataError: if the file is missing, unreadable or not one of ours, or has no such member.
        UntrustedError: if it names code of others, before any of it is imported.
    """
    models, saved = load_models(path, trust)
    by_seed = {model.seed: model for model in models}
    if not by_seed or seed not in (None, *by_seed):
        raise DataError(f"checkpoint={path}: no seed {seed} in it; there are {list(by_seed)}")
    return (models[0] if seed is None else by_seed[seed]), saved


def load_models(path: str | Path, trust: Sequence[str] = ()) -> tuple[list[LatentModel], Plain]:
    """All models in a checkpoint: one, or the members of an ensemble that have not diverged.

    Arguments, errors and what comes back are those of ``load_model``.
    """
    saved = read_checkpoint(path)
    return models_in(saved, f"checkpoint={path}", trust), saved


def models_in(saved: Plain, where: str, trust: Sequence[str] = ()) -> list[LatentModel]:
    """All models of what ``read_checkpoint`` gives, which takes their checked settings.

    Args:
        saved: content of a checkpoint.
        where: what to call it in errors.
        trust: packages that it may name, see ``load_model``.
    """
    record = saved["vaescope"]
    config, shape = (copy_trusted(record[key], where, trust) for key in ("config", "image_shape"))
    saved["vaescope"] = record | {"config": config, "image_shape": shape}
    try:
        return _rebuilt(config, tuple(shape), saved["state_dict"])
    except VaescopeError:
        raise
    except Exception as error:  # the file may describe anything, and hold weights of anything
        reason = f"{type(error).__name__}: {first_line(error)}"
        raise DataError(f"{where}: no model comes of what it holds ({reason})") from error


def _rebuilt(config: Plain, shape: tuple[int, ...], weights: Plain) -> list[LatentModel]:
    if config["ensemble"]["size"] == 1:
        model = build_model(config, shape)
        model.load_state_dict(weights)
        return [model.eval()]
    members = [build_model(config | {"seed": seed}, shape) for seed in member_seeds(config)]
    ensemble = Ensemble(members)
    ensemble.load_state_dict(weights)
    return list(ensemble.eval().members())


def read_checkpoint(path: str | Path) -> Plain:
    """The content of a checkpoint, on the CPU; no code in it is run.

    Names that an earlier version wrote are today's (``config.renamed``).

    Raises:
        DataError: if the file is missing, unreadable or not one of ours.
    """
    if not Path(path).is_file():
        raise DataError(f"checkpoint={path}: no such file; give RUN/checkpoints/last.ckpt")
    try:
        saved = _content(Path(path))
        _require_whole(saved)
        saved["vaescope"]["config"] = names_of_today(saved["vaescope"]["config"])
    except Exception as error:  # of bytes that are no pickle, torch's reader raises anything
        reason = str(error).partition("\n")[0]
        if "weights_only" in reason:  # torch's advice is to read it unsafely
            reason = "it holds other things than weights and plain values, or is damaged"
        why = f"checkpoint={path}: not a whole checkpoint of vaescope ({reason})"
        raise DataError(why) from error
    return saved


def _content(path: Path) -> Plain:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file  # of the extra `export`

        record: Plain = read_json(path.with_name("config.json"))
        return record | {"state_dict": load_file(path)}
    if zipfile.is_zipfile(path):  # torch compares no checksums
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged:
            raise ValueError(f"{damaged} in it has another checksum than when it was written")
    saved: Plain = torch.load(path, map_location="cpu", weights_only=True)
    return saved


def _require_whole(saved: Plain) -> None:
    """Raise a ``KeyError``, ``TypeError`` or ``ValueError`` for what no run of ours has written."""
    record, config = saved["vaescope"], saved["vaescope"]["config"]
    kinds = {"state_dict": dict, "callbacks": dict, "global_step": int}
    kept = {
        **{key: (config[key], kind) for key, kind in DESCRIBED.items()},
        **{key: (saved[key], kind) for key, kind in kinds.items()},
        "size": (config["ensemble"]["size"], int),
        "image_shape": (record["image_shape"], list),
    }
    for key, (value, kind) in kept.items():
        if not isinstance(value, kind) or isinstance(value, bool):
            raise TypeError(f"{key} is {type(value).__name__}")
    for key in (*DESCRIBED, "size", "global_step"):
        if kept[key][1] is int and not 0 <= kept[key][0] < 2**63:
            raise ValueError(f"{key} is {kept[key][0]}")
    if not 1 <= config["ensemble"]["size"] <= MOST_MEMBERS:
        raise ValueError(f"it has {config['ensemble']['size']} members")
    if not all(type(side) is int and 0 < side < 2**31 for side in record["image_shape"]):
        raise ValueError(f"image_shape is {record['image_shape']}")
    for row in saved["callbacks"].get("Evaluation", {}).get("history", ()):
        _ = row["seed"], row["step"]


def build_data(
    plain: Plain, data_dir: str | None = None, moved: Mapping[str, Any] | None = None
) -> FactorDataModule:
    """The data that a resolved configuration describes, set up.

    Args:
        plain: the configuration.
        data_dir: replaces its own.
        moved: ``path`` and ``factor_values`` of the user's own files, if they lie elsewhere now.

    Raises:
        ConfigError: if the data set has no such files, or the configuration cannot work.
    """
    node = _moved(plain["data"], moved or {})
    if data_dir is not None and "data_dir" in node:
        node["data_dir"] = data_dir
    data = build(node, "data")
    if not isinstance(data, FactorDataModule):
        raise ConfigError(f"config.data: {node.get('_target_')} is no data module")
    data.setup()
    return data


def _moved(node: Plain, moved: Mapping[str, Any], key: str = "data") -> Plain:
    """What describes data, with the files where they lie now."""
    node = dict(node)
    kind = str(node.get("_target_")).rpartition(".")[2]
    for name, value in moved.items():
        if isinstance(value, Mapping):
            if any(value.values()):
                node[name] = _moved(node.get(name) or {}, value, f"{key}.{name}")
        elif value is not None and name not in node:
            raise ConfigError(
                f"{key}.{name}={value} was given, but the run's data, "
                f"{kind if node else 'without an original'}, have no such file; published sets lie "
                "in data_dir"
            )
        elif value is not None:
            node[name] = value
    return node


def about_run(plain: Plain) -> dict[str, Any]:
    """What tells one row of scores from another: seed, data, method."""
    names = ("data", "model", "network", "likelihood")
    targets = {name: plain[name]["_target_"].rsplit(".", 1)[-1] for name in names}
    targets["data"] = targets["data"].removesuffix("DataModule")
    posterior = plain["posterior"]["path"].rsplit(".", 1)[-1]
    return {"seed": plain["seed"], **targets, "posterior": posterior}
