"""wandb's workspace and report of a project: every score has its chart, and they round-trip."""

import json
import re

import pytest

pytest.importorskip("wandb_workspaces", reason="pip install 'vaescope[dashboard]'")

import wandb_workspaces.reports.v2 as wr
import wandb_workspaces.workspaces as ws
from wandb_workspaces.reports.v2.internal import ReportViewspec
from wandb_workspaces.workspaces.internal import View

from vaescope.dashboard import chart_sections as made
from vaescope.dashboard import wandb_views
from vaescope.dashboard.wandb_views import Views, push_views, write_views
from vaescope.errors import ConfigError
from vaescope.scores import LOGGED, PANEL_SCORES
from vaescope.scores.record import high

VIEWS = Views("p", "team", "title", ["model.beta", "seed"], ["mig", "dto_active"], "mig")


@pytest.fixture(autouse=True)
def nobody(monkeypatch):
    """No account, whatever the machine has."""
    monkeypatch.setattr(wandb_views, "logged_in", lambda: False)


@pytest.fixture
def written(tmp_path):
    return {path.stem: json.loads(path.read_text()) for path in write_views(VIEWS, tmp_path)}


def panels(content):
    """All panels of a view, as wandb's server takes them."""
    if isinstance(content, dict):
        if "viewType" in content:
            yield content
        for value in content.values():
            yield from panels(value)
    elif isinstance(content, list):
        for value in content:
            yield from panels(value)


def test_workspace_round_trips(written):
    read = ws.Workspace._from_model(View.model_validate(written["workspace"]))
    names = ["disentanglement", "alignment", "loss terms", "latents", "score panel"]
    assert [section.name for section in read.sections] == [*names, "figures", "sweep"]
    assert (read.entity, read.project, read.name) == ("team", "p", "title")
    assert (
        read._to_model().model_dump(mode="json", by_alias=True, exclude_none=True)
        == written["workspace"]
    )


def test_report_round_trips(written):
    read = wr.Report._from_model(ReportViewspec.model_validate(written["report"]))
    heads = [block.text for block in read.blocks if isinstance(block, wr.H2)]
    names = ["disentanglement", "alignment", "loss terms", "latents"]
    assert [h if isinstance(h, str) else h[0] for h in heads] == ["sweep", *names, "figures"]
    again = read._to_model().model_dump(mode="json", by_alias=True, exclude_none=True)
    assert again["spec"]["blocks"] == written["report"]["spec"]["blocks"]


def test_every_logged_score_has_a_chart(written):
    shown = [panel["config"] for panel in panels(written["workspace"])]
    keys = {key for config in shown for key in config.get("metrics") or ()}
    patterns = [c["metricRegex"] for c in shown if c.get("metricRegex")]
    for score in (*LOGGED.values(), *PANEL_SCORES.values()):
        key = f"{score.group}/{score.name}"
        if score.name.endswith("_*"):
            example = key.replace("*", "03")
            assert any(re.search(pattern, example) for pattern in patterns), key
        else:
            assert key in keys or f"train/{score.name}" in keys, key


def test_a_new_score_has_a_chart_by_its_record_alone(monkeypatch):
    new = high("new_score", "a new one", symbol="New")
    monkeypatch.setitem(made.STATISTICS, "new", (new,))
    charts = next(section.charts for section in made.sections())
    assert made.Chart("New", ("val/new_score",)) in charts


def test_scores_stand_beside_chance_and_ceiling():
    (mig,) = [c for s in made.sections() for c in s.charts if "val/mig" in c.keys]
    assert mig == made.Chart("MIG", ("val/mig", "val/mig_chance", "val/mig_ceiling"))


def test_sweep_shows_settings_against_scores_with_the_good_end_up(written):
    by_kind = {panel["viewType"]: panel["config"] for panel in panels(written["workspace"])}
    axes = by_kind["Parallel Coordinates Plot"]["columns"]
    assert [(axis["accessor"], axis.get("inverted") or False) for axis in axes] == [
        ("config:model.value.beta", False),
        ("config:seed.value", False),
        ("summary:test/mig", False),
        ("summary:test/dto_active", True),
    ]
    scatter = by_kind["Scatter Plot"]
    assert (scatter["xAxis"], scatter["yAxis"]) == ("summary:test/dto_active", "summary:test/mig")
    assert by_kind["Parameter Importance"]["targetKey"] == "test/mig"


def test_nothing_is_sent_without_an_account():
    with pytest.raises(ConfigError, match="push=true needs an account: log in with `wandb login`"):
        push_views(VIEWS)


def test_what_the_server_refuses_is_one_sentence(monkeypatch):
    def refuse(self):
        raise OSError("no route to host\nmore")

    monkeypatch.setattr(wandb_views, "logged_in", lambda: True)
    monkeypatch.setattr(ws.Workspace, "save", refuse)
    with pytest.raises(ConfigError) as told:
        push_views(VIEWS)
    assert str(told.value) == "push=true: wandb refuses: no route to host"


def test_command_writes_both(tmp_path, capsys, monkeypatch):
    from vaescope.cli import main

    monkeypatch.chdir(tmp_path)
    main(["dashboard", "project=mine", "output_dir=out", "scores=[mig]"])
    assert json.loads((tmp_path / "out" / "workspace.json").read_text())["project"] == "mine"
    assert "report.json" in capsys.readouterr().out


def test_missing_package_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'vaescope\[dashboard\]'"):
        write_views(VIEWS, tmp_path)
