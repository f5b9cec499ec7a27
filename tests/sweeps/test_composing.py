"""Configurations of jobs are Hydra's own, and cost what differs; the identity of a job."""

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import OmegaConf

from vaescope.config.comparing import identity
from vaescope.config.loading import config_dir, register_schemas
from vaescope.sweeps.composing import ComposedOnce


@pytest.fixture
def loader():
    register_schemas()
    with initialize_config_dir(config_dir(), version_base="1.3", job_name="test"):
        yield ComposedOnce(GlobalHydra.instance().config_loader())


@pytest.fixture
def master(loader):
    words = ["experiment=tiny", "hydra.sweep.dir=/tmp/s", "seed=0,1"]
    return loader.load_configuration("train", words, RunMode.MULTIRUN)


JOBS = [
    ["experiment=tiny", "seed=1", "model=vae"],
    ["experiment=tiny", "seed=2", "model=vae", "trainer.max_steps=7", "posterior=full"],
    ["model=beta_vae", "model.beta=4", "data=tiny", "hydra.sweep.subdir='7'"],
    ["model=beta_vae", "model.beta=5", "data=tiny", "hydra.sweep.subdir='8'"],
    ["seed=1", "+callbacks.more={a: 1}", "callbacks.more.a=2", "seed=3"],
    ["seed=1", "++seed=2", "seed=3", "~logger.wandb"],
    ["statistics=[latents,polarized]", "logger=[csv]", "latent_dim=3", "+published.mig=[1,2]"],
    ["data@data.original=panels", "data=uniform_noise", "latent_dim=2"],
    ["objective=[val/mig,val/loss]", "data_dir='/a b/c'", "hydra.job.chdir=true"],
]


@pytest.mark.parametrize("words", JOBS, ids=lambda words: words[-1])
def test_configurations_are_those_of_hydra(loader, master, words):
    wanted = loader.loader.load_sweep_config(master, words)
    for _ in range(2):  # made, and made again from what was kept
        found = loader.load_sweep_config(master, words)
        one, other = (OmegaConf.to_container(c, resolve=False) for c in (found, wanted))
        assert one == other
        assert OmegaConf.get_type(found) is OmegaConf.get_type(wanted)
        assert loader.identity(master, words) == identity(wanted)


def test_mistakes_are_told_in_hydras_words(loader, master):
    for words in (["seeed=1"], ["model=nothing"], ["seed=abc"], ["seed=1", "seed="]):
        with pytest.raises((HydraException, ValueError, AttributeError)) as wanted:
            loader.loader.load_sweep_config(master, words)
        with pytest.raises(type(wanted.value)) as found:
            loader.load_sweep_config(master, words)
        assert str(found.value) == str(wanted.value)


def test_files_are_put_together_once_for_jobs_that_differ_in_values(loader, master, monkeypatch):
    made = []
    plain = loader.loader.load_configuration
    monkeypatch.setattr(
        loader.loader, "load_configuration", lambda *a, **k: made.append(a) or plain(*a, **k)
    )
    for seed in range(100):
        loader.load_sweep_config(master, ["experiment=tiny", f"seed={seed}", f"latent_dim={seed}"])
    assert len(made) == 1


def identities(loader, master, *jobs):
    return [loader.identity(master, words.split()) for words in jobs]


def test_the_same_run_is_the_same_however_it_is_said(loader, master):
    same = identities(
        loader,
        master,
        "data=tiny seed=3 model=beta_vae",
        "data=tiny seed=3 model=beta_vae model.beta=4 trainer.gradient_clip_val=null",
        "model=beta_vae data=tiny seed=3 threads=2 data_dir=/elsewhere output_dir=/x",
        "data=tiny model=beta_vae seed=3 data.seed=3 hydra.sweep.subdir=9 sweep.retry=true",
    )
    assert len(set(same)) == 1


def test_other_settings_are_another_run(loader, master):
    base = "data=tiny model=beta_vae seed=3"
    others = ["seed=4", "data.seed=4", "model.beta=4.5", "trainer.max_steps=9", "posterior=full"]
    marks = identities(loader, master, base, *(f"{base} {other}" for other in others))
    assert len(set(marks)) == 1 + len(others)


def test_identity_asks_nothing_of_the_machine(loader, master, monkeypatch):
    import vaescope.hardware

    (before,) = identities(loader, master, "data=tiny")
    monkeypatch.setattr(vaescope.hardware, "fast_precision", lambda *a: "another")
    assert identities(loader, master, "data=tiny") == [before]
