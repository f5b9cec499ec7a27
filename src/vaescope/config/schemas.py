"""Schemas: root keys of each command's configuration, with types and ranges."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar

from annotated_types import Interval, MinLen
from omegaconf import MISSING

from vaescope.config.groups import GROUPS, Group
from vaescope.ranges import (
    Count,
    Decay,
    Epsilon,
    FactorSize,
    NonNegative,
    Positive,
    PosteriorWidth,
    Seed,
)

Schema = TypeVar("Schema")


def _composed_of(groups: Iterable[Group]) -> Callable[[type[Schema]], type[Schema]]:
    """Give a schema a key for each group; the groups stay open, ``check`` looks into them."""

    def with_keys(schema: type[Schema]) -> type[Schema]:
        for group in groups:
            schema.__annotations__[group.name] = Any
            setattr(schema, group.name, None if group.many else MISSING)  # none chosen: logger=[]
        return schema

    return with_keys


@dataclass
class MachineSchema:
    """Root keys of every command: what a machine's own ``conf/local/default.yaml`` may set."""

    data_dir: str | None = None
    output_dir: str = MISSING
    threads: Annotated[int, Interval(ge=1, le=1024)] | None = None


@dataclass
class EnsembleSchema:
    """How many seeds a run trains as one program: ``seed``, ``seed + 1``, ..."""

    size: Annotated[int, Interval(ge=1, le=1000)] = 1
    batched: bool | None = None


@dataclass
class EmaSchema:
    """Exponential moving average of the weights."""

    decay: Decay | None = None


@dataclass
class SweepSchema:
    """Settings of a sweep, with ``-m``; its jobs know nothing of them."""

    resume: str | None = None
    retry: bool = False
    pack: str | None = None
    trial: int | None = None


@dataclass
@_composed_of(group for group in GROUPS if group.name != "statistics")
class TrainSchema(MachineSchema):
    """Root keys of ``train.yaml`` and their types."""

    statistics: Any = field(default_factory=dict)  # never null: callbacks take it as an argument
    seed: Seed = MISSING
    latent_dim: Annotated[int, Interval(ge=1, le=4096)] = MISSING
    schedule_steps: Count | None = None
    ensemble: EnsembleSchema = field(default_factory=EnsembleSchema)
    ema: EmaSchema = field(default_factory=EmaSchema)
    published: dict[str, Any] = field(default_factory=dict)
    objective: Any = None  # one text or several
    resume: str | None = None
    sweep: SweepSchema = field(default_factory=SweepSchema)
    changes: list[Any] = field(default_factory=list)  # of a resumed run, written by vaescope
    channels_last: bool = MISSING
    compile: bool | None = None
    cuda_graph: bool | None = None
    tf32: bool | None = None
    updates_per_call: Count | None = None


@dataclass
class MovedFilesSchema:
    """Where a user's own files lie now; null: where they lay when the run was made."""

    path: str | None = None
    factor_values: str | None = None


@dataclass
class MovedDataSchema(MovedFilesSchema):
    """Those of the data, and of the set that a modified one adds to."""

    original: MovedFilesSchema = field(default_factory=MovedFilesSchema)


@dataclass
class EvaluateSchema(MachineSchema):
    """Root keys of ``evaluate.yaml`` and their types."""

    data: MovedDataSchema = field(default_factory=MovedDataSchema)
    statistics: Any = field(default_factory=dict)
    checkpoint: str | None = None
    trust: list[str] = field(default_factory=list)
    codes: str | None = None
    codes_file: str | None = None
    metrics: Annotated[list[str], MinLen(1)] | None = None
    untrained: bool = False
    split: str = MISSING
    num_samples: Count = MISSING
    num_losses: Count = MISSING
    num_jacobians: Count = MISSING


@dataclass
@_composed_of(group for group in GROUPS if not group.trains)
class DataSchema(MachineSchema):
    """Root keys of ``data.yaml`` and their types."""

    action: str = MISSING
    seed: Seed = MISSING
    num_images: Annotated[int, Interval(ge=1, le=10_000)] = MISSING
    num_statistics: Count = MISSING
    mirror: str | None = None


@dataclass
@_composed_of(group for group in GROUPS if not group.many and group.name != "scheduler")
class ModifySchema(MachineSchema):
    """Root keys of ``modify.yaml`` and their types."""

    epsilon: Epsilon = MISSING
    price: NonNegative = MISSING
    spared_components: Annotated[int, Interval(ge=0, le=20)] = MISSING
    direction: str = MISSING
    method: str = MISSING
    rotation: Any = MISSING
    widths: Any = MISSING
    schedule: Any = MISSING
    patterns: Any = MISSING
    seed: Seed = MISSING
    device: str | None = None
    bar: bool = True


@dataclass
@_composed_of(
    group for group in GROUPS if group.name in ("data", "likelihood", "network", "trainer")
)
class DiagnoseSchema(MachineSchema):
    """Root keys of ``diagnose.yaml`` and their types."""

    beta: Positive | None = None
    scales: Annotated[list[PosteriorWidth], MinLen(1)] = MISSING
    predicted_at: PosteriorWidth = MISSING
    factors: Annotated[list[str], MinLen(1)] | None = None
    num_points: Annotated[int, Interval(ge=8, le=100_000)] = MISSING
    draws: Annotated[int, Interval(ge=16, le=10_000)] | None = None
    seed: Seed = MISSING


@dataclass
class PaperSchema:
    """An option of the group ``paper``."""

    title: str = MISSING
    source: str = MISSING
    about: str | None = None
    parts: dict[str, list[str]] = field(default_factory=dict)
    copies: dict[str, str] = field(default_factory=dict)
    sweeps: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    variants: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    modifications: dict[str, list[str]] = field(default_factory=dict)
    differs: dict[str, str] = field(default_factory=dict)
    tables: dict[str, list[str]] = field(default_factory=dict)
    printed: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    images: dict[str, int] = field(default_factory=dict)
    speeds: list[dict[str, Any]] = field(default_factory=list)
    weights: dict[str, dict[str, dict[str, list[float]]]] = field(default_factory=dict)
    pilots: dict[str, list[str]] = field(default_factory=dict)
    scales: dict[str, Any] = field(default_factory=dict)


@dataclass
class ReproduceSchema(MachineSchema):
    """Root keys of ``reproduce.yaml`` and their types."""

    paper: PaperSchema = field(default_factory=PaperSchema)
    table: Count | None = None
    part: list[str] | None = None
    scale: str = MISSING
    jobs: Annotated[int, Interval(ge=1, le=1024)] | None = None
    only: str | None = None
    make: bool = True
    results: Any = None


@dataclass
class ReportSchema(MachineSchema):
    """Root keys of ``report.yaml`` and their types."""

    runs: Any = MISSING
    scores: Any = None
    group_by: Any = None
    sort: str | None = None
    csv: str | None = None
    parquet: str | None = None
    latex: str | None = None


@dataclass
class ExportSchema(MachineSchema):
    """Root keys of ``export.yaml`` and their types."""

    run: str | None = None
    format: str = MISSING
    seed: Seed | None = None
    num_images: Count = MISSING
    tolerance: Positive = MISSING
    trust: list[str] = field(default_factory=list)
    push_to_hub: str | None = None
    private: bool = True


@dataclass
class AuditSchema(MachineSchema):
    """Root keys of ``audit.yaml`` and their types."""

    sizes: Annotated[list[FactorSize], MinLen(2)] = MISSING
    rows: Annotated[int, Interval(ge=100, le=1_000_000)] = MISSING
    scores: Annotated[list[str], MinLen(1)] | None = None
    seed: Seed = MISSING


@dataclass
class DashboardSchema(MachineSchema):
    """Root keys of ``dashboard.yaml`` and their types."""

    project: str = MISSING
    entity: str | None = None
    title: Annotated[str, MinLen(1)] = MISSING
    settings: list[str] = MISSING
    scores: Annotated[list[str], MinLen(1)] | None = None
    objective: str = MISSING
    push: bool = MISSING


SCHEMAS = (
    TrainSchema,
    EvaluateSchema,
    DataSchema,
    DiagnoseSchema,
    ModifySchema,
    ReproduceSchema,
    ReportSchema,
    ExportSchema,
    AuditSchema,
    DashboardSchema,
)
