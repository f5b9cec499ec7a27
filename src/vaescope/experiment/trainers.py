"""What a training is made of: data, model and Lightning's trainer, for each of its processes."""

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins.environments import LightningEnvironment
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from vaescope.callbacks import AtomicCheckpointIO
from vaescope.config.devices import UNUSED
from vaescope.config.loading import build
from vaescope.data import FactorDataModule
from vaescope.ensemble import Ensemble
from vaescope.errors import ConfigError
from vaescope.experiment.assembly import (
    Plain,
    build_ensemble,
    check_optimizer,
    ema_decay,
    require_room,
    seeded_model,
)
from vaescope.experiment.exchange import GradientExchange
from vaescope.learning_rates import Schedule
from vaescope.minibatch import BatchSlice
from vaescope.models import LatentModel
from vaescope.networks.sizes import fitting
from vaescope.updates import Pace, make_calls

log = logging.getLogger(__name__)

Model = LatentModel | Ensemble


def fitting_network(plain: Plain) -> str | None:
    """The network for images that ``conv64`` does not take; None: it does, or another is chosen."""
    if plain["network"].get("_target_") != "vaescope.networks.conv64":
        return None
    try:
        names = fitting(build(plain["data"], "data").image_shape)
    except Exception:  # told where everything is built
        return None
    return "conv" if "conv" in names and "conv64" not in names else None


def build_data_and_model(plain: Plain, follows: bool) -> tuple[FactorDataModule, Model]:
    """Data and model that a resolved configuration describes.

    The order of the batches ``follows`` the run's seed, or is fixed.

    Raises:
        ConfigError: for what cannot be built.
    """
    data = build(plain["data"], "data")
    require_room(plain, data.image_shape)
    if plain["ensemble"]["size"] == 1:
        model: Model = seeded_model(plain, data.image_shape)
    else:
        model = build_ensemble(plain, data.image_shape)
        fixed = [plain["data"]["seed"]] * len(model.seeds)
        data.serve_members(model.seeds if follows else fixed)
    check_optimizer(model)
    if not model.automatic_optimization:
        _refuse_pace(model, plain)
    model.logs_updates = False  # `callbacks.progress` does
    return data, model


def build_trainer(
    plain: Plain,
    data: FactorDataModule,
    own: BatchSlice,
    *,
    callbacks: Sequence[pl.Callback],
    loggers: Sequence[Any] = (),
    port: int | None = None,
) -> pl.Trainer:
    """Lightning's trainer for one process of a run.

    Args:
        plain: the resolved configuration.
        data: it trains on.
        own: which process this is.
        callbacks: all of them.
        loggers: all of them.
        port: where processes meet; None: a free one.
    """
    strategy: Any = "auto"
    plugins: list[Any] = [AtomicCheckpointIO()]
    if own.ranks > 1:
        unused = plain["trainer"]["strategy"] == UNUSED
        strategy = GradientExchange(own, unused=unused, port=port)
    else:
        plugins.append(LightningEnvironment())  # under Slurm, too
    trainer: pl.Trainer = build(
        plain["trainer"],
        "trainer",
        callbacks=list(callbacks),
        logger=list(loggers),
        default_root_dir=plain["output_dir"],
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
        use_distributed_sampler=False,
        strategy=strategy,
        plugins=plugins,
    )
    pace = Pace(build_schedule(plain), ema_decay(plain))
    how = plain["updates_per_call"], plain["compile"], plain["cuda_graph"]
    make_calls(trainer, data, *how, pace, tf32=plain["tf32"])
    return trainer


def build_schedule(plain: Plain) -> Schedule | None:
    """The schedule of the learning rate; None: of a run of before there were such."""
    node = plain.get("scheduler")
    schedule: Schedule | None = node and build(node, "scheduler")
    return schedule


def _refuse_pace(model: Model, plain: Plain) -> None:
    """Refuse what is left out where a method makes its updates itself."""
    pace = Pace(build_schedule(plain), ema_decay(plain))
    for key, value in (("scheduler", pace.schedule), ("ema.decay", pace.decay)):
        if value is not None:
            raise ConfigError(
                f"config.{key}: {type(model).__name__} makes its updates itself, in which it has "
                "no part; leave it out"
            )


def prepare(model: Model, plain: Plain) -> None:
    """Settings of the machine: number format and memory layout of convolutions."""
    if plain["trainer"]["precision"] == "64-true":
        model.double()  # Lightning would do so after it has read a checkpoint, and round that
    if plain["channels_last"] and not isinstance(model, Ensemble):  # stacks have no such layout
        model.to(memory_format=torch.channels_last)


def fit(trainer: pl.Trainer, model: Model, data: FactorDataModule, checkpoint: Path | None) -> None:
    """Train under Lightning without its advice on data loaders, which are vectorised here."""
    with warnings.catch_warnings():
        for advice in (
            "does not have many workers",
            "isinstance.treespec, LeafSpec",
            "have no `val_dataloader`",
            "no `validation_step`",
            "The `srun` command is available",
        ):
            warnings.filterwarnings("ignore", message=f".*{advice}.*")
        path = str(checkpoint) if checkpoint else None
        trainer.fit(model, datamodule=data, ckpt_path=path, weights_only=True)


def warn_of_slices(model: Model, data: FactorDataModule, plain: Plain) -> None:
    """Say what is of the images of each device, where one device would take those of all."""
    if data.whole_batch_size == data.batch_size or isinstance(model, Ensemble):
        return
    kinds = tuple(type(module) for module in model.modules())
    synced = plain["trainer"].get("sync_batchnorm", False)
    differing = [
        model.of_whole_batch,
        "batch norm" if not synced and any(issubclass(k, _BatchNorm) for k in kinds) else "",
        "dropout" if any(issubclass(kind, _DropoutNd) for kind in kinds) else "",
    ]
    if told := ", ".join(filter(None, differing)):
        log.warning(
            "trainer.devices: each device computes %s from its own %d images, one device would "
            "from all %d of a batch, so that the numbers are others",
            told,
            data.batch_size,
            data.whole_batch_size,
        )
