"""What a sweep costs grows as its jobs do: work is counted, not timed."""

from collections import Counter

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl

from vaescope.config import choices
from vaescope.sweeps import states
from vaescope.sweeps.composing import ComposedOnce
from vaescope.sweeps.journal import Journal

COUNTED = {
    "files put together": (ConfigLoaderImpl, "load_configuration"),
    "choices of options": (ConfigLoaderImpl, "compute_defaults_list"),
    "configurations": (ComposedOnce, "_composed"),
    "scores read": (states, "read_scores"),
    "lines of the journal": (Journal, "_take"),
}
# for each job more; whatever is not named: nothing
COSTS = {
    "schedule": {"configurations": 1, "scores read": 1, "lines of the journal": 2},
    "resume": {"scores read": 2, "lines of the journal": 2},
    "table": {"scores read": 1, "lines of the journal": 1},
}


@pytest.fixture
def counts(monkeypatch):
    found = Counter()

    def counted(name, plain):
        def call(*given, **named):
            found[name] += 1
            return plain(*given, **named)

        return call

    for name, (owner, attribute) in COUNTED.items():
        monkeypatch.setattr(owner, attribute, counted(name, getattr(owner, attribute)))
    return found


def test_each_job_more_costs_the_same(sweep, counts):
    measured = {}
    for number in (4, 8, 16):
        choices._chosen.cache_clear()
        grid = (f"seed=range({number // 2})", "latent_dim=2,3", "experiment=tiny", "logger=[]")
        commands = {
            "schedule": ("train", "-m", *grid, f"hydra.sweep.dir=s{number}"),
            "resume": ("train", "-m", *grid, f"sweep.resume=s{number}"),
            "table": ("sweep", "table", f"s{number}"),
        }
        for step, words in commands.items():
            counts.clear()
            made = sweep(*words).made
            assert len(made) == (number if step == "schedule" else 0)
            measured[step, number] = Counter(counts)
    for step, costs in COSTS.items():
        for more, few, many in ((4, 4, 8), (8, 8, 16)):
            grown = measured[step, many] - measured[step, few]
            assert grown == Counter({name: more * cost for name, cost in costs.items()}), step
