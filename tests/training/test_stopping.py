"""A signal stops a run in order: state kept, one line told, exit code of the signal."""

import json
import os
import re
import signal
import stat
import threading
import time

import pytest
import torch

from builders.warm_processes import WarmProcess
from vaescope import stopping
from vaescope.callbacks import Evaluation
from vaescope.cli import main
from vaescope.experiment.training import train
from vaescope.models import BetaVAE
from vaescope.reproduction.plan import Run
from vaescope.reproduction.runner import make_runs

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="signals of POSIX"),
    pytest.mark.usefixtures("no_figures"),  # nobody reads them
]
RUN = (
    *("experiment=tiny", "network=mlp_60_40_20", "latent_dim=3", "logger=[csv]", "threads=1"),
    *("callbacks.progress.bar=false", "callbacks.evaluation.every_n_steps=5"),
    *("callbacks.checkpoint.every_n_steps=8", "trainer.max_steps=19", "trainer.accelerator=cpu"),
    "updates_per_call=1",  # a signal waits for the end of a call
    "statistics=[latents,polarized]",  # one reads the evaluations of the whole run
)


def saved(folder):
    return torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)


def same_run(one, other):
    """Whether weights, moments, evaluations, best score and final scores are equal to the bit."""
    a, b = saved(one), saved(other)
    assert a["global_step"] == b["global_step"]
    assert all(torch.equal(a["state_dict"][k], b["state_dict"][k]) for k in a["state_dict"])
    for number, state in a["optimizer_states"][0]["state"].items():
        again = b["optimizer_states"][0]["state"][number]
        assert all(torch.equal(state[name], again[name]) for name in state)
    assert a["callbacks"] == b["callbacks"]
    rows = [json.loads((f / "scores.json").read_text())["rows"] for f in (one, other)]
    assert rows[0] == rows[1]
    best = [torch.load(f / "checkpoints" / "best.ckpt", weights_only=True) for f in (one, other)]
    assert (
        best[0]["global_step"]
        == best[1]["global_step"]
        == a["callbacks"]["Checkpoint"]["best_step"]
    )


def clean(folder):
    """Whether a finished run has left nothing behind."""
    names = {path.name for path in folder.rglob("*")}
    assert {"scores.json", "report.html", "last.ckpt", "best.ckpt"} <= names
    assert not names & {"error.txt", ".lock"}
    assert not [name for name in names if name.endswith(".new") or name.startswith("hpc_ckpt")]


@pytest.fixture(scope="module")
def folder_of_straight(tmp_path_factory):
    return tmp_path_factory.mktemp("straight") / "run"


@pytest.fixture
def straight(tiny, folder_of_straight):
    """The run that nothing interrupts."""
    if not folder_of_straight.exists():
        train(tiny(folder_of_straight, *RUN))
    return folder_of_straight


def send_at(monkeypatch, step, *numbers):
    """Send signals to this process while it computes the update after ``step``."""
    plain, left = BetaVAE.terms, list(numbers)

    def terms(self, batch, now, noise):
        if self.training and now == step:
            while left:
                os.kill(os.getpid(), left.pop(0))
        return plain(self, batch, now, noise)

    monkeypatch.setattr(BetaVAE, "terms", terms)


@pytest.mark.parametrize(
    ("name", "step"),
    [("SIGTERM", 2), ("SIGINT", 6), ("SIGHUP", 7), ("SIGUSR1", 11), ("SIGTERM", 18)],
)
def test_signal_in_training_keeps_the_state(straight, tmp_path, monkeypatch, capsys, name, step):
    number = getattr(signal, name)
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    send_at(monkeypatch, step, number)
    folder = tmp_path / "stopped"
    words = ["train", *RUN, f"hydra.run.dir={folder}"]
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 128 + number
    told = capsys.readouterr().err
    assert f"vaescope: stopped by {name}; go on with: vaescope train resume={folder}" in told
    assert "Traceback" not in told
    assert saved(folder)["global_step"] == step + 1
    assert not (folder / "error.txt").exists()
    assert not (folder / "scores.json").exists()
    before = [signal.getsignal(n) for n in stopping.SIGNALS]
    main(words if step % 2 else ["train", f"resume={folder}"])  # the very same command goes on
    assert before == [signal.getsignal(n) for n in stopping.SIGNALS]
    same_run(straight, folder)
    clean(folder)


@pytest.mark.parametrize("where", ["build", "scores"])
def test_signal_outside_training_stops_at_once(straight, tmp_path, monkeypatch, capsys, where):
    folder = tmp_path / "stopped"
    words = ["train", *RUN, f"hydra.run.dir={folder}"]
    what = {"build": "build_model", "scores": "final_scores"}[where]
    module = {"build": "vaescope.experiment.assembly", "scores": "vaescope.experiment.training"}[
        where
    ]
    with monkeypatch.context() as patch:
        patch.setattr(f"{module}.{what}", lambda *a, **k: os.kill(os.getpid(), signal.SIGTERM))
        with pytest.raises(SystemExit) as end:
            main(words)
    assert end.value.code == 143
    told = capsys.readouterr().err
    assert ("start again with: vaescope train experiment=tiny" in told) == (where == "build")
    assert ("resume=" in told) == (where == "scores")
    main(words)
    same_run(straight, folder)
    clean(folder)


def test_evaluation_and_report_stop_with_the_signals_code(straight, tmp_path, monkeypatch, capsys):
    def kill(*args, **given):
        os.kill(os.getpid(), signal.SIGINT)

    for words, what in (
        (
            ["evaluate", f"checkpoint={straight}/checkpoints/last.ckpt"],
            "experiment.evaluation.final_scores",
        ),
        (["report", f"runs=[{straight}]"], "report.comparison.page.compare_runs"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(f"vaescope.{what}", kill)
            with pytest.raises(SystemExit) as end:
                main([*words, f"output_dir={tmp_path}/out", f"hydra.run.dir={tmp_path}/out"])
        assert end.value.code == 130
        told = f"stopped by SIGINT; it is not finished; start again with: vaescope {words[0]} "
        assert told in capsys.readouterr().err
        assert not list((tmp_path / "out").glob("*.json"))


@pytest.mark.slow
def test_signal_stops_the_whole_sweep_which_goes_on(tmp_path, monkeypatch, capsys):
    straight, stopped = tmp_path / "straight", tmp_path / "stopped"
    words = ["train", "-m", *RUN, "model.beta=1,2,3"]
    main([*words, f"hydra.sweep.dir={straight}"])
    seen = []
    plain = BetaVAE.terms

    def terms(self, batch, now, noise):
        if self.training and self.beta == 2 and now == 10 and not seen:
            seen.append(os.kill(os.getpid(), signal.SIGTERM))
        return plain(self, batch, now, noise)

    monkeypatch.setattr(BetaVAE, "terms", terms)
    with pytest.raises(SystemExit) as end:
        main([*words, f"hydra.sweep.dir={stopped}"])
    assert end.value.code == 143
    told = capsys.readouterr()
    assert f"the sweep goes on with: vaescope sweep resume {stopped}" in told.err
    assert not (stopped / "2").exists()
    first = (stopped / "0" / "scores.json").stat().st_mtime_ns
    with pytest.raises(SystemExit) as end:
        main(["train", "-m", *RUN, "model.beta=1,2,4", f"hydra.sweep.dir={stopped}"])
    assert end.value.code == 2  # another sweep
    main([*words, f"hydra.sweep.dir={stopped}"])
    assert "3 of 3 jobs finished" in capsys.readouterr().out
    assert first == (stopped / "0" / "scores.json").stat().st_mtime_ns
    for job in "012":
        same_run(straight / job, stopped / job)
        clean(stopped / job)


def test_slurm_job_is_queued_again_and_goes_on(straight, tmp_path, monkeypatch, capsys):
    program = tmp_path / "bin" / "scontrol"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\nexit ${{FAIL:-0}}\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    for key, value in {
        "SLURM_JOB_ID": "7",
        "SLURM_ARRAY_JOB_ID": "5",
        "SLURM_ARRAY_TASK_ID": "2",
        "SLURM_JOB_NAME": "study",
        "SLURM_NTASKS": "1",
        "SLURM_PROCID": "0",
        "SLURM_LOCALID": "0",
        "SLURM_NODEID": "0",
        "SLURM_NODELIST": "here",
    }.items():
        monkeypatch.setenv(key, value)
    folder = tmp_path / "job"
    words = ["train", *RUN, f"hydra.run.dir={folder}"]
    with monkeypatch.context() as patch:
        send_at(patch, 6, signal.SIGUSR1, signal.SIGTERM)
        with pytest.raises(SystemExit) as end:
            main(words)
    assert end.value.code == 128 + signal.SIGUSR1
    assert "Slurm's job 5_2 is queued again" in capsys.readouterr().err
    assert (tmp_path / "asked").read_text() == "requeue 5_2\n"
    monkeypatch.setenv("FAIL", "1")
    with monkeypatch.context() as patch:
        send_at(patch, 12, signal.SIGUSR1)
        with pytest.raises(SystemExit):
            main(words)
    assert "did not queue job 5_2 again: exit code 1" in capsys.readouterr().err
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    main(words)
    same_run(straight, folder)
    clean(folder)


@pytest.mark.parametrize(("state", "queued"), [("RUNNING", True), ("COMPLETING", False)])
def test_slurms_sigterm_is_a_preemption_unless_the_job_is_cancelled(
    tmp_path, monkeypatch, state, queued
):
    for name, does in {
        "squeue": f"echo {state}",
        "scontrol": f"echo $@ > {tmp_path}/asked",
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.delenv("SLURM_ARRAY_JOB_ID", raising=False)
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    told = stopping.Stopped(signal.SIGTERM).told()
    assert told.startswith("stopped by SIGTERM; ")
    assert ("Slurm's job 7 is queued again" in told) == queued
    assert (tmp_path / "asked").exists() == queued


def test_reproduction_stops_its_runs_and_begins_no_other(tmp_path, monkeypatch):
    program = tmp_path / "python"
    program.write_text(
        "#!/bin/sh\n"
        f"trap 'echo ended >> {tmp_path}/log; exit 143' TERM\n"
        f"echo begun >> {tmp_path}/log\n"
        "while true; do sleep 0.1; done\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr("vaescope.reproduction.runner.sys.executable", str(program))
    runs = [Run(name, "none") for name in ("one", "two", "three")]

    def stop():
        while not (tmp_path / "log").exists():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=stop)
    thread.start()
    with stopping.stoppable(), pytest.raises(stopping.Stopped):
        make_runs(runs, tmp_path, jobs=1, threads=1, data_dir=None)
    thread.join()
    assert (tmp_path / "log").read_text() == "begun\nended\n"


def test_signal_in_the_midst_of_a_library_is_no_error_of_it(monkeypatch):
    def of_a_library():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            None.flags  # noqa: B018 # as OmegaConf does with a node that is half made

    with stopping.stoppable():
        with pytest.raises(stopping.Stopped, match="143"), stopping.keep_stop():
            of_a_library()
        os.kill(os.getpid(), signal.SIGTERM)  # while it cleans up: no second time
        monkeypatch.setattr(stopping, "IGNORED", 0)
        with pytest.raises(stopping.Stopped):  # it has gone on all the same
            os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(AttributeError), stopping.keep_stop():
            None.flags  # noqa: B018


def test_handlers_of_others_stay():
    before = signal.getsignal(signal.SIGUSR2)
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    try:
        with stopping.stoppable():
            os.kill(os.getpid(), signal.SIGUSR2)
            with pytest.raises(stopping.Stopped, match="143"):
                os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert stopping.requested() is None  # what is trained next does not stop


def train_and_evaluate_long(folder):
    """A run whose evaluations take a minute."""
    plain = Evaluation.on_update

    def slow(self, trainer, module, outputs=None):
        plain(self, trainer, module)
        if trainer.global_step:
            print("evaluating", flush=True)
            time.sleep(60)

    Evaluation.on_update = slow
    main(["train", *RUN, f"hydra.run.dir={folder}"])


@pytest.mark.slow
def test_the_first_ctrl_c_waits_for_an_evaluation_and_the_second_does_not(tmp_path):
    process = WarmProcess(train_and_evaluate_long, tmp_path / "run", cwd=tmp_path, env=os.environ)
    while "evaluating" not in process.printed():
        assert process.poll() is None, process.printed()
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    time.sleep(1)
    assert process.poll() is None
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    told, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert time.monotonic() - began < 20
    assert re.search("SIGINT: stopping after this update; Ctrl-C ends at once", told)
