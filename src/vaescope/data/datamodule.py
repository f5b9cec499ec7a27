"""Batches of a data set for Lightning: split, order, resumption and placement."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import Field, dataclass, fields, is_dataclass
from functools import partial
from types import new_class
from typing import Any, ClassVar, Literal

import pytorch_lightning as pl
import torch
from torch import Tensor

from vaescope.data.batches import (
    BatchLoader,
    EpochBatches,
    EvaluationBatches,
    MemberBatches,
    OrderedBatches,
    PlannedBatches,
    PlanOnly,
    SlicedBatches,
    StepSampler,
    View,
)
from vaescope.data.dataset import FactorDataset
from vaescope.data.factors import Factors
from vaescope.data.files.verification import FileCheck
from vaescope.data.row_lookup import RowLookup
from vaescope.data.shifts.interfaces import HoldOut, Sampling
from vaescope.data.sources import DataSource
from vaescope.data.split import check_split, draw_split
from vaescope.errors import ConfigError
from vaescope.minibatch import Batch, BatchSlice, Call, Plan
from vaescope.ranges import Count, Seed, Share, Workers, check_fields
from vaescope.streams import stream


@dataclass(kw_only=True, eq=False, repr=False)
class FactorDataModule(pl.LightningDataModule):
    """Batches of a ``FactorDataset``; equal for equal seeds, whatever the device or workers.

    Batches are ``vaescope.minibatch.Batch``. Training that is stopped and resumed
    sees the batches of an unbroken run. A subclass names its ``dataset_class``; what that has for
    options is copied from its fields to those of the subclass.

    Args:
        batch_size: images per batch and device; an incomplete last batch of an epoch is left out.
        split: shares of training, validation and test set, of sum 1; None: each is the whole set.
        num_workers: worker processes that load batches; unused if the images are on the device.
        seed: of the order of the training batches.
        split_seed: of the split and of ``evaluation_rows``; shared by all runs that are compared.
        placement: where the images lie: ``device``, on the accelerator that trains; ``host``,
            packed or memory-mapped on the CPU's side; ``auto``, on the accelerator if half of its
            free memory holds them. Workers share them in any case.
        view: partners and labels of the images of a batch: pairs, triplets or groups; None: none.
        sampling: how often training sees each combination; None: each row once per epoch.
        hold_out: combinations that only the part ``held_out`` has; None: that part is empty.

    Attributes:
        unloaded: the data set as its options describe it, without images.
    """

    dataset_class: ClassVar[type[FactorDataset]] = FactorDataset

    batch_size: Count = 64
    split: Sequence[Share] | None = (0.8, 0.1, 0.1)
    num_workers: Workers = 0
    seed: Seed = 0
    split_seed: Seed = 0
    placement: Literal["auto", "device", "host"] = "auto"
    view: View | None = None
    sampling: Sampling | None = None
    hold_out: HoldOut | None = None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "dataset_class" in vars(cls):
            for option in _options_of(cls.dataset_class):
                cls.__annotations__.setdefault(option.name, option.type)
                setattr(cls, option.name, option.default)
            dataclass(kw_only=True, eq=False, repr=False)(cls)

    def __post_init__(self) -> None:
        super().__init__()
        check_fields(self)
        self.unloaded = self.dataset_class.unloaded(**self.options())
        if self.split is not None:
            check_split(self.split)
        for chosen in (self.sampling, self.hold_out):
            if chosen is not None:
                chosen.check(self.factors)
        if self.view is not None:
            self.view.check(self.factors, self.batch_size)
        self._dataset: FactorDataset | None = None
        self._rows: dict[str, Tensor] = {}
        self._lookup: RowLookup | None = None
        self._member_seeds: tuple[int, ...] = ()
        self._call_length: Callable[[int], int] | None = None

    def options(self) -> dict[str, Any]:
        """What the constructor of ``dataset_class`` is given, by name."""
        return {o.name: getattr(self, o.name) for o in _options_of(self.dataset_class)}

    def build(self) -> FactorDataset:
        """The data set; files are read here and not before."""
        return self.dataset_class(**self.options())

    def verify(self) -> Iterator[FileCheck]:
        """Checks of the files that the set is read from, whole; none if it is computed."""
        yield from self.dataset_class.unloaded(**self.options()).verify()

    @property
    def data_source(self) -> DataSource:
        """Where the set was published, its files and its licence."""
        return self.unloaded.data_source

    @property
    def factors(self) -> Factors:
        """What the images vary in; known before ``setup``."""
        return self.unloaded.factors

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of one image, ``(C, H, W)`` or ``(X,)``; known before ``setup``."""
        return self.unloaded.image_shape

    @property
    def dataset(self) -> FactorDataset:
        """The data set, on the device where its images are gathered; there after ``setup``."""
        if self._dataset is None:
            raise RuntimeError("the data set is built by setup(); call it first")
        return self._dataset

    @property
    def rows(self) -> dict[str, Tensor]:
        """Row numbers int64 `[n]`, rising, of ``train``, ``val``, ``test`` and ``held_out``."""
        if not self._rows:
            self._rows = self._draw_split(len(self.dataset))
        return self._rows

    def setup(self, stage: str | None = None) -> None:
        """Build the data set, once, and place it."""
        if self._dataset is None:
            self._dataset = self.build()
        place = self._root_device if self.gathers_on_device else torch.device("cpu")
        if self._dataset.device != place:
            self._dataset.to(place)

    @property
    def whole_batch_size(self) -> int:
        """Images of a batch on all devices together."""
        return self.batch_size * self._own.ranks

    def epoch_batches(self, seed: int | None = None) -> PlannedBatches:
        """Plans of the training batches in the order of ``seed``; None: this module's own."""
        rows, seed = self.rows["train"], self.seed if seed is None else seed
        weights = None if self.sampling is None else self.training_weights()
        batches = EpochBatches(rows, self.whole_batch_size, seed, weights)
        if self._lookup is None:
            mask = None if self.hold_out is None else self.hold_out.mask
            is_held_out = mask and partial(mask, factors=self.factors)
            self._lookup = RowLookup(self.dataset, rows, weights, is_held_out)
        return PlannedBatches(batches, self.dataset, self.view, self._lookup)

    def training_weights(self) -> Tensor:
        """Share of every training row in the batches, float64 `[n]`, of sum 1."""
        rows = self.rows["train"]
        if self.sampling is None:
            return torch.full((len(rows),), 1 / len(rows), dtype=torch.float64)
        weights = self.sampling.weights(self.dataset.values(rows).cpu(), self.factors).double()
        if not weights.sum() > 0:
            raise ConfigError("the chosen sampling gives every training row the weight 0")
        return weights / weights.sum()

    def serve_members(self, seeds: Sequence[int]) -> None:
        """From now on give the batches of an ensemble's members: `[S * B]` rows, seed by seed."""
        self._member_seeds = tuple(seeds)

    def serve_calls(self, length: Callable[[int], int]) -> None:
        """From now on give the batches of ``length(step)`` updates at once, as a ``Call``."""
        self._call_length = length

    def train_dataloader(self) -> BatchLoader:
        """Training batches from the trainer's position on."""
        batches: PlannedBatches | MemberBatches | SlicedBatches = self.epoch_batches()
        if self._own.ranks > 1:
            batches = SlicedBatches(self.epoch_batches(), self._own)
        elif self._member_seeds:
            batches = MemberBatches([self.epoch_batches(seed) for seed in self._member_seeds])
        return self._loader(StepSampler(batches, self._first_step, self._call_length))

    def val_dataloader(self) -> BatchLoader:
        """The validation set in order."""
        return self._ordered("val")

    def test_dataloader(self) -> BatchLoader:
        """The test set in order."""
        return self._ordered("test")

    def _ordered(self, part: str) -> BatchLoader:
        viewed = EvaluationBatches(self.dataset, self.view, self.split_seed)
        return self._loader(OrderedBatches(self.rows[part], self.batch_size, viewed))

    def evaluation_rows(self, split: str, num_samples: int) -> Tensor:
        """Evaluation sample: random rows, int64 `[n]`, of a split; the same at every call.

        Args:
            split: ``"val"``, ``"test"`` or ``"held_out"``.
            num_samples: n, at most the size of that set.
        """
        if split not in ("val", "test", "held_out"):
            raise ConfigError(f"split={split!r} is not evaluated; choose val, test or held_out")
        rows = self.rows[split]
        if not len(rows):
            raise ConfigError("no combinations were held out; choose val or test")
        if not 1 <= num_samples <= len(rows):
            raise ConfigError(
                f"{num_samples} samples were asked for, but the {split} set has {len(rows)} "
                f"examples; choose 1..{len(rows)}"
            )
        chosen = stream(self.split_seed, f"held_out/{split}").permutation(len(rows))
        return rows[torch.from_numpy(chosen[:num_samples])]

    @property
    def gathers_on_device(self) -> bool:
        """Whether images live on the accelerator that trains; loaders then give row numbers only.

        With ``placement=auto``: the device is no CPU and half of its free memory holds the set.
        """
        device = self._root_device
        if device.type == "cpu" or self._dataset is None or self.placement == "host":
            return False
        if self.placement == "device" or self._dataset.device.type == device.type:
            return True
        if device.type != "cuda":
            return self._dataset.num_bytes < 2**30
        return self._dataset.num_bytes < torch.cuda.mem_get_info(device)[0] // 2

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Batch | Call:
        """The batch, gathered now where only row numbers were transferred."""
        if isinstance(batch, Call):
            return batch._replace(batch=self.on_after_batch_transfer(batch.batch, dataloader_idx))
        return self.dataset.gather(batch) if isinstance(batch, Plan) else batch

    @property
    def _own(self) -> BatchSlice:
        return BatchSlice(t.global_rank, t.world_size) if (t := self.trainer) else BatchSlice()

    @property
    def _root_device(self) -> torch.device:
        return torch.device("cpu") if self.trainer is None else self.trainer.strategy.root_device

    def _first_step(self) -> int:
        trainer: Any = self.trainer
        if trainer is None or trainer.overfit_batches > 0:
            return 0
        # unlike global_step it counts batches, however many optimiser steps one takes, and unlike
        # the counts of the epoch it means the same whichever hook saved the checkpoint
        return trainer.fit_loop.epoch_loop.batch_progress.total.processed

    def _loader(self, sampler: Any) -> BatchLoader:
        trainer: Any = self.trainer
        if self._own.ranks > 1 and trainer._accelerator_connector.use_distributed_sampler:
            raise ConfigError("give the Trainer use_distributed_sampler=False: batches are sliced")
        if self.gathers_on_device:
            return BatchLoader(PlanOnly(), sampler, num_workers=0)
        return BatchLoader(self.dataset, sampler, self.num_workers)

    def _draw_split(self, n: int) -> dict[str, Tensor]:
        rows, held_out = torch.arange(n), torch.arange(0)
        if self.hold_out is not None:
            mask = self.hold_out.mask(self.dataset.values(rows).cpu(), self.factors)
            rows, held_out = rows[~mask], rows[mask]
            if not len(rows) or not len(held_out):
                raise ConfigError(
                    f"hold_out leaves {len(rows)} of {n} images for training and holds out "
                    f"{len(held_out)}; choose other factors or ranges, or hold_out=null"
                )
        return draw_split(rows, self.split, self.split_seed) | {"held_out": held_out}


def data_module_of(
    kind: type[FactorDataset], base: type[FactorDataModule] = FactorDataModule
) -> type[FactorDataModule]:
    """The data module of a data set: it has the set's options and is called like it.

    Args:
        kind: ``DSprites``, of which ``DSpritesDataModule`` is made.
        base: what it builds on.
    """
    body = {
        "dataset_class": kind,
        "__module__": kind.__module__,
        "__doc__": f"Batches of ``{kind.__name__}``, with its options.",
    }
    return new_class(f"{kind.__name__}DataModule", (base,), exec_body=lambda own: own.update(body))


def _options_of(kind: type[FactorDataset]) -> tuple[Field[Any], ...]:
    return fields(kind) if is_dataclass(kind) else ()
