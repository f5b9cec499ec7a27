"""What a process made by ``fork`` is asked to do in a test: importable there."""

import os
import signal
import sys
import time

from vaescope.errors import DataError


def task(config):
    """By the seed of the job: what befalls its process, or what it finds there."""
    import torch

    if config.seed == 0:
        return float(torch.get_num_threads())
    if config.seed == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if config.seed == 2:
        raise DataError("nothing there")
    if config.seed == 3:
        os._exit(7)
    if config.seed == 4:
        os.write(1, b"from the depths\n")
        print("on its error stream", file=sys.stderr)
        return float(os.environ["CUDA_VISIBLE_DEVICES"])
    if config.seed == 5:
        print(os.getpid(), flush=True)
        time.sleep(300)
    return float(os.getpid())
