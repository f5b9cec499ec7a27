"""A sweep is completed by the same command: nothing repeated, nothing lost, more added."""

import json
import shutil

import pytest

from vaescope.sweeps.journal import Journal
from vaescope.sweeps.launching import RecordedLauncher

TRAIN = ("train", "-m", "experiment=tiny", "logger=[]", "hydra.sweep.dir=s")
GROWN = ("train", "-m", "experiment=tiny", "logger=[]", "sweep.resume=s")


def folders(path):
    return {record.folder: record.overrides[-2:] for record in Journal(path / "s").records.values()}


def test_the_grid_grows_and_nothing_is_repeated(sweep, tmp_path):
    first = sweep(*TRAIN, "seed=0,1", "latent_dim=2")
    assert first.made == [(0, 2), (1, 2)]
    grown = sweep(*GROWN, "latent_dim=2,3", "seed=0,1,2")
    assert grown.made == [(2, 2), (0, 3), (1, 3), (2, 3)]
    assert "6 of 6 jobs finished" in grown.out
    placed = {f: sorted(words) for f, words in folders(tmp_path).items()}
    assert placed["1"] == ["latent_dim=2", "seed=1"]
    assert placed["2"] == ["latent_dim=2", "seed=2"]
    assert placed["5"] == ["latent_dim=3", "seed=2"]
    for folder, words in placed.items():  # each lies where the record says
        (row,) = json.loads((tmp_path / "s" / folder / "scores.json").read_text())["rows"]
        assert f"seed={row['seed']}" in words
    assert sweep(*GROWN, "latent_dim=2,3", "seed=0,1,2").made == []
    assert sweep(*TRAIN, "seed=0,1", "latent_dim=4", code=2).err.count("sweep.resume=") == 1


def test_what_is_lost_is_made_again_by_the_command_on_record(sweep, tmp_path):
    sweep(*TRAIN, "seed=0,1", "latent_dim=2")
    sweep(*GROWN, "seed=5,6", "latent_dim=2")
    shutil.rmtree(tmp_path / "s" / "1")
    (tmp_path / "s" / "2" / "scores.json").unlink()
    status = sweep("sweep", "status", "s")
    assert "2 of 4 jobs finished, 1 pending, 1 stopped" in status.out
    assert "go on with: vaescope sweep resume" in status.out
    assert sweep("sweep", "resume", "s").made == [(1, 2), (5, 2)]
    assert sweep("sweep", "status", "s").out.endswith("4 of 4 jobs finished\n")
    assert sweep("sweep", "resume", "s").made == []


def test_failed_jobs_are_told_and_run_again_when_asked(sweep, tmp_path):
    sweep.fails = lambda config: config.seed == 1
    told = sweep(*TRAIN, "seed=0,1,2", "latent_dim=2", code=1)
    assert told.made == [(0, 2), (1, 2), (2, 2)]
    assert "2 of 3 jobs finished, 1 failed" in told.out
    assert "seed 1 went wrong" in told.out
    sweep.fails = lambda config: False
    told = sweep("sweep", "resume", "s", code=1)
    assert told.made == []
    assert f"run it again with: vaescope sweep retry {tmp_path / 's'}" in told.err
    assert "failed jobs again: vaescope sweep retry" in sweep("sweep", "status", "s", code=1).out
    shutil.rmtree(tmp_path / "s" / "2")
    assert sweep("sweep", "retry", "s").made == [(1, 2), (2, 2)]
    assert sweep("sweep", "status", "s").out.endswith("3 of 3 jobs finished\n")


def test_latest_and_a_table_as_csv(sweep, tmp_path):
    sweep("train", "-m", "experiment=tiny", "logger=[]", "seed=0,1", "latent_dim=2")
    again = ("train", "-m", "experiment=tiny", "logger=[]", "sweep.resume=latest")
    assert sweep(*again, "seed=0,1,2", "latent_dim=2").made == [(2, 2)]
    told = sweep("sweep", "table", "csv=x.csv")
    assert "3 of 3 jobs finished" in told.out
    assert (tmp_path / "x.csv").read_text().count("\n") == 4


def test_the_value_of_a_finished_job_is_read_and_not_made_again(sweep, monkeypatch):
    returned = []
    plain = RecordedLauncher.launch

    def launch(self, *given, **named):
        found = plain(self, *given, **named)
        returned.append([job.return_value for job in found])
        return found

    monkeypatch.setattr(RecordedLauncher, "launch", launch)
    sweep(*TRAIN, "seed=0,1", "latent_dim=2", "objective=val/mig")
    sweep(*GROWN, "seed=0,1,2", "latent_dim=2", "objective=val/mig")
    assert returned == [[0.0, 0.1], [0.0, 0.1, 0.2]]


def test_two_words_for_the_same_job_make_it_once(sweep):
    assert sweep(*TRAIN, "seed=3", "latent_dim=2,${seed},3").made == [(3, 2), (3, 3)]


def test_the_folders_of_jobs_are_those_of_the_users_pattern(sweep, tmp_path):
    pattern = "hydra.sweep.subdir=d_${latent_dim}/${hydra:job.num}"
    sweep("train", "experiment=tiny", "--cfg", "job")  # whose job Hydra keeps in mind
    sweep(*TRAIN, "seed=0", "latent_dim=2,3", pattern)
    sweep(*GROWN, "seed=0,1", "latent_dim=2,3", pattern)
    assert [*folders(tmp_path)] == ["d_2/0", "d_3/1", "d_2/2", "d_3/3"]
    assert (tmp_path / "s" / "d_3" / "3" / "scores.json").is_file()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("train", "seed=1", "sweep.resume=s"), "with -m"),
        (("train", "-m", "seed=1,2", "sweep.resume=nowhere"), "is no sweep"),
        ((*TRAIN, "sweep.resume=s"), "leave out hydra.sweep.dir="),
        (("train", "-m", "sweep=locatello2019_beta_vae"), "say grid=locatello2019_beta_vae"),
        (("sweep", "begin", "s"), "there is no 'begin'"),
        (("sweep", "status", "s", "t"), "sweep status takes one DIR, not"),
        (("sweep", "status", "csv=x"), "sweep status takes one DIR, not"),
        (("sweep", "table", "nowhere"), "is no sweep"),
        (("sweep", "resume", "seed=3"), "sweep resume takes no settings"),
    ],
)
def test_mistakes_are_told(sweep, tmp_path, words, told):
    (tmp_path / "s").mkdir()
    Journal(tmp_path / "s").add_command([])
    assert told in sweep(*words, code=2).err


def test_usage(sweep):
    assert "status" in sweep("sweep").out
    assert sweep("sweep", "--help").out == sweep("sweep").out


@pytest.mark.parametrize(
    "word",
    [
        "+callbacks.x={_target_: os.system}",
        "+callbacks.x._target_=os.system",
        "hydra.launcher.setup=[rm]",
        "hydra.callbacks.x._target_=os.system",
        "hydra.searchpath=[/tmp/x]",
        "--config-dir=/tmp/x",
        "posterior.path=os.system",
        "output_dir=/home/me",
        "hydra.sweep.subdir=../../x",
        "callbacks.checkpoint.folder=/home/me",
        "logger.wandb.project=${oc.env:SECRET}",
        "model={a: 1}",
        "experiment=../../x",
        "hydra/launcher=${x}",
    ],
)
def test_a_strangers_command_runs_no_code(sweep, tmp_path, word):
    (tmp_path / "s").mkdir()
    Journal(tmp_path / "s").add_command(["-m", "seed=0,1", word])
    told = sweep("sweep", "resume", "s", code=1)
    assert "which a file may not say" in told.err
    assert "If the sweep is yours, repeat it: vaescope train -m seed=0,1" in told.err
    assert told.made == []


def test_the_cost_of_a_job_does_not_grow_with_their_number(sweep, monkeypatch, tmp_path):
    """Files opened for a job of a large sweep and of a small one, counted; also when resumed."""
    import builtins
    import io

    opened = []
    plain = io.open

    def counting(file, *given, **more):
        if str(tmp_path) in str(file):
            opened.append(str(file))
        return plain(file, *given, **more)

    costs = {}
    for number in (4, 16):
        with monkeypatch.context() as patch:
            patch.setattr(io, "open", counting)
            patch.setattr(builtins, "open", counting)
            words = (f"hydra.sweep.dir={tmp_path}/s{number}", f"seed=range({number})")
            for attempt in ("made", "resumed"):
                opened.clear()
                sweep("train", "-m", "experiment=tiny", "logger=[]", "latent_dim=2", *words)
                costs[number, attempt] = len(opened)
    for attempt in ("made", "resumed"):
        a_job = (costs[16, attempt] - costs[4, attempt]) / 12
        assert a_job <= {"made": 25, "resumed": 4}[attempt], costs
