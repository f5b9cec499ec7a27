"""What all tests share: one thread, no wandb account, and configurations composed as by a user."""

import os

os.environ.setdefault("WANDB_MODE", "offline")
os.environ.setdefault("WANDB_SILENT", "true")

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture
def config(tmp_path):
    """Factory ``config(*overrides, name="train")`` of composed configurations that write below tmp_path."""
    from hydra import compose, initialize_config_dir

    from vaescope.config import config_dir, register_schemas

    register_schemas()

    def composed(*overrides, name="train"):
        with initialize_config_dir(config_dir(), version_base="1.3", job_name="test"):
            return compose(name, [f"output_dir='{tmp_path}'", *overrides])

    return composed
