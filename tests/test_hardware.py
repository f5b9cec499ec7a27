"""Choices that follow the machine."""

import pytest
import torch

from vaescope import hardware
from vaescope.errors import ConfigError


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_a_device_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert hardware.device_of(None) == hardware.device_of("cpu") == torch.device("cpu")
    for name in ("tpu", "cuda", "", "cuda:7"):
        with pytest.raises(ConfigError, match=f"config.device: '{name}'; here is cpu"):
            hardware.device_of(name)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert hardware.device_of(None) == torch.device("cuda")


@pytest.mark.parametrize(
    ("wanted", "variable", "idle", "chosen"),
    [(3, "2", 1, 3), (None, "2", 1, 2), (None, "", 1, 1), (None, "junk", 2, 2)],
)
def test_own_choice_beats_the_variable_beats_the_idle_cores(
    monkeypatch, wanted, variable, idle, chosen
):
    monkeypatch.setenv("OMP_NUM_THREADS", variable)
    monkeypatch.setattr(hardware, "_idle_cores", lambda: (idle, "idle"))
    assert hardware.set_threads(wanted) == chosen
    assert torch.get_num_threads() == chosen


@pytest.mark.parametrize(
    ("busy", "chosen"), [([0, 0, 0, 0], 4), ([100, 90, 0, 0], 2), ([100, 100, 100, 100], 1)]
)
def test_idle_cores_are_those_without_load(monkeypatch, busy, chosen):
    class Process:
        def cpu_affinity(self):
            return [0, 1, 2, 3]

    monkeypatch.setattr(hardware.psutil, "Process", Process)
    monkeypatch.setattr(hardware.psutil, "cpu_percent", lambda interval, percpu: busy)
    assert hardware._idle_cores.__wrapped__()[0] == chosen


def test_bfloat16_only_where_the_processor_has_it(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: False, raising=False)
    assert hardware.fast_precision() == "32-true"
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True, raising=False)
    assert hardware.fast_precision() == "bf16-mixed"
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported", raising=False)
    assert hardware.fast_precision() == "32-true"


@pytest.mark.parametrize("tf32", [True, False, None])
def test_products_of_float32_are_as_wanted_and_then_as_before(tf32):
    def now():
        return torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32

    before = now()
    with hardware.float32_products(tf32):
        assert now() == (before if tf32 is None else (tf32, tf32))
    assert now() == before
