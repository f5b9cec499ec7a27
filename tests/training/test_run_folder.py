"""A run's folder: one process at a time; refused changes change nothing; the end is made up for."""

import errno
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import torch
import yaml

from builders.thinned import thinned
from vaescope import files
from vaescope.cli import main
from vaescope.errors import ConfigError, DataError, RunFolderError
from vaescope.experiment.training import train
from vaescope.report.run.page import is_reported
from vaescope.run_folder import locking as run_folder

pytestmark = pytest.mark.usefixtures("no_figures")  # nobody reads them

QUICK = ("statistics=[latents]", "callbacks.checkpoint.every_n_steps=3")
COMMAND = (
    *("experiment=tiny", "network=mlp_60_40_20", "latent_dim=3", "logger=[csv]", "threads=1"),
    *("callbacks.progress.bar=false", "trainer.accelerator=cpu", "trainer.max_steps=6"),
    "statistics=[latents]",
)
HOLDER = """
import sys
from pathlib import Path
from vaescope.run_folder.locking import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def state(folder):
    """Every file with its content, but for logs and Hydra's records."""
    paths = [p for p in folder.rglob("*") if p.is_file() and p.suffix != ".log"]
    return {p: p.read_bytes() for p in paths if ".hydra" not in p.parts}


def saved(folder, name="last"):
    return torch.load(folder / "checkpoints" / f"{name}.ckpt", weights_only=True)


@pytest.fixture
def run(tiny, tmp_path):
    """A finished run of six updates."""
    train(tiny(tmp_path / "run", *QUICK, "trainer.max_steps=6"))
    return tmp_path / "run"


@pytest.fixture
def holder(tmp_path):
    """Start a process that works in a folder."""
    started = []

    def start(folder):
        folder.mkdir(exist_ok=True)
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


REFUSED = [
    ("latent_dim=7", "network of other sizes"),
    ("optimizer.lr=-1", "lr"),
    ("model.beta=-1", "beta"),
    ("network.hidden=[5,5]", ""),
    ("seed=3", "keeps its seeds"),
    ("optimizer._target_=torch.optim.AdamW", "keeps its optimizer._target_"),
    ("+optimizer.amsgrad=true", "keeps its optimizer.amsgrad"),
    ("posterior.path=vaescope.distributions.posteriors.FullGaussian", "keeps its posterior.path"),
    ("trainer.precision=nonsense", ""),
    ("data.batch_size=100000", "batch_size"),
    ("callbacks.checkpoint.every_n_steps=0", "every_n_steps"),
]


def test_refused_change_leaves_the_run_as_it_was(run, capsys):
    before = state(run)
    for word, message in REFUSED:
        with pytest.raises(SystemExit) as end:
            main(["train", f"resume={run}", "trainer.max_steps=9", word])
        assert end.value.code not in (0, None), word
        assert message in capsys.readouterr().err, word
        after = {path: text for path, text in state(run).items() if path.name != "error.txt"}
        assert before == after, word
    main(["train", f"resume={run}", "trainer.max_steps=9"])
    assert saved(run)["global_step"] == 9
    assert not (run / "error.txt").exists()


def test_a_run_of_an_earlier_version_goes_on(run, capsys):
    path, later = run / "checkpoints" / "last.ckpt", ("objective", "schedule_steps")
    content, settings = saved(run), yaml.safe_load((run / "config.yaml").read_text())
    for config in (content["vaescope"]["config"], settings):
        config["callbacks"]["checkpoint"]["monitor"] = "val/loss"  # with the weights of the end
        for key in later:
            del config[key]
    path.unlink()  # best.ckpt is the same file
    torch.save(content, path)
    (run / "config.yaml").write_text(yaml.safe_dump(settings))
    main(["train", f"resume={run}", "trainer.max_steps=9"])
    assert saved(run)["global_step"] == 9
    assert "begun by an earlier version" in capsys.readouterr().out
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert config["callbacks"]["checkpoint"]["monitor"] == "val/loss_final_weights"
    assert config["schedule_steps"] == 9
    main(["train", f"resume={run}", "trainer.max_steps=12"])
    assert "earlier version" not in capsys.readouterr().out


def test_history_says_which_value_held_from_which_step(tiny, run):
    main(["train", f"resume={run}", "trainer.max_steps=9", "optimizer.lr=0.01"])
    main(["train", f"resume={run}", "trainer.max_steps=12", "model.beta=2", "threads=2"])
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert config["optimizer"]["lr"] == 0.01
    assert config["changes"] == [
        {"from_step": 6, "key": "optimizer.lr", "before": 0.001, "after": 0.01},
        {"from_step": 6, "key": "trainer.max_steps", "before": 6, "after": 9},
        {"from_step": 9, "key": "model.beta", "before": 4.0, "after": 2},
        {"from_step": 9, "key": "trainer.max_steps", "before": 9, "after": 12},
    ]
    assert saved(run)["vaescope"]["config"]["changes"] == config["changes"]
    assert saved(run)["optimizer_states"][0]["param_groups"][0]["lr"] == 0.01


def test_same_configuration_goes_on_and_another_is_refused(tiny, tmp_path, monkeypatch):
    words = (*QUICK, "trainer.max_steps=6")
    whole = train(tiny(tmp_path / "whole", *words))
    with monkeypatch.context() as patch:
        patch.setattr("vaescope.experiment.training.final_scores", lambda *a, **k: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            train(tiny(tmp_path / "run", *words))
    with pytest.raises(RunFolderError, match=r"other settings \(model\.beta=4"):
        train(tiny(tmp_path / "run", *words, "model.beta=3"))
    assert train(tiny(tmp_path / "run", *words)) == whole
    with pytest.raises(RunFolderError, match="holds a run already"):
        train(tiny(tmp_path / "run", *words))
    assert train(tiny(tmp_path / "run", *words), again=True) == whole


def test_end_of_a_run_is_looked_at_whenever_it_was_killed(tiny, tmp_path, monkeypatch):
    words = ("statistics=[latents,polarized]", "callbacks.checkpoint.every_n_steps=4")
    words = (*words, "callbacks.evaluation.every_n_steps=3", "trainer.max_steps=8")
    whole = train(tiny(tmp_path / "whole", *words))
    for number, method in enumerate(("on_train_end", "on_fit_end")):
        folder = tmp_path / str(number)
        with monkeypatch.context() as patch:
            patch.setattr(f"vaescope.callbacks.Evaluation.{method}", lambda *a: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                train(tiny(folder, *words))
        assert saved(folder)["global_step"] == 8
        assert train(tiny(folder, *words, f"resume='{folder}'")) == whole


def undated(page):
    """The page without its pictures, in which matplotlib leaves the moment and names by chance."""
    return re.sub("<svg.*?</svg>", "", page.read_text(), flags=re.S)


@pytest.mark.parametrize("by", ["resume", "report"])
def test_missing_report_is_written(run, tmp_path, by):
    page = undated(run / "report.html")
    (run / "report.html").unlink()
    (run / "error.txt").write_text("OSError: no space\n")
    if by == "resume":
        main(["train", f"resume={run}"])
    else:
        main(["report", str(run), f"output_dir={tmp_path}/comparison"])
        assert (tmp_path / "comparison" / "report.html").is_file()
    assert undated(run / "report.html") == page
    assert not (run / "error.txt").exists()
    with pytest.raises(SystemExit):
        main(["train", f"resume={run}"])  # has all its steps


def test_report_of_earlier_scores_is_no_report_of_these(run):
    page = (run / "report.html").read_text()
    main(["train", f"resume={run}", "trainer.max_steps=9"])
    (run / "report.html").write_text(page)
    assert not is_reported(run)
    main(["train", f"resume={run}"])
    assert is_reported(run)
    assert "9 updates" in (run / "report.html").read_text()


def test_killed_between_the_best_and_the_last_state(tiny, tmp_path, monkeypatch):
    words = (*QUICK, "trainer.max_steps=9", "callbacks.evaluation.every_n_steps=3")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    train(tiny(whole, *words))
    for number in (0, 1):  # the first state of the run, and a later one
        left = [number]

        def link(path, other, left=left):
            if not left[0]:
                raise OSError(errno.EIO, "killed")
            left[0] -= 1
            files.link_as(path, other)

        with monkeypatch.context() as patch:
            patch.setattr("vaescope.callbacks.checkpoint.link_as", link)
            with pytest.raises(OSError, match="killed"):
                train(tiny(killed, *words))
        assert saved(killed, "best")["global_step"] == 3 * (number + 1)
        train(tiny(killed, *words))
        for name in ("last", "best"):
            a, b = saved(whole, name), saved(killed, name)
            assert a["callbacks"] == b["callbacks"]
            assert a["global_step"] == b["global_step"]
            assert all(torch.equal(a["state_dict"][k], b["state_dict"][k]) for k in b["state_dict"])
        shutil.rmtree(killed)


def test_second_process_is_refused_and_leaves_nothing(run, holder, tmp_path, capsys):
    holder(run)
    (run / ".metrics.csv.12.new").touch()
    before = state(run)
    for words in (
        ["train", f"resume={run}", "trainer.max_steps=9"],
        ["train", *COMMAND, f"hydra.run.dir={run}"],
        ["train", *COMMAND, f"output_dir={run}"],
        ["evaluate", f"checkpoint={run}/checkpoints/last.ckpt", f"output_dir={run}"],
    ):
        with pytest.raises(SystemExit) as end:
            main(words)
        assert end.value.code
        told = capsys.readouterr().err
        assert f"is at work in {run}" in told
        assert "process " in told
        assert "Traceback" not in told
    assert before == state(run)


def test_lock_of_a_killed_process_is_gone(run, holder):
    process = holder(run)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert (run / ".lock").exists()
    main(["train", f"resume={run}", "trainer.max_steps=9"])
    assert not (run / ".lock").exists()


def test_lock_on_a_full_disk_and_in_a_folder_of_others(tmp_path, monkeypatch):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        with run_folder.locked(tmp_path):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(tmp_path.iterdir())
    (tmp_path / ".lock").symlink_to(tmp_path / "of a stranger")
    with pytest.raises(RunFolderError, match="cannot be worked in"), run_folder.locked(tmp_path):
        pass
    assert not (tmp_path / "of a stranger").exists()


def test_file_system_without_locks_is_told(tmp_path, monkeypatch, caplog):
    def refuse(file, how):
        raise OSError(errno.ENOSYS, "no locks")

    monkeypatch.setattr("vaescope.files.fcntl.flock", refuse)
    with run_folder.locked(tmp_path):
        (tmp_path / ".a.1.new").touch()
        files.remove_stale(tmp_path)
        assert (tmp_path / ".a.1.new").exists()  # its writer may live
        with files.replacing(tmp_path / "text") as temporary:
            temporary.write_text("new")
            # Windows renames no file that is open
            names = {Path(file.path).name for file in psutil.Process().open_files()}
            assert not names & {temporary.name, run_folder.LOCK}
        assert (tmp_path / "text").read_text() == "new"
    assert not (tmp_path / run_folder.LOCK).exists()
    assert "file system without locks" in caplog.text


WRITER = """
import sys
from pathlib import Path
from vaescope.files import replacing
with replacing(Path(sys.argv[1])) as temporary:
    temporary.write_text("first")
    print("there", flush=True)
    sys.stdin.read()
"""


def start_writer(path):
    """A process that is in the middle of writing a file until its standard input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "there\n"
    return process


def test_temporary_of_a_living_process_stays_and_of_a_dead_one_goes(tmp_path):
    path = tmp_path / "a [1].txt"
    process = start_writer(path)
    with files.replacing(path) as temporary:
        temporary.write_text("second")
    assert path.read_text() == "second"
    assert len(list(tmp_path.glob(".a*.new"))) == 1
    process.communicate()
    assert path.read_text() == "first"
    process = start_writer(path)
    process.kill()
    process.communicate()
    files.remove_stale(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_evaluation_does_not_write_over_a_run(run, tmp_path, capsys):
    before = state(run)
    for key in ("output_dir", "hydra.run.dir"):
        with pytest.raises(SystemExit) as end:
            main(["evaluate", f"checkpoint={run}/checkpoints/last.ckpt", f"{key}={run}"])
        assert end.value.code
        assert "whose files would be written over" in capsys.readouterr().err
    assert before == state(run)


WRITERS = (
    "config.yaml",
    "metrics.csv",
    "last.ckpt",
    "traversals.png",
    "scores.json",
    "report.html",
)


@pytest.mark.parametrize("name", thinned(WRITERS, {"metrics.csv", "last.ckpt"}))
def test_full_disk_is_one_sentence_and_the_run_goes_on(tmp_path, monkeypatch, capsys, name):
    """The system's own refusal of a large file, while one kind of file is written."""
    whole, folder = tmp_path / "whole", tmp_path / "run"
    main(["train", *COMMAND, f"hydra.run.dir={whole}"])
    plain = files.replacing
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def scarce(path):
        if path.name == name:
            resource.setrlimit(resource.RLIMIT_FSIZE, (16, limits[1]))
        return plain(path)

    modules = [m for n, m in sys.modules.items() if n.startswith("vaescope")]
    with monkeypatch.context() as patch:
        for module in modules:
            if getattr(module, "replacing", None) is plain:
                patch.setattr(module, "replacing", scarce)
        try:
            with pytest.raises(SystemExit) as end:
                main(["train", *COMMAND, f"hydra.run.dir={folder}"])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert end.value.code == 1
    told = capsys.readouterr().err
    assert told.count("no space is left") == 1
    assert "Traceback" not in told
    assert not list(folder.rglob("*.new"))
    main(["train", *COMMAND, f"hydra.run.dir={folder}"])
    a, b = saved(whole), saved(folder)
    assert all(torch.equal(a["state_dict"][k], b["state_dict"][k]) for k in b["state_dict"])
    rows = [json.loads((f / "scores.json").read_text())["rows"] for f in (whole, folder)]
    assert rows[0] == rows[1]
    assert is_reported(folder)
    assert not (folder / "error.txt").exists()


def test_errors_that_are_none_of_a_disk_are_not_called_so():
    assert files.why_not_written(ValueError("no")) == ""
    assert files.why_not_written(OSError(errno.ENOENT, "no such file")) == ""
    error = RuntimeError("of torch, which wraps it")
    error.__context__ = OSError(errno.ENOSPC, "full", "a.bin")
    assert "a.bin" in files.why_not_written(error)


def test_unreadable_last_state_is_not_replaced(run):
    last = run / "checkpoints" / "last.ckpt"
    last.write_bytes(b"no checkpoint")
    (run / "checkpoints" / "best.ckpt").unlink()
    shutil.copyfile(last, run / "checkpoints" / "best.ckpt")
    with pytest.raises((DataError, ConfigError, SystemExit)):
        main(["train", f"resume={run}", "trainer.max_steps=9"])
    assert last.read_bytes() == b"no checkpoint"


def test_checkpoint_that_lightning_left_under_slurm_is_not_half_used(tiny, tmp_path):
    (tmp_path / "hpc_ckpt_1.ckpt").touch()
    with pytest.raises(RunFolderError, match="hpc_ckpt_1"):
        train(tiny(tmp_path, *QUICK, "trainer.max_steps=6"))
    assert Path(tmp_path / "hpc_ckpt_1.ckpt").exists()
