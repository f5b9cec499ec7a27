"""``python -m builders.ray_jobs ADDRESS FOLDER SEED...``: jobs of ``forked_jobs`` on a Ray."""

import logging
import sys

from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.utils import setup_globals
from hydra.types import HydraContext, RunMode

from builders.forked_jobs import task
from vaescope.config.loading import config_dir, register_schemas
from vaescope.errors import RunFolderError
from vaescope.stopping import stoppable
from vaescope.sweeps.ray_cluster import RayLauncher


def main(address, folder, *seeds):
    register_schemas()
    setup_globals()
    with stoppable(), initialize_config_dir(config_dir(), version_base="1.3", job_name="train"):
        loader = GlobalHydra.instance().config_loader()
        words = ["experiment=tiny", "logger=[]", f"hydra.sweep.dir={folder}"]
        config = loader.load_configuration("train", words, RunMode.MULTIRUN)
        launcher = RayLauncher(address=address, max_retries=1)
        context = HydraContext(loader, None)
        launcher.setup(hydra_context=context, task_function=task, config=config)
        jobs = [
            ["experiment=tiny", f"seed={seed}", f"hydra.sweep.subdir={place}"]
            for place, seed in enumerate(seeds)
        ]
        try:
            for job in launcher.launch(jobs, 0):
                print(job.status.name, repr(job._return_value))
        except RunFolderError as error:
            print("refused:", error)


if __name__ == "__main__":
    logging.disable()
    main(*sys.argv[1:])
