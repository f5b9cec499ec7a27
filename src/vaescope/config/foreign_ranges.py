"""Ranges of numbers that Lightning's Trainer and torch's optimisers take and do not declare."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from annotated_types import Interval

from vaescope.ranges import Count, Decay, NonNegative, Probability, Real, Steps

Unlimited = Literal[-1]
Precision = Literal["16-mixed", "bf16-mixed", "32-true", "64-true"]
Part = Annotated[int, Interval(ge=1, le=10**9)] | Annotated[float, Interval(gt=0, le=1)] | None

OF_TRAINER: Mapping[str, Any] = {
    "precision": Precision,
    "max_steps": Unlimited | Count,
    "max_epochs": Unlimited | Count | None,
    "min_steps": Steps | None,
    "min_epochs": Steps | None,
    "accumulate_grad_batches": Annotated[int, Interval(ge=1, le=100_000)],
    "gradient_clip_val": NonNegative | None,
    "gradient_clip_algorithm": Literal["norm", "value"] | None,
    "num_nodes": Count,
    **{f"limit_{part}_batches": Part for part in ("train", "test", "predict")},
    "overfit_batches": Literal[0] | Part,
    "check_val_every_n_epoch": Count | None,
    "reload_dataloaders_every_n_epochs": Steps,
    "max_time": str | dict[str, int] | None,
    "fast_dev_run": Literal[False],
}
OF_OPTIMIZER: Mapping[str, Any] = {
    **dict.fromkeys(("lr", "eps", "weight_decay", "lr_decay", "momentum"), NonNegative),
    **dict.fromkeys(("initial_accumulator_value", "momentum_decay"), NonNegative),
    **dict.fromkeys(("lambd", "t0", "d"), NonNegative),
    **dict.fromkeys(("alpha", "rho"), Probability),
    "betas": tuple[Decay, Decay],
    "dampening": Real,
    "beta2_decay": Annotated[float, Interval(ge=-1, le=0)],
}


def foreign_hints(target: str, path: str) -> Mapping[str, Any]:
    """Ranges of a constructor's arguments by name; none for one that is not listed.

    ``target`` is its dotted name, ``path`` where it stands in the configuration.
    """
    if path == "config.trainer":
        return OF_TRAINER
    return OF_OPTIMIZER if target.startswith("torch.optim.") else {}


def advice(key: str, value: Any) -> str:
    """What to write instead of one of Lightning's other precisions, ``""`` for anything else."""
    if key != "precision":
        return ""
    full = {"16": "16-mixed", "bf16": "bf16-mixed", "32": "32-true", "64": "64-true"}
    if named := full.get(str(value)):
        return f"; {value} is short for {named}: write that"
    if str(value) in ("16-true", "bf16-true", "transformer-engine", "transformer-engine-float16"):
        return "; it would round latents and losses as well: choose bf16-mixed or 32-true"
    return ""
