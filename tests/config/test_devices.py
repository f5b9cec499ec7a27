"""Which devices a run may have; what cannot work is refused before anything starts."""

import pytest
import torch
from omegaconf import OmegaConf

from vaescope.config.checks import check
from vaescope.config.devices import device_problems, number_of_devices, refuse_in_sweep
from vaescope.errors import ConfigError

ADVICE = "for one run on several devices add trainer.strategy=ddp; else set trainer.devices=1"


def found(**trainer):
    return list(device_problems(OmegaConf.create(trainer)))


@pytest.mark.parametrize("devices", [1, "1", [0], [3], "0,", "2,", "auto", None])
def test_one_device_is_none_too_many(devices, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert found(devices=devices, num_nodes=1, strategy="auto") == []
    assert found(devices=devices, strategy="ddp") == []
    assert found(devices=-1, accelerator="gpu") == []


@pytest.mark.parametrize(
    ("devices", "count"),
    [(2, 2), ("2", 2), ([0, 1], 2), ("0,1", 2), ("auto", 4), (-1, 4), ("-1", 4), (None, 4), (0, 0)],
)
def test_several_need_the_strategy_for_them(devices, count, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    (told,) = found(devices=devices, accelerator="auto")
    assert told.startswith(f"config.trainer.devices: {count} devices were given to one run; ")
    assert ADVICE in told
    assert bool(found(devices=devices, strategy="ddp")) is (count == 0)
    assert number_of_devices({"devices": devices}) == count


@pytest.mark.parametrize("accelerator", ["gpu", "cuda", "mps", "tpu"])
def test_an_accelerator_that_is_not_here_is_told_with_the_way_out(accelerator, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    (told,) = found(accelerator=accelerator, precision="16-mixed")
    assert told == (
        f"config.trainer.accelerator: {accelerator} was given, and torch finds none here; "
        "choose trainer.accelerator=cpu, or auto for what there is"
    )
    assert found(accelerator="cpu", precision="bf16-mixed") == []


def test_half_precision_needs_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    for gpus, mistakes in ((0, 1), (1, 0)):
        monkeypatch.setattr(torch.cuda, "device_count", lambda gpus=gpus: gpus)
        assert len(found(accelerator="auto", precision="16-mixed")) == mistakes
    (told,) = found(accelerator="cpu", precision="16-mixed")
    assert told.startswith("config.trainer.precision: 16-mixed needs a GPU; choose ")


def test_more_gpus_than_there_are_are_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    (told,) = found(devices=2, strategy="ddp")
    assert told == "config.trainer.devices: 2 were given, and here are 1"
    assert found(devices=2, strategy="ddp", accelerator="cpu") == []


def test_all_devices_of_a_cpu_are_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert found(devices="auto", accelerator="cpu") == []


@pytest.mark.parametrize("devices", ["two", 1.5, True, {}, -1])
def test_what_names_no_devices_is_refused(devices):
    (told,) = found(devices=devices, accelerator="cpu")
    assert told.startswith(f"config.trainer.devices: {devices!r} names no devices; ")


@pytest.mark.parametrize("strategy", ["ddp_spawn", "fsdp", {"_target_": "x.DDPStrategy"}])
def test_other_strategies_are_refused(strategy):
    (told,) = found(strategy=strategy)
    assert "was given; a run on one device has auto, one on several ddp" in told


def test_it_is_part_of_the_check(config):
    words = ("trainer.devices=2", "trainer.strategy=fsdp", "+trainer.num_nodes=2")
    with pytest.raises(ConfigError) as refusal:
        check(config(*words, "trainer.accelerator=cpu"))
    told = str(refusal.value)
    assert told.startswith("2 mistakes in the configuration:")
    assert "config.trainer.num_nodes: 2 nodes were given to one run" in told
    assert "config.trainer.strategy: fsdp was given" in told


def test_ensembles_and_sweeps_have_one_each(config):
    two = ("trainer.devices=2", "trainer.strategy=ddp", "trainer.accelerator=cpu")
    with pytest.raises(ConfigError, match=r"devices: an ensemble trains on one device; set"):
        check(config(*two, "ensemble.size=2"))
    with pytest.raises(ConfigError, match=r"jobs_per_gpu=1, or make one run after the other: for"):
        refuse_in_sweep(config(*two).trainer)
    refuse_in_sweep(config().trainer)
