"""What a sweep that searches is told: a score of the validation part, and which end is good."""

import json
import math
import sys
from types import ModuleType
from typing import ClassVar

import pytest
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from omegaconf import OmegaConf

import hydra_plugins
from vaescope.callbacks import Objective
from vaescope.errors import ConfigError
from vaescope.scores import direction_of
from vaescope.scores.objective import objective_keys, objective_values
from vaescope.sweeps.search import steer

pytestmark = pytest.mark.usefixtures("no_figures")  # nobody reads them

TINY = (
    *(
        "experiment=tiny",
        "network=linear",
        "latent_dim=2",
        "logger=[]",
        "threads=1",
        "callbacks=[]",
    ),
    *("trainer.accelerator=cpu", "statistics=[disentanglement]", "trainer.max_steps=2"),
)


class Tries(Sweeper):
    """Runs the jobs one after the other and keeps what each gave."""

    returned: ClassVar[list] = []
    direction: ClassVar[str] = ""

    def __init__(self, direction="minimize"):
        Tries.returned, Tries.direction = [], direction

    def setup(self, *, hydra_context, task_function, config):
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments):
        for number in (0, 1):
            jobs = self.launcher.launch([[*arguments, f"seed={number}"]], number)
            Tries.returned += [job.return_value for job in jobs]


Tries.__module__ = "hydra_plugins.tries"  # where alone Hydra accepts one


@pytest.fixture
def search(command, monkeypatch):
    target = f"{Tries.__module__}.Tries"
    monkeypatch.setitem(sys.modules, "hydra_plugins.tries", ModuleType("hydra_plugins.tries"))
    monkeypatch.setattr(sys.modules["hydra_plugins.tries"], "Tries", Tries, raising=False)
    monkeypatch.setattr(hydra_plugins, "tries", sys.modules["hydra_plugins.tries"], raising=False)
    Plugins.instance().register(Tries)
    node = {"_target_": target, "direction": "minimize"}
    ConfigStore.instance().store(group="hydra/sweeper", name="tries", node=node, provider="test")

    def run(*words, code=0):
        words = ("hydra.sweep.dir=s", "hydra/sweeper=tries", *words)
        return command("train", "-m", *TINY, *words, code=code)

    yield run
    Plugins.instance().class_name_to_class.pop(target, None)


def validated(folder):
    (row,) = json.loads((folder / "objective.json").read_text())["rows"]
    return row


def test_a_search_is_told_the_score_of_the_validation_part(search, tmp_path):
    search("objective=val/mig", "callbacks=[evaluation]")
    rows = [validated(tmp_path / "s" / str(number)) for number in (0, 1)]
    assert Tries.direction == "maximize"
    assert Tries.returned == [row["val/mig"] for row in rows]
    assert [row["step"] for row in rows] == [2, 2]
    tested = [json.loads((tmp_path / f"s/{n}/scores.json").read_text())["rows"][0] for n in (0, 1)]
    assert Tries.returned != [row["test/mig"] for row in tested]
    about = json.loads((tmp_path / "s" / "scores.json").read_text())["about"]
    assert about == {"jobs": 2, "finished": 2}


def test_by_default_it_is_the_loss_of_the_validation_part(search, tmp_path):
    told = search()
    assert "to compare methods name a score: objective=val/mig" in told.out
    assert Tries.direction == "minimize"
    assert Tries.returned == [validated(tmp_path / "s" / str(n))["val/loss"] for n in (0, 1)]


def test_several_and_one_of_the_test_part(search, tmp_path):
    search("objective=[mig,test/loss]")
    (tested,) = json.loads((tmp_path / "s/1/scores.json").read_text())["rows"]
    assert Tries.returned[1] == (validated(tmp_path / "s" / "1")["val/mig"], tested["test/loss"])


def test_an_unknown_score_is_refused_before_the_first_update(command, tmp_path):
    words = ("callbacks=[evaluation]", "objective=val/migg", "hydra.run.dir=run")
    told = command("train", *TINY, *words, code=1)
    assert "config.objective: the run has no score 'migg'; did you mean 'mig" in told.err
    assert not (tmp_path / "run" / "scores.json").exists()


def test_a_score_that_is_missing_at_the_end_is_told_and_the_run_is_kept(command, tmp_path):
    told = command("train", *TINY, "objective=val/dto_active", "hydra.run.dir=run", code=1)
    assert "config.objective: the run has no score 'dto_active'; there are " in told.err
    assert "mig" in told.err
    assert (tmp_path / "run" / "report.html").is_file()


@pytest.mark.parametrize("value", ["[]", "3", "[1,mig]", "held_out/mig", "val/", "[mig,val/mig]"])
def test_what_names_no_scores_is_refused(config, value):
    from vaescope.config.checks import check

    with pytest.raises(ConfigError, match=r"config\.objective: "):
        check(config(f"objective={value}"))


def test_names_of_scores():
    assert objective_keys("mig") == ["val/mig"]
    assert objective_keys(["align/dto", "val/mig", "test/mig"]) == [
        "val/dto",
        "val/mig",
        "test/mig",
    ]
    assert Objective(["mig"], "folder", {}).keys == ["val/mig"]


def test_values_are_means_over_seeds_and_never_of_the_wrong_part():
    tested = [{"test/mig": 0.5, "seed": 0}]
    validated = [{"val/mig": 0.1, "align/dto": 3.0, "seed": 0}, {"val/mig": 0.3, "seed": 1}]
    keys = ["val/mig", "val/dto", "test/mig", "val/udr", "test/dto"]
    told = objective_values(keys, tested, validated)
    assert told == {
        "val/mig": pytest.approx(0.2),
        "val/dto": 3.0,
        "test/mig": 0.5,
        "val/udr": None,
        "test/dto": None,
    }
    assert math.isnan(objective_values(["val/mig"], [], [{"val/mig": math.nan}])["val/mig"])


@pytest.mark.parametrize(
    ("key", "direction"),
    [
        *(("val/mig", "maximize"), ("val/loss", "minimize"), ("val/dto_active", "minimize")),
        *(("val/dci_disentanglement", "maximize"), ("val/dci_gbt_completeness", "maximize")),
        *(("val/jemmig", "minimize"), ("val/kl_total", None), ("val/mig_chance", None)),
    ],
)
def test_the_good_end_is_that_of_the_scores_own_record(key, direction):
    assert direction_of(key) == direction


@pytest.mark.parametrize(
    ("objective", "words", "sweeper", "steered"),
    [
        ("val/mig", [], {"direction": "minimize"}, {"direction": "maximize"}),
        ("val/loss", [], {"direction": "minimize"}, {"direction": "minimize"}),
        (None, [], {"direction": "minimize"}, {"direction": "minimize"}),
        (["mig", "loss"], [], {"direction": "minimize"}, {"direction": ["maximize", "minimize"]}),
        (
            "val/mig",
            ["hydra.sweeper.direction=minimize"],
            {"direction": "minimize"},
            {"direction": "minimize"},
        ),
        ("val/kl_total", [], {"direction": "minimize"}, {"direction": "minimize"}),
        ("val/mig", [], {"optim": {"maximize": False}}, {"optim": {"maximize": True}}),
        (
            "val/mig",
            [],
            {"ax_config": {"experiment": {"minimize": True}}},
            {"ax_config": {"experiment": {"minimize": False}}},
        ),
        ("val/mig", [], {"other": 1}, {"other": 1}),
        (["", 3], [], {"direction": "minimize"}, {"direction": "minimize"}),
    ],
)
def test_the_sweeper_is_told_the_good_end(objective, words, sweeper, steered):
    hydra = {"sweeper": sweeper, "overrides": {"hydra": words}}
    config = OmegaConf.create({"objective": objective, "hydra": hydra})
    OmegaConf.set_readonly(config, True)
    steer(config)
    assert config.hydra.sweeper == steered
