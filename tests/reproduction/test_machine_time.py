"""How long a paper's runs take follows from its plan and from speeds."""

from pathlib import Path

import pytest
import yaml

from vaescope.config.loading import config_dir
from vaescope.reproduction.machine_time import in_all, seed_updates, with_times
from vaescope.reproduction.plan import Run, planned_runs

CONF = Path(config_dir())


def planned(paper, scale):
    plan = yaml.safe_load((CONF / "paper" / f"{paper}.yaml").read_text())
    return plan, {run.name: run for run in planned_runs(paper, plan, scale, CONF)}


@pytest.mark.parametrize(
    ("paper", "scale", "name", "expected"),
    [
        ("cvpr2019", "full", "table1_synthetic_linear_beta_vae", 600 * (40_000 // 64) * 20),
        ("cvpr2019", "full", "table1_dsprites_full", 50 * (589_824 // 64) * 20),
        ("cvpr2019", "cpu", "table1_dsprites_full", 2000 * 2),
        ("icml2021", "full", "table1_dsprites_beta_vae_noise", 300_000 * 10),
        ("icml2021", "full", "table1_dsprites_weakly_supervised_gan_noise", 500_000 * 10),
        ("icml2021", "quick", "panels_beta_vae_original", 5000 * 10),
        ("icml2021", "quick", "modification_panels", 0),
        ("cascade", "full", "linear_up", 60_000 * 10),
    ],
)
def test_updates_of_all_seeds(paper, scale, name, expected):
    plan, runs = planned(paper, scale)
    assert seed_updates(runs[name], plan, CONF) == expected


def test_times_are_updates_over_speed_and_what_a_scale_says_stays():
    plan, runs = planned("cvpr2019", "small")
    plan["speeds"] = [{"runs": "*", "core": 1, "h100": 10}, {"runs": "*_full", "core": 50}]
    timed = {run.name: run for run in with_times(runs.values(), plan, CONF)}
    row = timed["table1_dsprites_full"]
    assert row.minutes == runs["table1_dsprites_full"].minutes > 0
    assert row.h100_minutes == pytest.approx(6000 * 5 / 10 / 60)
    plan, runs = planned("cvpr2019", "full")
    plan["speeds"] = [{"runs": "*", "core": 1}, {"runs": "*_full", "core": 50}]
    (row,) = with_times([runs["table1_dsprites_full"]], plan, CONF)
    assert row.minutes == pytest.approx(460_800 * 20 / 50 / 60)
    assert row.h100_minutes == 0


def test_in_words():
    runs = [Run("a", "", minutes=300, h100_minutes=5), Run("b", "", minutes=60, h100_minutes=20)]
    assert in_all(runs) == "6 hours of a core, or 25 minutes of an H100"
    # one of two cores has to make the longest
    assert in_all(runs, jobs=2).startswith("5 hours where each has a core of its own")
    assert in_all([*runs, Run("c", "", h100_minutes=5)]) == "30 minutes of an H100"
    assert in_all([*runs, Run("c", "")]) == ""
