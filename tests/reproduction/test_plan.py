"""Which runs a paper's parts need, and what a scale changes in them."""

from pathlib import Path

import pytest
import yaml

from vaescope.config.loading import config_dir
from vaescope.errors import ConfigError
from vaescope.reproduction.plan import Run, chosen_parts, chosen_runs, planned_runs, runs_of
from vaescope.scores import LOGGED, name_of, record_of

CONF = Path(config_dir())
PAPERS = sorted(path.stem for path in (CONF / "paper").glob("*.yaml"))
MANY = 60  # runs, of which a fifth is composed
PLANS = {paper: yaml.safe_load((CONF / "paper" / f"{paper}.yaml").read_text()) for paper in PAPERS}


@pytest.mark.parametrize("paper", PAPERS)
class TestShippedPlans:
    def test_every_scale_plans_and_every_part_has_runs(self, paper):
        plan = PLANS[paper]
        for scale in plan["scales"]:
            runs = planned_runs(paper, plan, scale, CONF)
            assert all(runs_of(runs, plan, [part]) for part in plan["parts"])
            assert len({run.name for run in runs}) == len(runs)

    def test_tables_and_printed_numbers_are_of_what_there_is(self, paper):
        runs = planned_runs(paper, PLANS[paper], "full", CONF)
        for keys in PLANS[paper]["tables"].values():
            assert all(name_of(key) in LOGGED or record_of(key) for key in keys)
        for name, numbers in PLANS[paper]["printed"].items():
            stems = {f"{name}_{variant}" for variant in numbers}
            assert name == "random_decoder" or stems <= {run.name for run in runs}

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
            runs = {run.name: run for run in planned_runs(paper, PLANS[paper], scale, CONF)}
            for run in runs.values():
                needed = [name for name in (run.name, run.modification) if name]
                changed = any(runs[name].words != full[name].words for name in needed)
                assert bool(run.reduced) == changed or run.skipped

    def test_every_run_composes_without_problems(self, paper, config):
        from vaescope.config.checks import check

        for number, scale in enumerate(PLANS[paper]["scales"]):
            runs = planned_runs(paper, PLANS[paper], scale, CONF)
            if len(runs) > MANY:  # other ones at each scale
                runs = runs[number::5]
            for run in runs:
                if run.command == "modify":
                    check(config(*run.words, name="modify"))
                elif scale == "full" or (run.reduced and not run.skipped):
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


def test_a_scale_multiplies_what_is_swept(conf):
    times = [{"runs": "figure5_*", "swept_times": 0.5}, {"runs": "*_0.1", "swept_times": 10.0}]
    plan = PLAN | {"scales": PLAN["scales"] | {"small": [*PLAN["scales"]["small"], *times]}}
    runs = {run.name: run for run in planned_runs("p", plan, "small", conf)}
    assert runs["figure5_x_beta_0.1"].words[-1] == "model.beta=0.5"
    assert runs["figure5_x_beta_1"].words[-1] == "model.beta=0.5"


def test_later_changes_win_and_all_are_told(conf):
    runs = {run.name: run for run in planned_runs("p", PLAN, "small", conf)}
    assert set(runs["table1_a"].words) == {"trainer.max_steps=3", "model.beta=7"}
    assert runs["table1_a"].reduced == ("five", "three")
    assert runs["table1_b"].skipped == "no time"


VARIED = PLAN | {
    "copies": {"more_b": "table1_b"},
    "variants": {
        "*_b": {"original": [], "modified": ["data=modified", "data.path=small_change"]},
        "table1_*": {"never": []},
    },
    "modifications": {"small_change": ["data=panels", "epsilon=0.1"]},
    "scales": {
        "full": [],
        "small": [
            {"runs": "small_change", "words": ["epsilon=0.2"], "reduced": "more", "minutes": 3},
            {"runs": "*_original", "minutes": 2},
            {"runs": "more_*", "skip": "no time"},
        ],
    },
}


def test_variants_are_runs_of_the_first_pattern_and_copies_runs_of_another_experiment(conf):
    runs = {run.name: run for run in planned_runs("p", VARIED, "full", conf)}
    of_b = [name for name, run in runs.items() if run.experiment == "p_table1_b"]
    assert of_b == ["more_b_original", "more_b_modified", "table1_b_original", "table1_b_modified"]
    assert "table1_a_never" in runs
    assert runs["table1_b_original"].words == ()
    assert runs["table1_b_modified"].modification == "small_change"
    assert runs["small_change"].command == "modify"


def test_a_run_brings_the_modification_that_it_needs(conf):
    runs = planned_runs("p", VARIED, "full", conf)
    names = [run.name for run in chosen_runs(runs, "table1_b_modified")]
    assert names == ["small_change", "table1_b_modified"]
    assert [run.name for run in chosen_runs(runs, "table1_b_original")] == ["table1_b_original"]
    assert "small_change" in [run.name for run in runs_of(runs, VARIED, ["table1"])]
    small = planned_runs("p", VARIED | {"parts": {"x": ["more_*"]}}, "small", conf)
    assert "small_change" not in [r.name for r in runs_of(small, {"parts": {"x": ["more_*"]}}, "x")]


def test_a_scale_changes_variants_and_modifications_and_says_their_time(conf):
    runs = {run.name: run for run in planned_runs("p", VARIED, "small", conf)}
    assert set(runs["small_change"].words) == {"data=panels", "epsilon=0.2"}
    assert runs["small_change"].reduced == runs["table1_b_modified"].reduced == ("more",)
    assert runs["table1_b_original"].reduced == ()
    assert [runs[n].minutes for n in ("small_change", "table1_b_original", "table1_a_never")] == [
        *(3, 2, 0),
    ]


def test_a_set_that_nothing_makes_is_refused(conf):
    variants = {"*_b": {"modified": ["data=modified", "data.path=small_chang"]}}
    with pytest.raises(ConfigError, match=r"data\.path=small_chang: .*did you mean 'small_change'"):
        planned_runs("p", VARIED | {"variants": variants}, "full", conf)


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
