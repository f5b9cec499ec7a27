"""Random numbers as a pure function of (seed, stream, step).

Whoever draws the k-th batch or the k-th noise of seed s gets the same numbers: a resumed run, a
worker process, another device, a member of an ensemble. There is no state to save.
"""

import zlib

import numpy as np


def stream(seed: int, name: str, step: int = 0) -> np.random.Generator:
    """Generator that belongs to one use, ``name``, at one ``step`` of the run with this ``seed``.

    Args:
        seed: the run's seed, at least 0.
        name: what the numbers are for, for example ``"batches"``; streams are independent.
        step: any counter, at least 0: a step or an epoch.

    Returns:
        A counter-based generator (Philox); equal arguments give equal numbers on every machine.

    Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3",
    https://doi.org/10.1145/2063384.2063405. Differs: none.
    """
    key = np.array([seed, zlib.crc32(name.encode())], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=[0, 0, step, 0]))
