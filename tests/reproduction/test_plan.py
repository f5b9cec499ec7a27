"""Which runs a paper's parts need, and what a scale changes in them."""

from pathlib import Path

import pytest
import yaml

from vaescope.config.loading import config_dir
from vaescope.errors import ConfigError
from vaescope.reproduction.plan import Run, chosen_parts, chosen_runs, planned_runs, runs_of
from vaescope.scores import LOGGED, name_of

CONF = Path(config_dir())
PAPERS = sorted(path.stem for path in (CONF / "paper").glob("*.yaml"))
PLANS = {paper: yaml.safe_load((CONF / "paper" / f"{paper}.yaml").read_text()) for paper in PAPERS}


@pytest.mark.parametrize("paper", PAPERS)
class TestShippedPlans:
    def test_every_scale_plans_and_every_part_has_runs(self, paper):
        plan = PLANS[paper]
        for scale in plan["scales"]:
            runs = planned_runs(paper, plan, scale, CONF)
            assert all(runs_of(runs, plan, [part]) for part in plan["parts"])
            assert len({run.name for run in runs}) == len(runs)

    def test_every_experiment_belongs_to_a_part(self, paper):
        runs = planned_runs(paper, PLANS[paper], "full", CONF)
        assert runs_of(runs, PLANS[paper], list(PLANS[paper]["parts"])) == runs

    def test_full_scale_changes_nothing(self, paper):
        for run in planned_runs(paper, PLANS[paper], "full", CONF):
            assert not run.reduced
            assert not run.skipped

    def test_every_change_of_a_run_is_told(self, paper):
        for scale in PLANS[paper]["scales"]:
            full = {run.name: run for run in planned_runs(paper, PLANS[paper], "full", CONF)}
            for run in planned_runs(paper, PLANS[paper], scale, CONF):
                assert bool(run.reduced) == (run.words != full[run.name].words) or run.skipped

    def test_every_run_composes_without_problems(self, paper, config):
        from vaescope.config.checks import check

        for scale in PLANS[paper]["scales"]:
            for run in planned_runs(paper, PLANS[paper], scale, CONF):
                if scale == "full" or (run.reduced and not run.skipped):
                    check(config(f"experiment={run.experiment}", *run.words))


def test_published_values_are_of_scores_that_exist():
    for path in CONF.glob("experiment/*.yaml"):
        for key, value in yaml.safe_load(path.read_text()).get("published", {}).items():
            assert name_of(key) in LOGGED, path
            assert 1 <= len(value) <= 2, path


PLAN = {
    "parts": {"table1": ["table1_*"], "all": ["*"]},
    "sweeps": {"figure5_x": {"model.beta": [0.1, 1.0]}},
    "scales": {
        "full": [],
        "small": [
            {"runs": "*", "words": ["trainer.max_steps=5", "model.beta=7"], "reduced": "five"},
            {"runs": "table1_*", "words": ["trainer.max_steps=3"], "reduced": "three"},
            {"runs": "table1_b", "skip": "no time"},
        ],
        "wrong": [{"runs": "table9_*", "words": []}],
    },
}


@pytest.fixture
def conf(tmp_path):
    (tmp_path / "experiment").mkdir()
    for name in ("p_table1_a", "p_table1_b", "p_figure5_x", "q_table1_c"):
        (tmp_path / "experiment" / f"{name}.yaml").touch()
    return tmp_path


def test_a_sweep_is_one_run_a_value_and_keeps_its_value(conf):
    runs = {run.name: run for run in planned_runs("p", PLAN, "small", conf)}
    assert set(runs) == {"table1_a", "table1_b", "figure5_x_beta_0.1", "figure5_x_beta_1"}
    assert runs["figure5_x_beta_0.1"].words == ("trainer.max_steps=5", "model.beta=0.1")


def test_later_changes_win_and_all_are_told(conf):
    runs = {run.name: run for run in planned_runs("p", PLAN, "small", conf)}
    assert set(runs["table1_a"].words) == {"trainer.max_steps=3", "model.beta=7"}
    assert runs["table1_a"].reduced == ("five", "three")
    assert runs["table1_b"].skipped == "no time"


def test_parts_by_table_and_by_name(conf):
    runs = planned_runs("p", PLAN, "full", conf)
    assert chosen_parts(PLAN, None, None) == ["table1", "all"]
    assert chosen_parts(PLAN, 1, None) == ["table1"]
    assert [run.name for run in runs_of(runs, PLAN, ["table1"])] == ["table1_a", "table1_b"]
    assert isinstance(runs[0], Run)


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda conf: planned_runs("p", PLAN, "ful", conf), "scale=ful.*did you mean 'full'"),
        (lambda conf: planned_runs("p", PLAN, "wrong", conf), "table9"),
        (lambda conf: chosen_parts(PLAN, 3, None), "part=table3: there are table1, all"),
    ],
)
def test_what_a_plan_does_not_have_is_refused(conf, call, problem):
    with pytest.raises(ConfigError, match=problem):
        call(conf)


def test_only_names_runs_that_there_are():
    runs = [Run("table1_x_vae", ""), Run("table1_x_full", "", skipped="too long")]
    assert chosen_runs(runs, None) == runs
    assert chosen_runs(runs, "table1_*") == runs
    assert chosen_runs(runs, "*_vae") == runs[:1]
    with pytest.raises(ConfigError, match="only=nonsense: there are table1_x_vae, table1_x_full"):
        chosen_runs(runs, "nonsense")
    with pytest.raises(ConfigError, match=r"did you mean 'table1_x_vae'\?"):
        chosen_runs(runs, "table1_x_va")
    with pytest.raises(ConfigError, match="this scale leaves out table1_x_full: too long"):
        chosen_runs(runs, "table1_x_full")


@pytest.mark.parametrize("changes", [3, [3], [{"words": []}], {"runs": 1}])
def test_a_scale_that_changes_nothing_known_is_refused(tmp_path, changes):
    with pytest.raises(
        ConfigError, match=r"^config\.paper\.scales\.full: .* was given; give a list"
    ):
        planned_runs("cvpr2019", {"scales": {"full": changes}}, "full", tmp_path)
