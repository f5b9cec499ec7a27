"""How numbers of one or several seeds reach loggers, callbacks and ``metrics.csv``."""

import csv
from types import SimpleNamespace

import pytest
from pytorch_lightning.loggers import Logger

from vaescope.callbacks import publish, summary
from vaescope.loggers import MetricsFile


class Memory(Logger):
    """Keeps what it is given."""

    name, version = "memory", ""

    def __init__(self):
        super().__init__()
        self.given = []

    def log_metrics(self, metrics, step=None):
        self.given.append((step, metrics))

    def log_hyperparams(self, params, *args, **kwargs):
        pass


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_one_model_keeps_its_keys():
    assert summary({7: {"val/loss": 1.5}}) == {"val/loss": 1.5}


def test_several_models_have_means_spreads_and_their_own_keys():
    found = summary({3: {"val/loss": 1.0, "align/c_ima": 0.5}, 4: {"val/loss": 2.0}})
    assert found == {
        "val/loss": 1.5,
        "val/loss_std": pytest.approx(0.5**0.5),
        "align/c_ima": 0.5,  # of the one that has it
        "align/c_ima_std": 0.0,
        "seed_3/val/loss": 1.0,
        "seed_3/align/c_ima": 0.5,
        "seed_4/val/loss": 2.0,
    }


def test_published_numbers_reach_loggers_the_file_and_callbacks(tmp_path):
    memory, file = Memory(), MetricsFile(str(tmp_path))
    trainer = SimpleNamespace(loggers=[memory, file], callback_metrics={})
    publish(trainer, {0: {"val/loss": 1.0}, 1: {"val/loss": 3.0}}, 5)
    file.save()
    assert memory.given[0][0] == 5
    assert memory.given[0][1]["val/loss"] == 2.0
    assert float(trainer.callback_metrics["val/loss"]) == 2.0
    assert [(row["seed"], row["val/loss"]) for row in rows(tmp_path / "metrics.csv")] == [
        ("0", "1.0"),
        ("1", "3.0"),
    ]


def test_a_file_of_several_seeds_has_a_row_of_each_step_and_seed(tmp_path):
    file = MetricsFile(str(tmp_path))
    file.log_rows({1: {"train/loss": 1.0}, 0: {"train/loss": 2.0}}, 5)
    file.log_rows({0: {"val/loss": 3.0}}, 5)  # joins the row that is there
    file.log_rows({0: {"train/loss": 4.0}}, 2)
    file.save()
    found = [tuple(row.values()) for row in rows(tmp_path / "metrics.csv")]
    assert list(rows(tmp_path / "metrics.csv")[0]) == ["step", "seed", "train/loss", "val/loss"]
    assert found == [("2", "0", "4.0", ""), ("5", "0", "2.0", "3.0"), ("5", "1", "1.0", "")]


def test_a_resumed_file_keeps_every_seed_up_to_the_step(tmp_path):
    file = MetricsFile(str(tmp_path))
    for step in (5, 10):
        file.log_rows({seed: {"train/loss": step + seed / 10} for seed in (0, 1)}, step)
    file.log_rows({seed: {"test/loss": 1.0} for seed in (0, 1)}, 10)
    file.save()
    resumed = MetricsFile(str(tmp_path))
    resumed.resume(10)
    resumed.log_rows({0: {"train/loss": 15.0}}, 15)
    resumed.save()
    found = [
        (row["step"], row["seed"], row["train/loss"]) for row in rows(tmp_path / "metrics.csv")
    ]
    assert found == [
        *[("5", "0", "5.0"), ("5", "1", "5.1"), ("10", "0", "10.0"), ("10", "1", "10.1")],
        ("15", "0", "15.0"),
    ]
    assert "test/loss" not in rows(tmp_path / "metrics.csv")[0]  # the run has not ended
    earlier = MetricsFile(str(tmp_path))
    earlier.resume(5)
    earlier.log_rows({}, 5)
    earlier.log_rows({0: {"val/loss": 1.0}}, 5)
    earlier.save()
    assert [row["step"] for row in rows(tmp_path / "metrics.csv")] == ["5", "5"]
