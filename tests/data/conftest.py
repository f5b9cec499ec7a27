import time

import numpy as np
import pytest
import torch

from vaescope.data.sets.dsprites.packing import build_packed


@pytest.fixture(autouse=True)
def _no_files_of_the_user(tmp_path, monkeypatch):
    monkeypatch.setenv("VAESCOPE_DATA_DIR", str(tmp_path / "data"))


@pytest.fixture(scope="session")
def packed_dir(tmp_path_factory):
    """A data folder that holds the packed rendered dSprites."""
    folder = tmp_path_factory.mktemp("dsprites")
    start = time.process_time()
    build_packed(folder / "dsprites-rendered-v1.npy")
    print(f"packed dSprites in {time.process_time() - start:.1f} s of CPU time")
    return folder


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def some_rows(rng):
    return torch.from_numpy(rng.integers(0, 737_280, 200))
