"""wandb's workspace and report of a project, by the official ``wandb-workspaces``."""

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vaescope.dashboard.chart_sections import FIGURES, Chart, log_keys, sections
from vaescope.dashboard.wandb_account import STEP, logged_in
from vaescope.errors import ConfigError, first_line
from vaescope.files import write_json
from vaescope.scores import direction_of, heading


@dataclass(frozen=True)
class Views:
    """What the views of a project are about.

    Attributes:
        project: wandb project.
        entity: user or team; None: the account's own.
        title: heading of both.
        settings: dotted keys that runs differ in, ``model.beta``.
        scores: final scores beside them, ``mig`` or ``test/mig``.
        objective: the score by which the importance of settings is judged.
    """

    project: str
    entity: str | None
    title: str
    settings: Sequence[str]
    scores: Sequence[str]
    objective: str


def write_views(views: Views, folder: Path) -> list[Path]:
    """Write ``workspace.json`` and ``report.json`` as wandb's server takes them; nothing is sent.

    Raises:
        ConfigError: if ``wandb-workspaces`` is not installed.
    """
    _require_workspaces()
    contents = {"workspace": workspace(views), "report": report(views)}
    paths = []
    for name, content in contents.items():
        paths.append(folder / f"{name}.json")
        model = content._to_model()  # no public way to it: the version is pinned
        write_json(paths[-1], model.model_dump(mode="json", by_alias=True, exclude_none=True))
    return paths


def push_views(views: Views) -> list[str]:
    """Send both to the project on wandb's server.

    Returns:
        Their addresses.

    Raises:
        ConfigError: without a login, or if the server refuses.
    """
    _require_workspaces()
    if not logged_in():
        raise ConfigError("push=true needs an account: log in with `wandb login`, or leave it out")
    try:
        return [str(view.save().url) for view in (workspace(views), report(views, sent=True))]
    except Exception as error:  # of the network, of the server, of the account
        raise ConfigError(f"push=true: wandb refuses: {first_line(error)}") from error


def workspace(views: Views) -> Any:
    """A ``wandb_workspaces.workspaces.Workspace``: a section for each kind of score."""
    import wandb_workspaces.workspaces as ws

    found = [
        ws.Section(name=s.name, panels=[_line_plot(c) for c in s.charts], is_open=s.is_open)
        for s in sections()
    ]
    found += [
        ws.Section(name="figures", panels=_figure_panels(), is_open=True),
        ws.Section(name="sweep", panels=_sweep_panels(views), is_open=True),
    ]
    return ws.Workspace(
        name=views.title,
        entity=_entity(views),
        project=views.project,
        sections=found,
        settings=ws.WorkspaceSettings(x_axis=STEP),
        auto_generate_panels=False,
    )


def report(views: Views, *, sent: bool = False) -> Any:
    """A ``wandb_workspaces.reports.v2.Report``: the sweep first, then the open sections.

    Args:
        views: what it is about.
        sent: whether its runs are named by project, which asks the server; else the report's own.
    """
    import wandb_workspaces.reports.v2 as wr

    entity = _entity(views)
    runs: dict[str, Any] = {"entity": entity, "project": views.project} if sent else {}

    def grid(panels: list[Any]) -> Any:
        return wr.PanelGrid(runsets=[wr.Runset(**runs)], panels=panels)

    blocks = [
        wr.P("Made by `vaescope dashboard`. Runs are counted in updates; a summary has the best."),
        wr.H2("sweep"),
        grid(_sweep_panels(views)),
    ]
    for section in sections():
        if section.is_open:
            panels = [_line_plot(chart) for chart in section.charts]
            blocks += [wr.H2(section.name), wr.P(section.about), grid(panels)]
    blocks += [wr.H2("figures"), grid(_figure_panels())]
    return wr.Report(
        project=views.project, entity=entity, title=views.title, blocks=blocks, width="fluid"
    )


def _line_plot(chart: Chart) -> Any:
    import wandb_workspaces.reports.v2 as wr

    lines = {"metric_regex": chart.pattern} if chart.pattern else {"y": list(chart.keys)}
    return wr.LinePlot(title=chart.title, x=STEP, **lines)


def _figure_panels() -> list[Any]:
    import wandb_workspaces.reports.v2 as wr

    return [
        wr.MediaBrowser(title=name.replace("_", " "), media_keys=[f"figures/{name}"])
        for name in FIGURES
    ]


def _sweep_panels(views: Views) -> list[Any]:
    """Settings against scores, the importance of settings, MIG against DtO."""
    import wandb_workspaces.reports.v2 as wr

    columns = [
        wr.ParallelCoordinatesPlotColumn(metric=wr.Config(key), display_name=key)
        for key in views.settings
    ]
    columns += [
        wr.ParallelCoordinatesPlotColumn(
            metric=wr.SummaryMetric(key),
            display_name=heading(key),
            inverted=direction_of(key) == "minimize",  # so that the good end is up
        )
        for key in log_keys(views.scores)
    ]
    (objective,) = log_keys([views.objective])
    orthogonality, gap = "test/dto_active", "test/mig"
    return [
        wr.ParallelCoordinatesPlot(columns=columns, title="settings and scores"),
        wr.ParameterImportancePlot(with_respect_to=objective),
        wr.ScatterPlot(
            title="MIG against distance to orthogonality",
            x=wr.SummaryMetric(orthogonality),
            y=wr.SummaryMetric(gap),
            regression=True,
        ),
        *(
            wr.BarPlot(title=heading(key), metrics=[key], groupby="Group", groupby_aggfunc="mean")
            for key in log_keys(views.scores)
        ),
    ]


def _entity(views: Views) -> str:
    if views.entity is not None or not logged_in():
        return views.entity or ""
    import wandb

    return str(wandb.Api().default_entity or "")


def _require_workspaces() -> None:
    if importlib.util.find_spec("wandb_workspaces") is None:
        raise ConfigError(
            "vaescope dashboard needs the package wandb-workspaces: "
            "pip install 'vaescope[dashboard]'"
        )
