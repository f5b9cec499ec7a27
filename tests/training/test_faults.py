"""What goes wrong is said once and clearly, and costs nothing that was there before."""

import pytest
import torch

from vaescope.errors import ConfigError, DataError, TrainingDivergedError
from vaescope.experiment.evaluation import final_scores
from vaescope.experiment.training import train
from vaescope.models import BetaVAE

pytestmark = pytest.mark.usefixtures("no_figures")  # nobody reads them


@pytest.mark.parametrize(("bad_step", "good"), [(2, None), (7, 5), (10, 5), (11, 10)])
def test_nan_stops_with_step_term_and_last_good_checkpoint(
    tiny, tmp_path, monkeypatch, bad_step, good
):
    plain = BetaVAE.terms

    def poisoned(self, batch, step, noise):
        terms = plain(self, batch, step, noise)
        if step == bad_step - 1 and self.training:  # the update that makes it ``bad_step`` updates
            terms["kl"] = terms["kl"] * float("nan")
        return terms

    monkeypatch.setattr(BetaVAE, "terms", poisoned)
    with pytest.raises(TrainingDivergedError, match=rf"'kl' = nan at step {bad_step}\.") as error:
        train(tiny(tmp_path, "trainer.max_steps=20"))
    last = tmp_path / "checkpoints" / "last.ckpt"
    if good is None:
        assert "none was written yet" in str(error.value)
    else:
        assert str(last) in str(error.value)
        state = torch.load(last, weights_only=True)
        assert state["global_step"] == good
        assert all(torch.isfinite(weight).all() for weight in state["state_dict"].values())


def test_infinite_weights_reach_no_checkpoint(tiny, tmp_path):
    with pytest.raises(TrainingDivergedError, match="not a finite number"):
        train(tiny(tmp_path, "optimizer.lr=1e9", "trainer.max_steps=20", "trainer=float32"))
    assert not (tmp_path / "checkpoints" / "last.ckpt").exists()


def test_new_run_does_not_write_over_an_old_one(tiny, tmp_path):
    train(tiny(tmp_path, "trainer.max_steps=5"))
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file()}
    with pytest.raises(ConfigError, match="holds a run already; continue it with resume="):
        train(tiny(tmp_path, "trainer.max_steps=5"))
    assert before == {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file()}


def test_nothing_to_resume(tiny, tmp_path):
    with pytest.raises(ConfigError, match="nothing to continue"):
        train(tiny(tmp_path, f"resume='{tmp_path}'"))


def test_all_mistakes_on_the_command_line_at_once(shell, tmp_path):
    done = shell(
        "train", "experiment=tiny", "+model.btea=3", "latent_dim=0", "posterior=point", code=1
    )
    assert "2 mistakes in the configuration" in done.stderr
    assert "takes no 'btea'; did you mean 'beta'?" in done.stderr
    assert "config.latent_dim: 0 is not an integer from 1 to 4,096" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("outputs/*/*/checkpoints"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("trian",), "did you mean 'train'"),
        (("data", "lst"), "did you mean 'list'"),
        (("train", "resume=nowhere"), "give the folder of a run"),
        (("train", "resume=nowhere", "-m"), "give the folder of a run"),
        (("train", "resume=run", "model=vae"), "keeps its groups; model=vae"),
    ],
)
def test_wrong_command_line(shell, tmp_path, words, message):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").touch()
    assert message in shell(*words, code=2).stderr


def test_missing_and_damaged_checkpoints(tiny, tmp_path, shell):
    told = shell("evaluate", "checkpoint=nowhere.ckpt", code=1).stderr
    assert "no such file" in told
    assert len(told.splitlines()) == 1  # none of Hydra's own
    train(tiny(tmp_path / "run", "trainer.max_steps=5"))
    last = tmp_path / "run" / "checkpoints" / "last.ckpt"
    last.write_bytes(last.read_bytes()[:-1000])
    assert "not a whole checkpoint" in shell("evaluate", f"checkpoint={last}", code=1).stderr


@pytest.mark.slow
def test_failing_job_leaves_its_error_and_the_others_go_on(process, tmp_path):
    words = ("experiment=tiny", "trainer.max_steps=3", "logger=[csv]", "model.beta=1,-1,2")
    done = process("train", "-m", *words, "hydra.sweep.dir=sweep", "data.batch_size=8", code=1)
    assert "2 of 3 jobs finished" in done.stdout
    assert "config.model.beta: -1 is not" in (tmp_path / "sweep" / "1" / "error.txt").read_text()
    for job in ("0", "2"):
        assert (tmp_path / "sweep" / job / "scores.json").is_file()
        assert not (tmp_path / "sweep" / job / "error.txt").exists()


def test_scores_of_an_unknown_part():
    with pytest.raises(ConfigError, match="choose val, test or held_out"):
        final_scores([], None, {}, step=0, split="train")


def test_data_error_is_no_config_error(tiny, tmp_path):
    (tmp_path / "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz").write_bytes(b"no zip")
    words = ("data=dsprites", "network=linear", f"data_dir='{tmp_path}'", "trainer.max_steps=2")
    with pytest.raises(DataError, match="vaescope data verify"):
        train(tiny(tmp_path / "run", *words))


def test_weights_that_break_in_the_last_update_before_a_look_are_named(tiny, tmp_path):
    words = ("callbacks.finite.every_n_steps=50", "callbacks.evaluation.every_n_steps=1")
    with pytest.raises(TrainingDivergedError, match="not a finite number"):
        train(tiny(tmp_path, *words, "optimizer.lr=1e9", "trainer.max_steps=9", "trainer=float32"))


def test_look_keeps_a_nan(tiny, tmp_path, monkeypatch):
    plain = BetaVAE.terms
    monkeypatch.setattr(
        BetaVAE,
        "terms",
        lambda self, batch, step, noise: (
            plain(self, batch, step, noise) if self.training else {"kl": torch.tensor(torch.nan)}
        ),
    )
    row = train(tiny(tmp_path, "trainer.max_steps=2"))[0]
    assert row["test/loss"] != row["test/loss"]


def test_refusals_of_several_objects_are_told_together(tiny, tmp_path):
    words = (
        "model.beta=-1",
        "callbacks.finite.every_n_steps=0",
        "statistics.disentanglement.bins=1",
    )
    with pytest.raises(ConfigError) as refusal:
        train(tiny(tmp_path / "run", *words))
    for word in ("config.model.beta: -1", "config.callbacks.finite", "config.statistics.dis"):
        assert word in str(refusal.value)
    assert not (tmp_path / "run" / "config.yaml").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("trainer.gradient_clip_val=1", "trainer.precision=16-mixed"), "optimizer.fused=false"),
        (("scheduler=linear", "scheduler.warmup_steps=20"), "nothing is left of the run's 20"),
        (("trainer.precision=bf16-true",), "choose bf16-mixed"),
        (("+trainer.enable_progress_bar=true",), "vaescope sets this itself"),
    ],
)
def test_settings_that_do_not_go_together(tiny, tmp_path, words, message):
    with pytest.raises(ConfigError, match=message):
        train(tiny(tmp_path, *words))


@pytest.mark.parametrize(
    "words",
    [
        ("trainer.gradient_clip_val=1", "trainer.precision=bf16-mixed"),
        ("trainer.precision=64-true",),
        ("trainer.max_epochs=1", "trainer.max_steps=-1"),
        ("posterior=full", "latent_dim=1"),
        ("statistics=[disentanglement,alignment]", "model=autoencoder"),
        ("model.beta=1000",),
    ],
)
def test_settings_that_do(tiny, tmp_path, words):
    train(tiny(tmp_path / "not yet there", "trainer.max_steps=6", *words))
    assert (tmp_path / "not yet there" / "report.html").is_file()


def test_time_limit_leaves_a_look_and_a_checkpoint_of_the_end(tiny, tmp_path):
    train(tiny(tmp_path, "trainer.max_steps=-1", "trainer.max_time=00:00:00:02"))
    state = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    history = state["callbacks"]["Evaluation"]["history"]
    assert history[-1]["step"] == state["global_step"] > 0
    assert (tmp_path / "checkpoints" / "best.ckpt").is_file()


def test_job_refused_by_its_data_leaves_error_txt(shell, tmp_path):
    shell("train", "experiment=tiny", "data.batch_size=1000", "hydra.run.dir=run", code=1)
    assert "batch_size" in (tmp_path / "run" / "error.txt").read_text()
    assert "nothing to continue" in shell("train", "resume=run", code=2).stderr
