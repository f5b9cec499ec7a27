"""Data sets of images with known factors, served in whole batches."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import Tensor
from torch.utils.data import Dataset

from vaescope.data.factors import Factors
from vaescope.data.files.verification import FileCheck
from vaescope.data.sources import DataSource
from vaescope.minibatch import Batch, Call, Plan, on_tensors
from vaescope.ranges import check_fields


class FactorDataset(Dataset[Any]):
    """Images (or vectors) made by known factors, served in whole batches.

    A subclass sets the attributes and writes ``images_at``; where rows are not all combinations of
    the factors in order also ``__len__`` and ``values``. One whose images are a function of the
    factors is a ``RenderedDataset`` and writes ``images``.

    A subclass with options is a dataclass, whose fields they are: ranges and defaults stand there
    and nowhere else. ``prepare`` looks at them, ``load`` reads files; the constructor does both.

    Attributes:
        factors: what the images vary in.
        image_shape: ``(C, H, W)``, or ``(X,)`` for vectors.
        data_source: where the set was published, its files and its licence.
        source: what this one's pixels were made of; recorded with every result.
        has_nuisance: whether images vary in more than their factors (noise, a background).
        labels: class of every row, int64 `[N]`, where there is one; it is no factor.
        attribute_names: names of what else is known of a row, true or false, and is no factor.
        attributes: these, uint8 `[N, A]` of 0 and 1.
        device: where ``values``, ``images_at`` and ``batch`` put their results.
    """

    factors: Factors
    image_shape: tuple[int, ...]
    data_source: DataSource = DataSource()
    source: str
    has_nuisance: bool = False
    labels: Tensor | None = None
    attribute_names: tuple[str, ...] = ()
    attributes: Tensor | None = None
    device: torch.device = torch.device("cpu")

    @property
    def title(self) -> str:
        """Name of the data set, for people."""
        return self.data_source.title or type(self).__name__

    @classmethod
    def about(cls) -> str:
        """What the set is, in a sentence: the first one of its docstring."""
        return (inspect.getdoc(cls) or "").partition("\n")[0].replace("``", "")

    def __post_init__(self) -> None:
        self.prepare()
        self.load()

    @classmethod
    def unloaded(cls, **options: Any) -> Self:
        """The set as all its ``options`` describe it: factors and shape, but no images."""
        made = cls.__new__(cls)
        vars(made).update(options)
        made.prepare()
        return made

    def prepare(self) -> None:
        """Check the options and set what follows from them alone; no file is read."""
        check_fields(self)

    def load(self) -> None:
        """Read, convert or compute what images are served from."""

    def verify(self) -> Iterator[FileCheck]:
        """Checks of the files that the set is read from, whole; none if it is computed."""
        yield from ()

    def files_read(self) -> list[Path]:
        """Files that images are read from; none if they are computed."""
        return []

    def keep_rendered(self) -> str:
        """Render all images into ``data_dir``, if that saves time later; what was kept, if any."""
        return ""

    def __len__(self) -> int:
        return self.factors.num_combinations

    def values(self, index: Tensor) -> Tensor:
        """Factor values `[B, K]` of the rows ``index`` `[B]`."""
        return self.factors.values(index.to(self.device))

    def images_at(self, index: Tensor, draw: Tensor) -> Tensor:
        """Images float32 `[B, *image_shape]` of the rows ``index``; ``draw`` if it has nuisance."""
        raise NotImplementedError(f"{type(self).__name__} has to define images_at(index, draw)")

    def batch(self, index: Tensor, draw: Tensor | None = None) -> Batch:
        """Rows ``index``, without partners; ``draw`` None: the row's own, always the same."""
        return self.gather(Plan(index, draw))

    def gather(self, plan: Plan) -> Batch:
        """The images that a plan asks for, their factor values and what is known of them."""
        if plan.rows is None:
            assert isinstance(self, RenderedDataset)
            assert plan.factors is not None
            rows, values = None, plan.factors.to(self.device)
            image = self.images(values)
        else:
            rows = plan.rows.to(self.device)
            draw = rows if plan.draw is None else plan.draw.to(self.device)
            image, values = self.images_at(rows, draw), self.values(rows)
        partners = tuple(self.gather(partner) for partner in plan.partners)
        known = on_tensors(lambda column: column.to(self.device), plan.known)
        return Batch(image, values, rows, partners, known)

    def __getitem__(self, index: int | Tensor | Plan | Call) -> Any:
        if isinstance(index, Call):
            return index._replace(batch=self.gather(index.batch))
        if isinstance(index, Plan):
            return self.gather(index)
        if isinstance(index, Tensor) and index.ndim:
            return self.batch(index)
        row = range(len(self))[int(index)]  # raises IndexError, which ends iteration
        batch = self.batch(torch.tensor([row]))
        return {"image": batch.image[0], "factors": batch.factors[0], "index": torch.tensor(row)}

    @property
    def num_bytes(self) -> int:
        """Bytes that ``to`` places on a device."""
        return sum(value.nbytes for value in vars(self).values() if isinstance(value, Tensor))

    def to(self, device: torch.device | str) -> Self:
        """Move all tensors held by the data set to ``device``, in place; returns the data set."""
        self.device = torch.device(device)
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                setattr(self, name, value.to(self.device))
        return self


class RenderedDataset(FactorDataset):
    """A data set that can make the image of any combination of its factors, be it a row or not.

    Attributes:
        differentiable: whether ``images`` may be differentiated by values of continuous factors.
    """

    differentiable: ClassVar[bool] = False

    def images(self, values: Tensor) -> Tensor:
        """Images float32 `[B, *image_shape]` in [0, 1], or any vectors, of values `[B, K]`."""
        raise NotImplementedError(f"{type(self).__name__} has to define images(values)")

    def images_at(self, index: Tensor, draw: Tensor) -> Tensor:
        """Images float32 `[B, *image_shape]` of the rows ``index`` `[B]`."""
        return self.images(self.values(index))
