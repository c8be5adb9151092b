"""A dashboard's description turned into Grafana's JSON, through the builders of Grafana's own schema."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders import (
    barchart,
    bargauge,
    common,
    dashboard,
    heatmap,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common as looks
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from infra.warehouse.queries import named_statements
from scripts.dashboards.runbook import link
from scripts.dashboards.spec import Dashboard, Mark, Metric, Panel, Placed, Rows, Variable, placed

PROMETHEUS = looks.DataSourceRef(type_val="prometheus", uid="signaltape-prometheus")
POSTGRES = looks.DataSourceRef(type_val="grafana-postgresql-datasource", uid="signaltape-postgres")
TAG = "signaltape"
_QUERIES = Path(__file__).with_name("queries.sql")
STATEMENTS = named_statements(_QUERIES.read_text(), _QUERIES.name)
_NAMES = "ABCDEFGH"


class SqlQuery(Dataquery):
    """A statement for the Postgres data source, whose schema the SDK does not have."""

    def __init__(self, statement: str, place: str, *, series: bool) -> None:
        self._fields: dict[str, object] = {
            "datasource": POSTGRES, "editorMode": "code", "format": "time_series" if series else "table",
            "rawQuery": True, "rawSql": statement, "refId": place,
        }  # fmt: skip

    def build(self) -> "SqlQuery":
        """As the SDK's builders: the thing itself."""
        return self

    def to_json(self) -> dict[str, object]:
        """As the SDK's models."""
        return self._fields


def to_json(found: Dashboard, first_id: int = 1) -> str:
    """Return the file's text: stable keys, one fixed order, ids counted from ``first_id``."""
    return text_of(built(found, first_id))


def text_of(built_dashboard: model.Dashboard) -> str:
    """Return a dashboard as the text of its file."""
    return json.dumps(built_dashboard, cls=JSONEncoder, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def built(found: Dashboard, first_id: int = 1) -> model.Dashboard:
    """Return the dashboard as the SDK's model."""
    builder = frame(found.uid, found.title, found.description, found.since, found.refresh)
    builder.variables([_variable(one) for one in found.variables])
    builder.annotations([_mark(one) for one in found.marks])
    result, number, line = builder.build(), first_id, 0
    panels: list[Any] = []
    for section in found.sections:
        panels.append(heading(section.title, number, line))
        below, line = placed(section, line + 1)
        panels += [_panel(one, number + 1 + at) for at, one in enumerate(below)]
        number += 1 + len(below)
    result.panels = panels
    return result


def frame(uid: str, title: str, description: str, since: str, refresh: str) -> dashboard.Dashboard:
    """Return a dashboard without panels: times in UTC as everywhere, the crosshair shared, links to the others."""
    others = dashboard.DashboardLink("signaltape").type(model.DashboardLinkType.DASHBOARDS).tags([TAG])
    builder = dashboard.Dashboard(title).uid(uid).description(description).tags([TAG]).timezone("utc").readonly()
    builder = builder.tooltip(model.DashboardCursorSync.CROSSHAIR).time(since, "now").refresh(refresh)
    return builder.link(others.as_dropdown(True).include_vars(True).keep_time(True).icon("external link"))


def heading(title: str, number: int, line: int) -> model.RowPanel:
    """Return an open row whose panels follow it."""
    place = model.GridPos(x=0, y=line, w=24, h=1)
    row = dashboard.Row(title).id(number).grid_pos(place).collapsed(False).build()
    row.type_val = "row"
    return row


def _panel(one: Placed, number: int) -> model.Panel:
    panel = one.panel
    builder = _BUILDERS[panel.kind](panel)
    source = PROMETHEUS if isinstance(panel.queries[0], Metric) else POSTGRES
    builder = builder.id(number).title(panel.title).description(f"{panel.shows}\n\n**Do:** {panel.do}")
    builder = builder.links([link(panel.runbook)]).datasource(source).targets(_targets(panel))
    builder = builder.grid_pos(model.GridPos(x=one.x, y=one.y, w=panel.width, h=one.height))
    if panel.kind != "heatmap":
        builder = builder.unit(panel.unit)
    if panel.least is not None:
        builder = builder.min(panel.least)
    if panel.most is not None:
        builder = builder.max(panel.most)
    if panel.steps:
        steps = [model.Threshold(value=value, color=colour) for value, colour in panel.steps]
        builder = builder.thresholds(dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps))
    if panel.words:
        builder = builder.mappings([_words(panel.words)])
    for column, unit in panel.units:
        builder = builder.override_by_name(column, [model.DynamicConfigValue(id_val="unit", value=unit)])
    built_panel: model.Panel = builder.build()
    return built_panel


def _targets(panel: Panel) -> list[Any]:
    found: list[Any] = []
    queries: Sequence[Metric | Rows] = panel.queries
    for place, query in zip(_NAMES, queries, strict=False):
        if isinstance(query, Rows):
            found.append(SqlQuery(STATEMENTS[query.name], place, series=query.series))
            continue
        target = prometheus.Dataquery().expr(query.expr).legend_format(query.legend).ref_id(place)
        target = target.datasource(PROMETHEUS)
        if panel.kind == "heatmap":
            target = target.format(PromQueryFormat.HEATMAP)
        elif panel.kind == "table":
            target = target.format(PromQueryFormat.TABLE)
        found.append(target.instant() if query.instant else target.range())
    assert len(found) == len(queries), f"{panel.title}: more queries than names for them"
    return found


def _words(words: Sequence[tuple[float, str, str]]) -> model.ValueMap:
    options = {
        f"{value:g}": model.ValueMappingResult(text=text, color=colour, index=at)
        for at, (value, text, colour) in enumerate(words)
    }
    return model.ValueMap(options=options)


def _lines(panel: Panel) -> Any:
    stacked = panel.kind == "stacked"
    legend = common.VizLegendOptions().show_legend(True).placement(looks.LegendPlacement.BOTTOM)
    legend = legend.display_mode(looks.LegendDisplayMode.LIST)
    tooltip = common.VizTooltipOptions().mode(looks.TooltipDisplayMode.MULTI).sort(looks.SortOrder.DESCENDING)
    builder = timeseries.Panel().legend(legend).tooltip(tooltip).line_width(1).fill_opacity(25 if stacked else 5)
    builder = builder.show_points(looks.VisibilityMode.AUTO)
    if stacked:
        builder = builder.stacking(common.StackingConfig().mode(looks.StackingMode.NORMAL))
    if panel.steps:
        style = common.GraphThresholdsStyleConfig().mode(looks.GraphThresholdsStyleMode.DASHED)
        builder = builder.thresholds_style(style)
    return builder


def _stat(panel: Panel) -> Any:
    reduce = common.ReduceDataOptions().calcs(["lastNotNull"])
    colours = looks.BigValueColorMode.BACKGROUND if panel.steps else looks.BigValueColorMode.NONE
    return stat.Panel().reduce_options(reduce).color_mode(colours).graph_mode(looks.BigValueGraphMode.AREA)


def _gauges(_: Panel) -> Any:
    reduce = common.ReduceDataOptions().calcs(["lastNotNull"])
    builder = bargauge.Panel().reduce_options(reduce).orientation(looks.VizOrientation.HORIZONTAL)
    return builder.display_mode(looks.BarGaugeDisplayMode.BASIC).value_mode(looks.BarGaugeValueMode.COLOR)


def _table(_: Panel) -> Any:
    return table.Panel().show_header(True).filterable(True)


def _heatmap(panel: Panel) -> Any:
    colours = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Oranges").steps(64)
    return heatmap.Panel().calculate(False).color(colours).y_axis(heatmap.YAxisConfig().unit(panel.unit))


def _states(_: Panel) -> Any:
    builder = statetimeline.Panel().merge_values(True).show_value(looks.VisibilityMode.NEVER).row_height(0.9)
    return builder.line_width(0).fill_opacity(70)


def _bars(_: Panel) -> Any:
    return barchart.Panel().stacking(looks.StackingMode.NORMAL).fill_opacity(70)


_BUILDERS = {
    "lines": _lines, "stacked": _lines, "stat": _stat, "gauges": _gauges, "table": _table, "heatmap": _heatmap,
    "states": _states, "bars": _bars,
}  # fmt: skip


def _variable(one: Variable) -> dashboard.QueryVariable:
    """Several values default to all; Prometheus gets those as a pattern, SQL as a list of literals."""
    builder = dashboard.QueryVariable(one.name).label(one.label).sort(model.VariableSort.ALPHABETICAL_ASC)
    builder = builder.refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED).multi(one.several).include_all(one.several)
    builder = builder.allow_custom_value(False)
    if one.labels:
        query = {"query": f"label_values({one.labels})", "refId": one.name, "qryType": 1}
        builder = builder.datasource(PROMETHEUS).all_value(".*").query(query)
    else:
        builder = builder.datasource(POSTGRES).query(STATEMENTS[one.rows])
    if one.several:
        builder = builder.current(model.VariableOption(text="All", value="$__all", selected=True))
    return builder


def _mark(one: Mark) -> dashboard.AnnotationQuery:
    builder = dashboard.AnnotationQuery().name(one.title).datasource(POSTGRES).enable(True).icon_color(one.colour)
    target: Any = SqlQuery(STATEMENTS[one.rows], "Anno", series=False)
    builder._internal.target = target  # the SDK knows another source's alone
    return builder
