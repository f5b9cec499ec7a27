"""``vaescope diagnose data=NAME``: what a data set will do to a VAE, before any training."""

import time
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from vaescope.commands.imports import lasting
from vaescope.commands.job import command
from vaescope.config.checks import check
from vaescope.config.loading import build, resolved


@command
def main(config: DictConfig) -> Any:
    """Diagnose one data set; without factors only its spectra are computed."""
    with lasting():  # not for --help and --cfg
        from vaescope.diagnosis import Diagnosis, Spectra, diagnose, spectra_of
        from vaescope.diagnosis.page import write_diagnosis
        from vaescope.hardware import set_threads

    check(config)
    plain = resolved(config)
    set_threads(plain["threads"])
    module = build(plain["data"], "data")
    module.setup()
    start = time.perf_counter()
    dataset, weight = module.dataset, build(plain["likelihood"], "likelihood").mean_curvature
    options = {key: plain[key] for key in ("num_points", "seed")}
    found: Diagnosis | Spectra
    if len(dataset.factors):
        keys = ("beta", "scales", "predicted_at", "factors", "draws")
        options |= {key: plain[key] for key in keys}
        found = diagnose(dataset, weight=weight, **options)
    else:
        found = spectra_of(dataset, weight, **options)
    seconds = time.perf_counter() - start
    shown = {key: plain[key] for key in plain if key not in ("network", "trainer")}
    text = OmegaConf.to_yaml(OmegaConf.create(shown))
    path = write_diagnosis(Path(plain["output_dir"]), dataset, found, plain, text, seconds)
    print(f"{path}: in {seconds:.0f} s")
    return path
