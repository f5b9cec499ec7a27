"""Jobs of ``forked_jobs`` on a Ray of this machine, in a process that a test may stop."""

import logging
from pathlib import Path

from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.utils import setup_globals
from hydra.types import HydraContext, RunMode

from builders.forked_jobs import task
from vaescope.config.loading import config_dir, register_schemas
from vaescope.errors import RunFolderError
from vaescope.stopping import stoppable
from vaescope.sweeps.journal import Journal
from vaescope.sweeps.ray_cluster import RayLauncher


def launch_each(sweeps):
    """Launch jobs of these seeds in each folder, one sweep after the other, and print their ends.

    A folder that is not there has no journal either.
    """
    logging.disable()
    register_schemas()
    setup_globals()
    with stoppable(), initialize_config_dir(config_dir(), version_base="1.3", job_name="train"):
        for folder, seeds in sweeps.items():
            _launch(Path(folder), seeds)


def _launch(folder, seeds):
    if folder.is_dir():
        Journal(folder).add_command([])
    loader = GlobalHydra.instance().config_loader()
    words = ["experiment=tiny", "logger=[]", f"hydra.sweep.dir={folder}"]
    config = loader.load_configuration("train", words, RunMode.MULTIRUN)
    launcher = RayLauncher(max_retries=1)
    launcher.setup(hydra_context=HydraContext(loader, None), task_function=task, config=config)
    jobs = [
        ["experiment=tiny", f"seed={seed}", f"hydra.sweep.subdir={place}"]
        for place, seed in enumerate(seeds)
    ]
    try:
        for job in launcher.launch(jobs, 0):
            print(job.status.name, repr(job._return_value), flush=True)
    except RunFolderError as error:
        print("refused:", error, flush=True)
