"""What the page *Drift* reads: the numbers of the commands, and what it says where there are none."""

from typing import Any

import pytest

from infra.warehouse import connect
from infra.warehouse.bounded import NoTables, TooLong, read_bounded
from infra.warehouse.deliveries import list_alerts
from infra.warehouse.drift_report import drift_days, missing_metrics
from infra.warehouse.migrator import migrate
from infra.warehouse.moments import to_nanoseconds
from schemas.alerts import SEVERITIES
from signaltape.console.drift.agent_state import agent_state
from signaltape.console.drift.firing import firing_rules
from signaltape.console.drift.maturity import maturity
from signaltape.console.drift.overview import overview
from tests.support.console_world import ConsoleWorld

pytestmark = pytest.mark.integration


def get(world: ConsoleWorld, path: str, **query: Any) -> Any:
    answer = world.api.get(f"/console/api/drift/{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def daily(world: ConsoleWorld) -> dict[str, str]:
    """The series of daily bars, as it is named in this world."""
    found = [one for one in get(world, "series")["series"] if one["strategy"] == "daily"]
    assert found
    return {"strategy": "daily", "subject": found[0]["subject"]}


def test_a_course_has_the_numbers_of_the_drift_report(console_world: ConsoleWorld) -> None:
    about = daily(console_world)
    with connect(console_world.settings) as connection:
        days = [one for one in drift_days(connection, strategy="daily", days=40) if one.subject == about["subject"]]
        missing = [one for one in missing_metrics(connection, strategy="daily") if one.subject == about["subject"]]
    found = get(console_world, "course", **about, days=40)
    assert found["sessions"] == [to_nanoseconds(one.session) for one in days]
    for name in ("ic_mean_5", "psi", "feature_psi_max", "sharpe_20", "hit_rate", "pnl"):
        assert found["metrics"][name]["value"] == [getattr(one, name) for one in days], name
    assert found["ic_now"] == [one.ic for one in days]
    assert any(value is not None for value in found["ic_now"])
    for one in missing:
        columns = found["metrics"][one.metric]
        assert (columns["verdict"][-1], columns["size"][-1]) == ("insufficient", one.sample_size)
        assert columns["reason"][-1] == one.reason


def test_too_little_data_is_a_verdict_with_what_it_needs(console_world: ConsoleWorld) -> None:
    found = get(console_world, "course", **daily(console_world), days=1_000)
    sharpe = found["metrics"]["sharpe_20"]
    assert sharpe["verdict"][0] == "insufficient"
    assert sharpe["value"][0] is None
    assert (sharpe["minimum"][0], bool(sharpe["reason"][0])) == (20, True)


def test_a_huge_range_is_cut_and_says_so(console_world: ConsoleWorld) -> None:
    about = daily(console_world)
    found = get(console_world, "course", **about, days=10**9)
    assert (found["truncated"], found["limit"]) == (True, 1_000)
    assert not get(console_world, "course", **about, days=20)["truncated"]
    assert not get(console_world, "features", **about, days=10**9)["truncated"]  # few sessions, none left out


@pytest.mark.parametrize("subject", ["score/nothing", "<img src=x onerror=alert(1)>", "score/a:b/1d/x/live", ""])
def test_what_names_no_series_is_refused(console_world: ConsoleWorld, subject: str) -> None:
    answer = console_world.api.get("/console/api/drift/course", params={"strategy": "daily", "subject": subject})
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "no_series"


def test_a_series_that_was_never_measured_is_empty(console_world: ConsoleWorld) -> None:
    about = {"strategy": "nobody's", "subject": "score/none:1/1d/5/live"}
    assert get(console_world, "course", **about)["sessions"] == []
    assert get(console_world, "features", **about)["features"] == []
    assert get(console_world, "feature", **about, feature="score")["sessions"] == []


def test_features_are_those_that_are_stored(console_world: ConsoleWorld) -> None:
    about = daily(console_world)
    found = get(console_world, "features", **about, days=30)
    with connect(console_world.settings) as connection:
        rows = connection.execute(
            "SELECT split_part(subject, '/', 5), session, value FROM drift_metrics"
            " WHERE metric = 'feature_psi' AND strategy = 'daily' ORDER BY session"
        ).fetchall()
    stored = {(name, to_nanoseconds(session)): value for name, session, value in rows}
    assert len(found["features"]) >= 20
    for one in found["features"]:
        for session, value in zip(found["sessions"], one["psi"], strict=True):
            assert value == stored[one["name"], session]
    newest = [one["psi"][-1] for one in found["features"] if one["psi"][-1] is not None]
    assert newest == sorted(newest, reverse=True)


def test_one_feature_has_bands_shape_and_two_histograms(console_world: ConsoleWorld) -> None:
    about = daily(console_world)
    name = get(console_world, "features", **about)["features"][0]["name"]
    found = get(console_world, "feature", **about, feature=name)
    assert len(found["shape"]["spread"]) == len(found["sessions"])
    assert found["bands"]["spread"][0] < found["bands"]["spread"][1]
    held = found["histogram"]
    assert sum(held["reference"]) == pytest.approx(1)
    assert sum(held["now"]) == pytest.approx(1)
    assert len(held["reference"]) == len(held["now"]) == len(held["edges"]) + 1
    assert held["edges"] == sorted(held["edges"])
    score = get(console_world, "feature", **about, feature="score")
    assert score["histogram"]["now_size"] == score["sizes"][-1]
    answer = console_world.api.get("/console/api/drift/feature", params={**about, "feature": "<b>"})
    assert answer.json()["error"]["code"] == "unknown_feature"


def test_alerts_have_their_evidence_and_what_the_guard_would_do(console_world: ConsoleWorld) -> None:
    settings = console_world.settings
    with connect(settings) as connection:
        listed = list_alerts(connection, settings.topics.prefix, severities=SEVERITIES, limit=200)
    found = get(console_world, "alerts", limit=10**6)
    assert found["limit"] == 200
    assert [one["alert_id"] for one in found["alerts"]] == [one.alert_id for one in listed]
    fell = next(one for one in found["alerts"] if one["e_value"] is not None and one["severity"] == "severe")
    assert fell["e_value"] >= fell["e_threshold"] > 0
    assert fell["budget"] > 0
    assert fell["onset"] <= fell["event_time"]
    assert fell["runbook"] == fell["rule"]
    assert fell["guard"]["state"] in ("dry_run", "refused")
    assert get(console_world, "alerts", limit=1)["truncated"]
    assert {one["severity"] for one in get(console_world, "alerts", severity="severe")["alerts"]} <= {
        "severe",
        "urgent",
    }
    assert console_world.api.get("/console/api/drift/alerts", params={"severity": "loud"}).status_code == 422


def test_what_fires_is_told_however_old_it_is(console_world: ConsoleWorld) -> None:
    settings = console_world.settings
    with connect(settings) as connection:
        firing = firing_rules(connection, settings)
    assert firing  # the half year of daily bars ends with a model that has lost its IC
    every = get(console_world, "alerts", limit=200)["alerts"]
    newest: dict[tuple[str, str, str], str] = {}
    for one in every:
        newest.setdefault((one["strategy"], one["subject"], one["rule"]), one["alert_id"])
    alight = {one["alert_id"] for one in every if one["state"] == "firing"}
    assert alight == {newest[rule] for rule in firing}
    few = get(console_world, "alerts", limit=1)
    assert {one["alert_id"] for one in few["alerts"]} == alight | {every[0]["alert_id"]}
    assert sum(few["counts"].values()) == len(every)
    linked = get(console_world, "alerts", limit=1, severity="urgent", alert=every[-1]["alert_id"])["linked"]
    assert [one["alert_id"] for one in linked] == [every[-1]["alert_id"]]
    assert get(console_world, "alerts", alert="nobody")["linked"] == []


def test_the_policy_is_that_of_the_agent(console_world: ConsoleWorld) -> None:
    found = get(console_world, "policy")
    assert (found["kind"], found["same"], found["budget"]) == ("calibrated", True, 1.0)
    assert sum(one["alarms_a_year"] for one in found["budgets"]) == pytest.approx(1.0)


def test_predictions_that_wait_are_those_without_a_closed_session(console_world: ConsoleWorld) -> None:
    console_world.stand.settled()
    found = get(console_world, "maturity")
    assert not found["problem"]
    # No session of the minute bars has closed: every prediction of a model's own waits, with its label or without.
    with connect(console_world.settings) as connection:
        rows = connection.execute(
            "SELECT p.strategy, p.model || ':' || p.model_version, p.role, count(*), count(r.log_return),"
            " min(p.event_time) FILTER (WHERE r.log_return IS NULL)"
            " FROM predictions p LEFT JOIN return_values r ON r.symbol = p.symbol AND r.interval = p.interval"
            " AND r.prediction_time = p.event_time AND r.horizon = p.horizon AND r.kind = 'live'"
            " WHERE p.interval = '1m' AND p.status = 'ok' GROUP BY 1, 2, 3"
        ).fetchall()
    expected = {
        (strategy, model, role): (waiting, labelled, None if oldest is None else to_nanoseconds(oldest))
        for strategy, model, role, waiting, labelled, oldest in rows
    }
    assert any(waiting > labelled for waiting, labelled, _ in expected.values())
    assert {
        (one["strategy"], one["model"], one["role"]): (one["waiting"], one["labelled"], one["oldest"])
        for one in found["series"]
        if one["interval"] == "1m"
    } == expected


def test_an_empty_store_says_what_is_missing(settings: Any) -> None:
    with pytest.raises(NoTables, match="signaltape init"):
        read_bounded(settings, overview, patience_s=30)
    migrate(settings)
    assert read_bounded(settings, overview, patience_s=30)["series"] == []
    found = read_bounded(settings, lambda one: maturity(agent_state(one, settings)), patience_s=30)
    assert found["series"] == []
    assert "signaltape run drift" in found["problem"]


def test_a_page_can_neither_write_nor_wait_for_long(settings: Any) -> None:
    with pytest.raises(TooLong, match="shorter range"):
        read_bounded(settings, lambda one: one.execute("SELECT pg_sleep(5)"), patience_s=0.2)
    migrate(settings)
    with pytest.raises(Exception, match="read-only"):
        read_bounded(settings, lambda one: one.execute("DELETE FROM alerts"), patience_s=30)
