"""``vaescope audit``: what every score makes of codes that are known."""

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
from vaescope.stopping import Stopped


@command
def main(config: DictConfig) -> Any:
    """Measure the scores on all known codes and write the page."""
    with lasting():  # not for --help and --cfg
        from vaescope.audit.findings import audit
        from vaescope.audit.measuring import NAME, measure_codes
        from vaescope.audit.page import write_audit
        from vaescope.hardware import set_threads

    check(config)
    plain = resolved(config)
    set_threads(plain["threads"])
    folder = Path(plain["output_dir"])
    settings = (plain[key] for key in ("sizes", "rows", "scores", "seed"))
    try:
        measured = measure_codes(folder, *settings)
    except Stopped as stop:
        if (folder / NAME).is_file():
            same = as_typed(HydraConfig.get().overrides.task)
            words = ["vaescope", "audit", *same, f"hydra.run.dir={folder}"]
            stop.go_on = f"what is measured is kept; go on with: {shlex.join(words)}"
        raise
    path = write_audit(folder, audit(measured), measured, plain)
    print(path)
    return path
