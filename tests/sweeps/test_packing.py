"""Seeds of one setting as one ensemble: what is packed, and scores as those of single runs."""

import json

import pytest

from vaescope.sweeps.journal import JobRecord, Journal
from vaescope.sweeps.packing import pack_seeds, seed_of, units_of

TINY = (
    *("train", "-m", "experiment=tiny", "network=linear", "latent_dim=2", "logger=[]"),
    *("callbacks=[]", "trainer.accelerator=cpu", "trainer.precision=64-true", "threads=1"),
    *("statistics=[]", "trainer.max_steps=4", "hydra.sweep.dir=s"),
)


def without_seed(words):
    return " ".join(word for word in words if not word.startswith("seed="))


@pytest.fixture
def journal(tmp_path):
    made = Journal(tmp_path)
    pairs = [(beta, seed) for beta in (1, 2) for seed in (0, 1, 2, 5, 6, 9)]
    made.add_jobs(
        JobRecord(n, f"mark{n}", (f"seed={seed}", f"beta={beta}"), str(n))
        for n, (beta, seed) in enumerate(pairs)
    )
    return made


def test_seeds_that_follow_each_other_are_a_pack(journal):
    records = pack_seeds(journal, [*journal.records.values()], without_seed)
    assert [(r.folder, r.pack, r.seed) for r in records[:6]] == [
        ("0", (0, 3), 0),
        ("0", (0, 3), 1),
        ("0", (0, 3), 2),
        ("3", (5, 2), 5),
        ("3", (5, 2), 6),
        ("5", None, None),
    ]
    assert Journal(journal.folder).records == dict(enumerate(records))
    assert [unit.overrides for unit in units_of(journal, records)][:3] == [
        ["beta=1", "seed=0", "ensemble.size=3"],
        ["beta=1", "seed=5", "ensemble.size=2"],
        ["seed=9", "beta=1"],
    ]


def test_a_pack_stays_whole_and_what_was_begun_stays_single(journal):
    (journal.folder / "1").mkdir()
    records = pack_seeds(journal, [*journal.records.values()], without_seed)
    assert [r.pack for r in records[:6]] == [None, None, None, (5, 2), (5, 2), None]
    (unit,) = units_of(journal, [journal.records[4]])  # one of its members alone is missing
    assert [record.seed for record in unit.records] == [5, 6]
    again = pack_seeds(journal, [journal.records[3], journal.records[4]], without_seed)
    assert again == [journal.records[3], journal.records[4]]


def test_what_is_no_plain_seed_is_not_packed():
    assert seed_of(["seed=1", "seed=3"]) == 3
    assert seed_of(["seed=3", "ensemble.size=1"]) == 3
    for words in ([], ["seed=${x}"], ["seed=3", "ensemble.size=4"], ["seed=-1"]):
        assert seed_of(words) is None


@pytest.fixture
def run(command):
    return lambda *words, code=0: command(*words, code=code).out


def table(tmp_path, name="s"):
    rows = json.loads((tmp_path / name / "scores.json").read_text())["rows"]
    return [(row["job"], row["seed"], row["test/loss"]) for row in rows]


def test_scores_are_those_of_single_runs_and_the_sweep_is_resumed(run, tmp_path):
    run(*TINY, "seed=0,1", "model=vae,beta_vae", "sweep.pack=seed")
    packed = table(tmp_path)
    assert [name for name, _, _ in packed] == ["0:seed_0", "1:seed_0", "0:seed_1", "1:seed_1"]
    assert not (tmp_path / "s" / "2").exists()
    words = [w for w in TINY if not w.startswith("hydra.sweep.dir")]
    run(*words, "hydra.sweep.dir=single", "seed=0,1", "model=vae,beta_vae")
    single = table(tmp_path, "single")
    assert [seed for _, seed, _ in packed] == [seed for _, seed, _ in single]
    for (_, _, loss), (_, _, alone) in zip(packed, single, strict=True):
        assert loss == pytest.approx(alone, rel=1e-9)
    times = {p: p.stat().st_mtime_ns for p in tmp_path.glob("s/*/scores.json")}
    run(*words, "sweep.resume=s", "seed=0,1,2", "model=vae")  # without packs: they are known
    assert all(path.stat().st_mtime_ns == when for path, when in times.items())
    assert table(tmp_path)[-1][:2] == ("4", 2)


def test_what_can_be_no_ensemble_is_run_by_seeds(run, tmp_path):
    lacking = ("~optimizer.betas", "~optimizer.eps", "~optimizer.fused")
    words = ("seed=0,1", "optimizer._target_=torch.optim.Adafactor", *lacking, "sweep.pack=seed")
    told = run(*TINY, *words)
    assert "packs that can be no ensemble, run as single jobs: 1" in told
    assert "2 of 2 jobs finished" in told
    assert [name for name, _, _ in table(tmp_path)] == ["0", "1"]
    assert not (tmp_path / "s" / "0" / "error.txt").exists()


def test_only_seeds_are_packed(run, capsys):
    run(*TINY, "seed=0,1", "sweep.pack=model", code=1)
