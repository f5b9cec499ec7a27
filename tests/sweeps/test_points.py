"""Points of a search space: recorded, resumed and grown as a grid is."""

import json

import numpy as np
import pytest

from vaescope.sweeps.journal import Journal
from vaescope.sweeps.points import random_points, sobol_points

TRAIN = ("train", "-m", "experiment=tiny", "logger=[]", "hydra.sweep.dir=s")
SPACE = ("model.beta=interval(1,16)", "latent_dim=int(interval(2,9))", "seed=0,1")


def words_of(path):
    return {n: record.overrides[-3:] for n, record in Journal(path / "s").records.items()}


@pytest.mark.parametrize("name", ["random", "sobol"])
def test_more_points_leave_those_before(sweep, tmp_path, name):
    chosen = (f"hydra/sweeper={name}", *SPACE)
    first = sweep(*TRAIN, *chosen, "hydra.sweeper.n=5")
    assert len(first.made) == 5
    before = words_of(tmp_path)
    assert sweep(*TRAIN, *chosen, "hydra.sweeper.n=5").made == []
    grown = sweep(*TRAIN, *chosen, "hydra.sweeper.n=7")
    assert len(grown.made) == 2
    assert "7 of 7 jobs finished" in grown.out
    assert {number: words_of(tmp_path)[number] for number in before} == before
    assert sweep("sweep", "resume", "s").made == []
    other = sweep(*TRAIN, *chosen, "hydra.sweeper.n=2", "hydra.sweeper.seed=1")
    assert len(other.made) == 2


def test_a_point_follows_from_seed_and_number():
    for draw in (random_points, sobol_points):
        points = draw(6, 3, 4)
        assert points.shape == (6, 3)
        assert ((points >= 0) & (points < 1)).all()
        assert np.array_equal(draw(50, 3, 4)[:6], points)
        assert not np.array_equal(draw(6, 3, 5), points)


def test_a_sobol_sequence_has_one_point_in_each_interval_of_each_axis():
    for seed in range(3):
        cells = (sobol_points(16, 3, seed) * 16).astype(int)
        assert all(sorted(axis) == list(range(16)) for axis in cells.T)
        boxes = (sobol_points(16, 2, seed) * 4).astype(int)  # 4 x 4 elementary boxes
        assert len({tuple(box) for box in boxes}) == 16


def test_failed_jobs_and_best_values_are_told_as_of_a_grid(sweep, tmp_path):
    sweep.fails = lambda config: config.seed == 1
    told = sweep(*TRAIN, "hydra/sweeper=random", "hydra.sweeper.n=4", *SPACE, code=1)
    assert "failed" in told.out
    rows = json.loads((tmp_path / "s" / "scores.json").read_text())["about"]
    assert 0 < rows["finished"] < rows["jobs"] == 4
