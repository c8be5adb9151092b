"""Dashboards and provisioning as files: current, of Grafana's schema, laid out, explained, and of names that exist."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from prometheus_client import REGISTRY

import infra.telemetry.metrics  # noqa: F401  (registers every metric of the project)
from scripts.dashboards.__main__ import DASHBOARDS, FOLDER, RUNBOOK_COPY, files
from scripts.dashboards.promql import buckets, growths, or_none, quantiles, rates
from scripts.dashboards.rendering import STATEMENTS
from scripts.dashboards.runbook import CHAPTERS, NUMBERS, UID, chapters
from scripts.dashboards.spec import Metric, Panel, Rows, Section, placed
from signaltape.cli import COMMANDS, load

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[3]
GRAFANA = ROOT / "infra" / "grafana"
NAMES = [*DASHBOARDS, "runbook.json"]
SPECIFIED = [
    pytest.param(panel, id=f"{name.removesuffix('.json')}: {panel.title}")
    for name, found in DASHBOARDS.items()
    for section in found.sections
    for panel in section.panels
]


def loaded(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / name).read_text())
    return found


def panels(name: str) -> list[dict[str, Any]]:
    return [panel for panel in loaded(name)["panels"] if panel["type"] != "row"]


def test_files_are_what_is_described() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(files())
    for name, text in files().items():
        assert (FOLDER / name).read_text() == text, f"{name} is not current: run `make dashboards`"


@pytest.mark.parametrize("name", NAMES)
def test_the_schema_of_grafana_knows_every_field(name: str) -> None:
    """Read and written by the models of grafana-foundation-sdk, which drop what they don't know: nothing is lost.

    They have no schema for queries in SQL: those are kept as they are, and those of annotations set aside.
    """
    plugins.register_default_plugins()
    before = loaded(name)
    after = json.loads(json.dumps(Dashboard.from_json(loaded(name)), cls=JSONEncoder))
    for found in (before, after):
        for mark in found["annotations"].get("list", ()):
            mark.pop("target")
    assert after == before


def test_and_it_would_miss_a_field_that_is_misspelt() -> None:
    plugins.register_default_plugins()
    broken = loaded("signals.json")
    broken["panels"][1]["fieldConfig"]["defaults"]["untit"] = "cps"
    broken["panels"][1]["gridPoz"] = {}
    assert json.loads(json.dumps(Dashboard.from_json(broken), cls=JSONEncoder)) != broken


@pytest.mark.parametrize("name", NAMES)
def test_panels_stand_side_by_side_within_24_columns(name: str) -> None:
    cells: dict[tuple[int, int], str] = {}
    for panel in loaded(name)["panels"]:
        place = panel["gridPos"]
        x, y, w, h = (place.get(key, 0) for key in "xywh")
        assert x >= 0
        assert x + w <= 24, panel["title"]
        assert min(w, h) > 0
        for cell in ((column, line) for column in range(x, x + w) for line in range(y, y + h)):
            assert cells.setdefault(cell, panel["title"]) == panel["title"], f"{panel['title']} over {cells[cell]}"
    lines = {line for _, line in cells}
    assert lines == set(range(len(lines))), "an empty line"


def test_a_section_goes_on_to_the_next_line() -> None:
    one = Panel(kind="stat", title="", shows="", do="", runbook="", queries=(), width=10)
    found, below = placed(Section(title="", height=4, panels=(one, one, one)), 7)
    assert [(panel.x, panel.y) for panel in found] == [(0, 7), (10, 7), (0, 11)]
    assert below == 15


@pytest.mark.parametrize("name", NAMES)
def test_every_id_is_there_once_and_addresses_are_fixed(name: str) -> None:
    ids = [panel["id"] for panel in loaded(name)["panels"]]
    assert len(ids) == len(set(ids))
    assert loaded(name)["uid"] == f"signaltape-{name.removesuffix('.json')}"
    assert loaded(name)["timezone"] == "utc"


@pytest.mark.parametrize("panel", SPECIFIED)
def test_a_panel_says_what_it_shows_what_to_do_and_where_to_read_on(panel: Panel) -> None:
    assert len(panel.shows) > 30
    assert panel.shows.endswith(".")
    assert len(panel.do) > 15
    assert panel.runbook in NUMBERS, "no such section in docs/runbook.md"
    assert panel.unit
    assert panel.queries
    if panel.steps:
        values = [value for value, _ in panel.steps]
        assert values[0] is None
        assert values[1:] == sorted(values[1:], key=lambda one: one or 0.0)


@pytest.mark.parametrize("name", list(DASHBOARDS))
def test_links_lead_to_the_section_that_they_name(name: str) -> None:
    shown = {panel["id"]: panel["title"] for panel in panels("runbook.json")}
    for panel in panels(name):
        (link,) = panel["links"]
        found = re.fullmatch(rf"/d/{UID}\?viewPanel=panel-(\d+)", link["url"])
        assert found, link["url"]
        assert link["title"] == f"Runbook: {shown[int(found[1])]}"


def test_the_runbook_is_there_whole() -> None:
    text = (ROOT / "docs/runbook.md").read_text()
    assert RUNBOOK_COPY.read_text() == text, "`make dashboards` writes the console's copy anew"
    assert [panel["title"] for panel in panels("runbook.json")] == re.findall(r"^### (.+)$", text, re.MULTILINE)
    assert len(CHAPTERS) > 3
    for panel in panels("runbook.json"):
        assert "**Means**" in panel["options"]["content"]
        assert "](#" not in panel["options"]["content"], "a link that leads nowhere in Grafana"
    assert chapters("## A\n\n## B\n### one\ntext\n### two\nmore\n")[0].sections == (("one", "text"), ("two", "more"))


def test_every_data_source_is_provisioned() -> None:
    found = yaml.safe_load((GRAFANA / "provisioning/datasources/signaltape.yaml").read_text())["datasources"]
    known = {(one["type"], one["uid"]) for one in found}
    used = {
        (one["datasource"]["type"], one["datasource"]["uid"])
        for name in DASHBOARDS
        for panel in panels(name)
        for one in (panel, *panel["targets"])
    }
    assert used == known


def test_grafana_knows_how_often_prometheus_asks() -> None:
    """The shortest stretch that a rate is taken over follows from it."""
    metrics, _ = yaml.safe_load((GRAFANA / "provisioning/datasources/signaltape.yaml").read_text())["datasources"]
    asks = yaml.safe_load((ROOT / "infra/prometheus/prometheus.yml").read_text())["global"]["scrape_interval"]
    assert metrics["jsonData"]["timeInterval"] == asks


def test_every_statement_and_variable_is_used_and_known() -> None:
    used: set[str] = set()
    for found in DASHBOARDS.values():
        queries = [query for section in found.sections for panel in section.panels for query in panel.queries]
        names = {query.name for query in queries if isinstance(query, Rows)}
        names |= {mark.rows for mark in found.marks} | {one.rows for one in found.variables if one.rows}
        used |= names
        texts = [query.expr for query in queries if isinstance(query, Metric)] + [STATEMENTS[name] for name in names]
        asked = {word for text in texts for word in re.findall(r"\$(?!__)\{?(\w+)", text)}
        assert asked == {one.name for one in found.variables}, found.title
    assert used == set(STATEMENTS)


#: What Prometheus, the client library and the monitor have that the table of metrics does not.
OTHERS = ("up", "ALERTS", "process_")


@pytest.mark.parametrize("panel", [one for one in SPECIFIED if isinstance(one.values[0].queries[0], Metric)])
def test_every_metric_is_one_that_a_process_exports(panel: Panel) -> None:
    known: dict[str, set[str]] = {}
    for collector in set(REGISTRY._collector_to_names):
        labels = set(getattr(collector, "_labelnames", ()))
        known |= dict.fromkeys(REGISTRY._collector_to_names[collector], labels)
    for query in panel.queries:
        assert isinstance(query, Metric)
        found = re.findall(r"\b((?:signaltape|model|kafka)_\w+)\b(?:\{([^}]*)\})?", query.expr)
        found += [(one, "") for one in OTHERS if one in query.expr]
        assert found, query.expr
        for name, selector in found:
            if name not in OTHERS:
                assert name in known, f"no process exports {name}"
                assert set(re.findall(r"(\w+)=", selector)) <= known[name], f"labels of {name}"


def test_every_command_that_a_panel_names_exists() -> None:
    entries = {entry.name: entry for entry in COMMANDS}
    for panel in (one.values[0] for one in SPECIFIED):
        assert isinstance(panel, Panel)
        for words in re.findall(r"`signaltape ([^`]+)`", panel.shows + panel.do):
            name, *rest = [word for word in words.split() if word.islower() and not word.startswith("-")]
            assert name in entries, f"{panel.title}: no command `signaltape {words}`"
            inner = getattr(load(entries[name]), "commands", None)
            assert inner is None or not rest or rest[0] in inner, f"{panel.title}: no command `signaltape {words}`"


def test_shapes_of_promql() -> None:
    assert rates("a_total", "x, y", 'z="1"').expr == 'sum by (x, y) (rate(a_total{z="1"}[$__rate_interval]))'
    assert rates("a_total", "x, y").legend == "{{x}} {{y}}"
    assert growths("a_total", "x").expr == (
        "sum by (x) (((a_total unless a_total offset $__rate_interval)"
        " and on (job, instance) up offset $__rate_interval == 1) or increase(a_total[$__rate_interval]))"
        ' or label_replace(vector(0), "x", "none", "", "")'
    )
    assert or_none("a", "x") == 'a or label_replace(vector(0), "x", "none", "", "")'
    assert buckets("h").expr == "sum by (le) (increase(h_bucket[$__rate_interval]))"
    low, high = quantiles("h", "x")
    assert low.expr == "histogram_quantile(0.5, sum by (x, le) (rate(h_bucket[$__rate_interval])))"
    assert (low.legend, high.legend) == ("{{x}} p50", "{{x}} p99")
