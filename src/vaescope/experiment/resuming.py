"""Resume a run: what it keeps, what may change, and from which step each value held."""

import logging
from pathlib import Path
from typing import Any

from torch import nn

from vaescope.config.comparing import differences
from vaescope.config.loading import read_yaml
from vaescope.errors import DataError, RunFolderError
from vaescope.experiment.assembly import Plain, member_seeds, read_checkpoint
from vaescope.files import link_as
from vaescope.report.run.finishing import finish, lacks_report
from vaescope.run_folder.contents import BEST, CONFIG, LAST, holds_run
from vaescope.run_folder.scores import read_scores

log = logging.getLogger(__name__)

# groups whose classes made the weights and their moments
CLASSES = ("model", "network", "posterior", "prior", "likelihood", "optimizer")
# options of optimisers that their state does not depend on
FREE_OF_STATE = {
    "lr",
    "betas",
    "eps",
    "weight_decay",
    "lr_decay",
    "momentum",
    "dampening",
    "nesterov",
    "alpha",
    "rho",
    "fused",
    "foreach",
    "maximize",
    "capturable",
    "differentiable",
}


def saved_state(plain: Plain, folder: Path, precision_is_free: bool) -> Plain | None:
    """The state from which a run goes on; None: it starts.

    Without ``resume``, a run of the very same configuration goes on as well: a scheduler starts the
    same command again.

    ``plain`` takes from the run what is to stay and is not given, the precision if the machine
    chooses it.

    Raises:
        RunFolderError: if the folder holds what it should not, or not what it should.
    """
    path = newest_state(folder)
    saved = None if path is None else read_checkpoint(path)
    if saved is not None and plain["schedule_steps"] is None:
        # what was annealed stays so in a longer run
        plain["schedule_steps"] = saved["vaescope"]["config"].get("schedule_steps")
    if plain["resume"] is not None:
        return _to_resume(plain, folder, saved)
    if left := sorted(path.name for path in folder.glob("hpc_ckpt_*.ckpt")):
        raise RunFolderError(
            f"output_dir={folder} holds {left[0]}, a checkpoint of Lightning that is not whole for "
            "vaescope; remove it, or take another folder"
        )
    if not holds_run(folder):
        return None
    before = saved["vaescope"]["config"] if saved else read_yaml(folder / CONFIG)
    if plain["schedule_steps"] is None:  # of a run that keeps no states
        plain["schedule_steps"] = before.get("schedule_steps")
    if precision_is_free:
        plain["trainer"]["precision"] = before["trainer"]["precision"]
    if other := differences(before, plain):
        shown = ", ".join(f"{key}={value[0]}" for key, value in list(other.items())[:3])
        raise _has_a_run(folder, f", with other settings ({shown})")
    if saved is None and not lacks_report(folder):
        raise _has_a_run(folder)
    return saved


def _to_resume(plain: Plain, folder: Path, saved: Plain | None) -> Plain | None:
    """The state to go on from with ``resume``."""
    if saved is None:
        if lacks_report(folder):
            return None
        raise RunFolderError(
            f"resume={folder}: no {folder / LAST}, so there is nothing to continue; start anew"
        )
    seeds = [member_seeds(config) for config in (saved["vaescope"]["config"], plain)]
    if seeds[0] != seeds[1]:
        raise RunFolderError(
            f"resume={folder}: its seeds are {seeds[0]}, and {seeds[1]} were given; a resumed run "
            "keeps its seeds"
        )
    if "schedule_steps" not in saved["vaescope"]["config"]:
        log.warning(
            "the run was begun by an earlier version: in metrics.csv its loss terms up to here "
            "have their weights (train/kl was beta x KL), from here on they have not"
        )
        for node in (plain["callbacks"] or {}).values():
            if node.get("monitor") == "val/loss":  # it had the weights of the end
                node["monitor"] = "val/loss_final_weights"
    return saved


def finished_rows(
    plain: Plain, folder: Path, saved: Plain | None, again: bool
) -> list[dict[str, Any]] | None:
    """Final scores of a run that lacks no update, its report written if that is missing.

    None if there is more to do. A run that lacks nothing gives its scores if it is made ``again``.

    Raises:
        RunFolderError: if nothing is missing, unless ``again``.
    """
    try:
        rows = list(read_scores(folder).rows)
    except DataError:  # no file, or none that is whole
        return None
    if not rows:
        return None
    if saved is not None:
        step, last = saved["global_step"], plain["trainer"]["max_steps"]
        if not 0 < last <= step or any(row.get("step") != step for row in rows):
            return None
    if lacks_report(folder):
        finish(folder)
    elif not again:
        if plain["resume"] is None:
            raise _has_a_run(folder)
        step = rows[0]["step"]
        raise RunFolderError(
            f"resume={folder}: the run has all its {step} steps; "
            f"add trainer.max_steps=N with N above {step} to go on"
        )
    return rows


def _has_a_run(folder: Path, which: str = "") -> RunFolderError:
    return RunFolderError(
        f"output_dir={folder} holds a run already{which}; continue it with resume={folder}, "
        "or leave output_dir and hydra.run.dir to their defaults"
    )


def newest_state(folder: Path) -> Path | None:
    """``last.ckpt``, after it has been made the newest state of the two; None without any.

    The best state is written first, so a run killed between the two has it alone.
    """
    last, best = folder / LAST, folder / BEST
    if best.is_file() and not (last.is_file() and last.samefile(best)):
        paths = (last, best) if last.is_file() else (best,)
        steps = {path: read_checkpoint(path)["global_step"] for path in paths}
        if steps[best] > steps.get(last, -1):
            link_as(best, last)
    return last if last.is_file() else None


def changes(saved: Plain, plain: Plain) -> list[dict[str, Any]]:
    """The run's history of settings: ``from_step``, ``key``, value ``before`` and ``after``."""
    before, step = saved["vaescope"]["config"], saved["global_step"]
    return before.get("changes", []) + [
        {"from_step": step, "key": key, "before": old, "after": new}
        for key, (old, new) in differences(before, plain).items()
    ]


def check_fits(saved: Plain, plain: Plain, model: nn.Module) -> None:
    """Refuse what would make another run of it, before anything is written.

    Raises:
        RunFolderError: for other classes, other weights, or an optimiser with another state.
    """
    changed = differences(saved["vaescope"]["config"], plain)
    words = [f"{key}={pair[1]} (it has {pair[0]})" for key, pair in changed.items()]
    for key, pair in changed.items():
        group, _, option = key.partition(".")
        classes = group in CLASSES and option.rpartition(".")[2] in ("_target_", "path")
        if classes or (group == "optimizer" and option not in FREE_OF_STATE):
            raise RunFolderError(
                f"resume={plain['output_dir']}: a resumed run keeps its {key}={pair[0]}; "
                f"{pair[1]} was given"
            )
    states = (saved["state_dict"], model.state_dict())
    old, new = ({name: list(v.shape) for name, v in state.items()} for state in states)
    if old != new:
        name = next(k for k in (*old, *new) if old.get(k) != new.get(k))
        was, would = (_size(each.get(name)) for each in (old, new))
        raise RunFolderError(
            f"resume={plain['output_dir']}: {', '.join(words) or 'this version'} makes a network "
            f"of other sizes: {name} has {was} in the run and would have {would}; start a new run"
        )


def _size(shape: list[int] | None) -> str:
    return "no weights" if shape is None else "x".join(map(str, shape)) or "one number"
