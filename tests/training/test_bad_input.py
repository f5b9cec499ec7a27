"""Bad input through the real command: one message, an exit code, no traceback, nothing written."""

import json
import os
from pathlib import Path

import pytest

from benchmarks import bad_input
from builders.warm_processes import WarmProcess
from vaescope.callbacks import Checkpoint
from vaescope.config.overrides import with_literal_paths
from vaescope.errors import ConfigError
from vaescope.experiment.training import train

pytestmark = pytest.mark.usefixtures("no_figures")  # nobody reads them

TRAIN = ("train", "experiment=tiny", "network=linear", "logger=[csv]", "threads=1")

# words -> what the message has to hold
REFUSED = {
    "view=null model=ada_gvae": "learns from a second image",
    "hydra.run.dir=../file/run": "is a file",
    "hydra.run.dir=../file": "a file",
    "output_dir=../file/run": "is a file",
    f"hydra.run.dir={'x' * 300}": "too long",
    "model=beta_vea": "did you mean 'beta_vae'?",
    "callbacks=3": "a group was given null or a number",
    "trainer=null": "a group was given null or a number",
    "trainer.accelerator=quantum": "quantum",
    "trainer.max_time=soon": "config.trainer",
    "trainer.profiler=fast": "config.trainer",
    "+optimizer.foreach=true": "config.optimizer: ",
    "+optimizer.amsgrad=3": "3 is not true or false",
    "seed=4294967296": "config.seed: 4294967296 is not an integer from 0 to 4,294,967,295",
    "latent_dim=4096 posterior=full network=conv64 ensemble.size=1000": "GiB",
    "data.batch_size=1000000000": "GiB",
    "data=synthetic_linear data.num_points=1000000000": "data.num_points: 1000000000 is not",
    "latent_dim=${data.num_sources}": "config.latent_dim: Interpolation key",
    "seed=": "config.seed: nothing is not an integer from 0 to",
    "+foo=3": "there is no 'foo'",
    "trainer.gradient_clip_val=-1": "gradient_clip_val: -1 is not",
    "callbacks.pictures.extent=inf": "extent: inf is not",
}


def try_all(lines):
    """In children of one process, for a process of its own costs seconds; print what was said."""
    bad_input.warm()
    found = []
    for number, words in enumerate(lines):
        folder = Path(str(number))
        code, text, _ = bad_input.one(words, folder, 120)
        found.append((code, text, bad_input.verdict(code, text, folder)))
    print(json.dumps(found))


@pytest.fixture(scope="module")
def tried(tmp_path_factory):
    """All of them, by their words."""
    place = tmp_path_factory.mktemp("bad_input")
    (place / "file").touch()
    lines = [[*TRAIN, *words.split(" ")] for words in REFUSED]
    process = WarmProcess(try_all, lines, cwd=place, env=os.environ, apart=True)
    printed, noise = process.communicate(timeout=500)
    assert process.returncode == 0, noise
    return dict(zip(REFUSED, json.loads(printed), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize(("words", "message"), REFUSED.items())
def test_a_refusal_is_one_message_and_leaves_nothing(tried, words, message):
    code, text, verdict = tried[words]
    assert verdict == "refused", text
    assert code == 1, text
    assert message in text


def test_groups_that_may_be_null_are_left_out():
    words = ["view=null", "hold_out=null", "model=null", "view=pairs_strict", "seed=null"]
    assert with_literal_paths(words) == ["~view", "~hold_out", *words[2:]]


@pytest.mark.parametrize(
    ("monitor", "near"),
    [("nonsense", "val/"), ("val/los", "val/loss"), ("loss", "val/loss"), ("val/migg", "val/mig")],
)
def test_a_key_that_is_never_logged_is_no_monitor(tiny, tmp_path, monitor, near):
    with pytest.raises(ConfigError, match=r"checkpoint\.monitor: .* is never logged") as refusal:
        train(tiny(tmp_path, f"callbacks.checkpoint.monitor={monitor}", "trainer.max_steps=2"))
    assert near in str(refusal.value)
    assert not (tmp_path / "checkpoints").exists()


def test_the_best_checkpoint_goes_by_the_good_end_of_its_score():
    for monitor, mode in (("val/mig", "max"), ("val/dto_active", "min"), ("val/kl", "min")):
        assert Checkpoint("folder", monitor=monitor).mode == mode
    assert Checkpoint("folder", monitor="val/mig", mode="min").mode == "min"


@pytest.mark.parametrize("monitor", ["val/loss", "val/kl", "val/dto_active", "train/loss"])
def test_keys_that_may_come_are_monitors(tiny, tmp_path, monitor):
    train(tiny(tmp_path, f"callbacks.checkpoint.monitor={monitor}", "trainer.max_steps=2"))
    assert (tmp_path / "checkpoints" / "last.ckpt").is_file()


def test_an_action_that_is_none(config):
    from vaescope.commands.data import act

    with pytest.raises(ConfigError, match=r"action=-1e\+30: choose list, show"):
        act(config("action=-1e30", name="data"))
