"""Every query of every dashboard against a real Prometheus and the real tables, while the pipeline runs.

Grafana itself can't run here: its macros and variables are replaced as it replaces them (`tests/support/grafana.py`).
The two sides have ranges of their own, as the bars are of another time than today; live they are one.
"""

import json
import re
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from infra.stack import Endpoints
from infra.warehouse import connect
from infra.warehouse.roles import READER
from scripts.dashboards.__main__ import DASHBOARDS, FOLDER
from tests.support.database_users import database_user
from tests.support.grafana import Answer, Span, Values, promql_of, sql_of
from tests.support.observed_world import SCRAPE_S, ObservedWorld, observed_world
from tests.support.providers import TestStack

pytestmark = pytest.mark.slow

STEP_S = 1.0
#: Title → why it is 0 on a healthy run. Each must be 0 there, and more once its fault was planted.
QUIET = {
    "Targets that do not answer": "every process runs until the responder is killed",
    "Processes that are not ready": "all are ready until Redis is suspended",
    "Alerts of Prometheus that fire": "nothing is wrong until the responder is killed",
    "Messages that expired before they were read": "everybody has read all until the drift agent is killed",
    "Dead letters that are kept, by topic": "every bar is good until a bad one is sent",
    "Dead letters, by topic and reason": "every bar is good until a bad one is sent",
    "Duplicates that were dropped, by topic": "nothing is sent twice until a bar is sent again",
    "Late and corrected bars that await repair, by reason": "no bar is late until one is",
    "Online store: behind the log?": "Redis is there until it is suspended",
    "Decisions that made no signal, by reason": "every direction is sent until only changes are",
    "Starts in the last hour, by service": "no process starts again until the responder does",
    "Calls that did not return, and models held for it": "every call returns until a model hangs",
    "Breakers, by model": "no model fails until one can't keep its deadline",
    "Reads of a symbol's signal, by source and answer": "nobody asks until three signals are read",
}
#: Title → why there is no series yet on a healthy run. Each must be empty there, and have data at the end.
LATER = {
    "Rows on which a shadow differs from the live model": "no shadow runs until one is started",
    "Duration of a request to the API, by route": "nobody asks until three signals are read",
}
Series = dict[str, Any]


def loaded(name: str) -> Series:
    found: Series = json.loads((FOLDER / name).read_text())
    return found


def panels_of(source: str) -> list[Any]:
    return [
        pytest.param(name, panel, id=f"{name.removesuffix('.json')}: {panel['title']}")
        for name in DASHBOARDS
        for panel in loaded(name)["panels"]
        if panel.get("datasource", {}).get("uid") == source
    ]


BY_METRIC, BY_ROWS = panels_of("signaltape-prometheus"), panels_of("signaltape-postgres")


@pytest.fixture(scope="module")
def observed(
    stack: TestStack, endpoints: Endpoints, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ObservedWorld]:
    with observed_world(stack, endpoints, tmp_path_factory.mktemp("observed")) as world:
        yield world


@pytest.fixture(scope="module")
def reading(observed: ObservedWorld) -> Iterator["psycopg.Connection[tuple[Any, ...]]"]:
    """The tables as Grafana's user sees them."""
    with database_user(observed.settings, READER) as user, connect(user) as connection:
        yield connection


@pytest.fixture(scope="module")
def span(reading: "psycopg.Connection[tuple[Any, ...]]") -> Span:
    """From the first bar to the last, and the wall clock's now: decisions are of today."""
    statement = "SELECT extract(epoch FROM min(event_time)), extract(epoch FROM now()) FROM bars"
    first, last = reading.execute(statement).fetchone() or (0, 0)
    return Span(start=float(first) - 86_400, end=float(last) + 86_400, interval="1d")


def asked(connection: "psycopg.Connection[tuple[Any, ...]]", statement: str) -> Answer:
    cursor = connection.execute(statement.encode())
    answer = Answer([column.name for column in cursor.description or ()], cursor.fetchall())
    connection.rollback()
    return answer


def label_values(observed: ObservedWorld, query: str) -> list[str]:
    """What `label_values(metric, label)` lists."""
    found = re.fullmatch(r"label_values\((\w+), (\w+)\)", query)
    assert found
    asked_for = urllib.parse.urlencode({"match[]": found[1]})
    address = f"{observed.prometheus.address}/api/v1/label/{found[2]}/values?{asked_for}"
    with urllib.request.urlopen(address, timeout=30) as answer:
        return list(json.load(answer)["data"])


@pytest.fixture(scope="module")
def values(observed: ObservedWorld, reading: "psycopg.Connection[tuple[Any, ...]]", span: Span) -> Values:
    """Every variable of the dashboards with all its values; of the series, that of the daily model."""
    found: dict[str, str | list[str]] = {}
    for variable in (one for name in DASHBOARDS for one in loaded(name)["templating"]["list"]):
        if variable["datasource"]["uid"] == "signaltape-prometheus":
            assert label_values(observed, variable["query"]["query"]), variable["name"]
            found[variable["name"]] = [variable["allValue"]]
            continue
        rows = asked(reading, sql_of(variable["query"], span, found)).rows
        options = [str(row[0]) for row in rows]
        assert options, variable["name"]
        chosen = next((one for one in options if "daily" in one), options[0])
        found[variable["name"]] = options if variable["multi"] else chosen
    return found


def drawn(observed: ObservedWorld, panel: Series, values: Values, between: tuple[float, float]) -> list[list[Series]]:
    """The series of each of a panel's queries within a time; an instant query is asked all along it."""
    return [
        observed.prometheus.query_range(
            promql_of(target["expr"], values, step_s=STEP_S, scrape_s=SCRAPE_S), *between, STEP_S
        )
        for target in panel["targets"]
    ]


def highest(queries: list[list[Series]]) -> float | None:
    """The largest number that is drawn, None if none is."""
    numbers = [float(value) for series in queries for one in series for _, value in one["values"] if value != "NaN"]
    return max(numbers, default=None)


def mostly_nothing(queries: list[list[Series]]) -> bool:
    """All that is drawn is 0, but for a moment: a process that starts, or a scrape that is late on a busy machine."""
    numbers = [float(value) for series in queries for one in series for _, value in one["values"]]
    return bool(numbers) and sum(number != 0.0 for number in numbers) <= len(numbers) / 5


@pytest.mark.parametrize(("name", "panel"), BY_METRIC)
def test_a_panel_of_metrics_has_data_and_names_its_series(
    observed: ObservedWorld, values: Values, name: str, panel: Series
) -> None:
    healthy, whole = (drawn(observed, panel, values, one) for one in (observed.healthy, observed.whole))
    title = panel["title"]
    assert all(whole), "a query without a series"
    assert highest(whole), "nothing but 0 was seen, whatever went wrong"
    if title in LATER:
        assert highest(healthy) is None, "there before its time: not to be listed"
    elif title in QUIET:
        assert mostly_nothing(healthy), "not 0 on a healthy run: not to be listed"
    else:
        assert highest(healthy), "empty or 0 on a healthy run"
    for target, series in zip(panel["targets"], whole, strict=True):
        for one in series:
            nothing = "none" in one["metric"].values()
            assert nothing or set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= set(one["metric"]), title


def test_lists_of_exceptions_name_panels_that_there_are() -> None:
    titles = {one.values[1]["title"] for one in BY_METRIC}
    assert QUIET.keys() | LATER.keys() <= titles
    assert not QUIET.keys() & LATER.keys()


@pytest.mark.parametrize(("name", "panel"), BY_ROWS)
def test_a_panel_of_rows_has_data_for_grafanas_own_user(
    reading: "psycopg.Connection[tuple[Any, ...]]", span: Span, values: Values, name: str, panel: Series
) -> None:
    for target in panel["targets"]:
        answer = asked(reading, sql_of(target["rawSql"], span, values))
        assert answer.rows
        assert len(set(answer.columns)) == len(answer.columns)
        if target["format"] == "time_series":
            assert answer.drawable() == ""
        overridden = {one["matcher"]["options"] for one in panel["fieldConfig"].get("overrides", ())}
        assert overridden <= set(answer.columns)


@pytest.mark.parametrize("name", list(DASHBOARDS))
def test_marks_are_moments_with_a_text(
    reading: "psycopg.Connection[tuple[Any, ...]]", span: Span, values: Values, name: str
) -> None:
    marks = loaded(name)["annotations"]["list"]
    assert marks
    for mark in marks:
        answer = asked(reading, sql_of(mark["target"]["rawSql"], span, values))
        assert answer.columns == ["time", "text", "tags"]
        assert answer.rows
        assert all(isinstance(one, str) and one for one in answer.of("text"))


def test_an_empty_installation_is_shown_as_such(
    reading: "psycopg.Connection[tuple[Any, ...]]", span: Span, values: Values
) -> None:
    """Variables have a value, so that no statement is broken, and names with quotes stay names."""
    hostile = {**values, "strategy": ["none yet", "it's"], "series": "score/'; DROP TABLE bars --"}
    for _, panel in (one.values for one in BY_ROWS):
        for target in panel["targets"]:
            asked(reading, sql_of(target["rawSql"], span, hostile))
