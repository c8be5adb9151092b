"""A corrected return revises what was measured with it, and nothing else; scipy says what it must become."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from scipy.stats import spearmanr

from infra.settings import Settings
from infra.warehouse import connect
from infra.warehouse.connection import Connection
from infra.warehouse.drift_report import drift_days, missing_metrics
from infra.warehouse.drift_rounds import metric_columns
from infra.warehouse.moments import to_moment
from infra.warehouse.queries import queries
from pipeline.drift.config import DriftConfig
from pipeline.drift.metric import DriftMetric
from pipeline.drift.monitor import DriftMonitor
from pipeline.drift.training_reference import TrainingReference
from schemas.intervals import DAY, HOUR, session_end
from signaltape.cli.drift_text import report_text
from signaltape.drift.revision import revise
from signaltape.initialisation import initialise
from tests.support.drift_logs import CLOSE, Logs, Plan, build

PLAN = Plan(days=("good", "good", "weak", "good", "bad", "good"), symbols=30, partitions=2)
CORRECTED = PLAN.first + 3


@pytest.fixture
def stored(settings: Settings) -> tuple[Settings, Logs]:
    """What agent and store have written of the plan's days."""
    initialise(settings)
    logs = build(PLAN)
    monitor = DriftMonitor(DriftConfig(partitions=PLAN.partitions))
    monitor.learn(("ridge", 3), TrainingReference())
    metrics = [
        metric
        for lane, log in logs.lanes.items()
        for message in log
        for report in monitor.step(lane, message)
        for metric in report.metrics
    ]
    with connect(settings) as connection, connection.transaction():
        connection.execute(queries("drift")["add metrics"], metric_columns(metrics))
        for (time, symbol), score in logs.scores.items():
            connection.execute(
                "INSERT INTO predictions (strategy, model, model_version, role, symbol, interval, event_time,"
                " source_offset, horizon, score, confidence, status, direction, outcome, model_latency_ns, partition,"
                " topic_offset) VALUES ('momentum', 'ridge', 3, 'live', %s, '1d', %s, 1, 1, %s, .5, 'ok', 'long',"
                " 'emitted', 1, 0, 0)",
                (symbol, to_moment(time), score),
            )
        for (time, symbol), (session, value) in logs.labels.items():
            add_return(connection, symbol, session, time, value)
    return settings, logs


def add_return(
    connection: Connection, symbol: str, session: int, time: int, value: float, *, revision: int = 1
) -> None:
    connection.execute(
        "INSERT INTO returns (symbol, interval, event_time, revision, available_time, kind, horizons,"
        " prediction_times, log_returns, partition) VALUES (%s, '1d', %s, %s, now(), %s, '{1}', %s, %s, 0)",
        (symbol, to_moment(session * DAY + CLOSE), revision, "live" if revision == 1 else "correction",
         [to_moment(time)], [value]),
    )  # fmt: skip


def correct(settings: Settings, logs: Logs, change: float, revision: int = 2) -> float:
    """Correct a third of a day's returns; return the IC that follows."""
    pairs = {symbol: (logs.scores[time, symbol], value, time)
             for (time, symbol), (session, value) in logs.labels.items() if session == CORRECTED}  # fmt: skip
    changed = dict(pairs)
    with connect(settings) as connection:
        for symbol in sorted(pairs)[::3]:
            score, value, time = pairs[symbol]
            changed[symbol] = (score, value + change, time)
            add_return(connection, symbol, CORRECTED, time, value + change, revision=revision)
    return float(spearmanr([one[0] for one in changed.values()], [one[1] for one in changed.values()]).statistic)


def daily(settings: Settings) -> dict[int, tuple[Any, ...]]:
    with connect(settings) as connection:
        rows = connection.execute("SELECT session, ic, ic_revised, ic_alert FROM drift_daily ORDER BY session")
        return {(row[0] - timedelta(days=1)).toordinal() - 719_163: row[1:] for row in rows}


def test_hours_are_no_days(stored: tuple[Settings, Logs]) -> None:
    settings, _ = stored
    before = daily(settings)
    noon = DriftMetric(
        strategy="momentum", subject="score/ridge:3/1d/1/live", metric="ic_intraday", session=max(before),
        until=max(before) * DAY + 12 * HOUR, verdict="healthy", value=0.5, sample_size=30,
    )  # fmt: skip
    none = replace(noon, until=session_end(noon.session), verdict="insufficient", value=None)
    bounds = {"policy": noon.policy, "strategy": noon.strategy, "after": to_moment(0), "until": to_moment(2**61)}
    with connect(settings) as connection:
        missing = missing_metrics(connection, strategy=None)
        connection.execute(queries("drift")["add metrics"], metric_columns([noon, none]))
        stamps = "SELECT session FROM drift_metrics WHERE metric = 'ic_intraday' ORDER BY 1"
        assert [row[0] for row in connection.execute(stamps)] == [
            to_moment(noon.until or 0),
            to_moment(none.until or 0),
        ]
        assert missing_metrics(connection, strategy=None) == missing
        rows = connection.execute(queries("drift")["metrics of a strategy"], bounds).fetchall()
    assert "ic" in {row[1] for row in rows}
    assert "ic_intraday" not in {row[1] for row in rows}
    assert daily(settings) == before


def test_a_corrected_return_revises_its_session_only(stored: tuple[Settings, Logs]) -> None:
    settings, logs = stored
    before = daily(settings)
    expected = correct(settings, logs, 0.05)
    found = revise(settings)
    assert {one.metric for one in found} <= {"ic", "pnl", "hit_rate", "positive_outcomes"}
    (ic,) = [one for one in found if one.metric == "ic"]
    assert ic.first == pytest.approx(logs.daily_ic()[CORRECTED], abs=1e-14)
    assert ic.value == pytest.approx(expected, abs=1e-14)
    assert ic.first != ic.value
    after = daily(settings)
    assert after.pop(CORRECTED) == (before[CORRECTED][0], ic.value, False)
    before.pop(CORRECTED)
    assert after == before
    assert revise(settings) == []
    assert revise(settings, every=True) == []
    with connect(settings) as connection:
        days = drift_days(connection, strategy="momentum", days=3)
        missing = missing_metrics(connection, strategy=None)
        assert drift_days(connection, strategy="other", days=3) == []
    assert [one.ic for one in days] == [after[PLAN.first + 2 + k][0] if k != 1 else ic.value for k in (1, 2, 3)]
    assert {one.metric for one in missing} >= {"sharpe_20", "psi", "feature_psi_max"}
    text = report_text(days, missing)
    assert f"(IC revised from {ic.first:+.4f})" in text
    assert "too little for sharpe_20: too few sessions (5 observations)" in text


def test_a_correction_that_changes_nothing_finds_the_same_bits(stored: tuple[Settings, Logs]) -> None:
    """So what is computed from the tables equals, bit for bit, what the agent measured from the topics."""
    settings, logs = stored
    correct(settings, logs, 0.0)
    assert revise(settings) == []


def test_a_second_correction_is_a_second_revision(stored: tuple[Settings, Logs]) -> None:
    settings, logs = stored
    correct(settings, logs, 0.05)
    revise(settings)
    expected = correct(settings, logs, -0.07, revision=3)
    (ic,) = [one for one in revise(settings) if one.metric == "ic"]
    assert ic.revision == 2
    assert ic.value == pytest.approx(expected, abs=1e-14)
    assert daily(settings)[CORRECTED][1] == ic.value


def test_an_ic_that_is_none_after_a_correction_is_not_shown_as_it_was(stored: tuple[Settings, Logs]) -> None:
    """All returns of a day become equal: there is nothing to rank any more."""
    settings, logs = stored
    with connect(settings) as connection:
        for (time, symbol), (session, _) in logs.labels.items():
            if session == CORRECTED:
                add_return(connection, symbol, session, time, 0.01, revision=2)
        (ic,) = [one for one in revise(settings) if one.metric == "ic"]
        assert ic.value is None
        days = drift_days(connection, strategy="momentum", days=3)
        (day,) = [one for one in days if one.session == to_moment(session_end(CORRECTED))]
        assert (day.ic, day.ic_first) == (None, ic.first)
        (line,) = [one for one in report_text(days, []).splitlines() if "revised" in one]
        assert f"(IC revised from {ic.first:+.4f})" in line
