"""``vaescope modify data=... epsilon=...``: images that a VAE's latents follow, or do not."""

import shlex
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from vaescope.commands.imports import lasting
from vaescope.commands.job import command
from vaescope.config.checks import check
from vaescope.config.loading import resolved
from vaescope.config.overrides import as_typed
from vaescope.errors import ConfigError
from vaescope.run_folder.modification import UNUSED


@command
def main(config: DictConfig) -> Any:
    """Make a modified set and say what came of it."""
    with lasting():  # not for --help and --cfg
        from vaescope.data.sets.modified.folders import read_modified
        from vaescope.modification import modify
        from vaescope.report.terminal import print_table

    check(config)
    chosen = as_typed(HydraConfig.get().overrides.task)
    starts = tuple(f"{group}{mark}" for group in UNUSED for mark in "=.@")
    if without_use := [word for word in chosen if word.lstrip("+~").startswith(starts)]:
        raise ConfigError(
            f"{without_use[0]} was given, which has no part in a modification; leave it out here, "
            "and give it to the training"
        )
    made = modify(resolved(config))
    read_modified(made.path).change()  # one made earlier may be damaged
    parts = (("original", made.before), ("game", made.during), ("modified", made.after))
    rows = [
        (name, str(at.step), f"{at.disentangled:.4g}", f"{at.entangled:.4g}", f"{at.margin:+.4g}")
        for name, at in parts
        if at is not None
    ]
    columns = ("images", "step", "L_dis", "L_ent", "margin L_dis - L_ent")
    groups = ("network=", "likelihood=")  # what the user has chosen is needed for training, too
    words = [word for word in chosen if word.startswith(groups)]
    words.append(f"data.path={made.path}")
    notes = [
        "losses of two imagined VAEs of equal KL on rows that were kept back: latents that are the "
        "factors (dis) or rotated ones (ent); a positive margin: a VAE does better with these",
        *(f"pictures: {path}" for path in made.path.parent.glob("sheet.png")),
        f"train on it: vaescope train data=modified {shlex.join(words)}",
    ]
    print_table(columns, rows, str(Path(config.output_dir)), notes)
    return made
