"""The list of series, and one series over its sessions: the numbers of ``signaltape drift report`` with their bands."""

from datetime import datetime
from typing import Any

from infra.warehouse.connection import Connection
from infra.warehouse.console_drift import (
    Point,
    Whose,
    alert_counts,
    alerts_of,
    course,
    revised_coefficients,
    series_rows,
)
from infra.warehouse.moments import to_nanoseconds
from pipeline.drift.series import series_of_subject

#: What is drawn of a series.
METRICS = (
    "ic", "ic_mean_5", "ic_mean", "psi", "feature_psi_max", "sharpe_5", "sharpe_20", "pnl", "hit_rate",
    "positive_predictions", "positive_outcomes", "hit_rate_degradation",
)  # fmt: skip
#: What a detail says beside the number that is worth a column.
_BESIDE = ("low", "high", "standard_error", "times", "names_min", "names_max", "names", "expired", "feature", "minimum",
           "minimum_names", "reason")  # fmt: skip
MOST_SERIES, MOST_ALERTS = 500, 500


def overview(connection: Connection) -> dict[str, Any]:
    """Every series with its model, its extent and its alerts; cut at ``MOST_SERIES``."""
    rows = series_rows(connection, MOST_SERIES + 1)
    counts = alert_counts(connection)
    found = []
    for row in rows[:MOST_SERIES]:
        series = series_of_subject(row.strategy, row.subject)
        alerts, newest = counts.get((row.strategy, row.subject), (0, None))
        found.append(
            {
                "strategy": row.strategy,
                "subject": row.subject,
                "model": f"{series.model}:{series.version}",
                "role": series.role,
                "interval": series.interval,
                "horizon": series.horizon,
                "sessions": row.sessions,
                "first": to_nanoseconds(row.first),
                "newest": to_nanoseconds(row.newest),
                "alerts": alerts,
                "newest_alert": None if newest is None else to_nanoseconds(newest),
            }
        )
    return {"series": found, "truncated": len(rows) > MOST_SERIES, "limit": MOST_SERIES}


def series_course(connection: Connection, whose: Whose, days: int) -> dict[str, Any]:
    """Columns over the newest ``days`` sessions, and the alerts in them; sessions are named by their last instant.

    ``metrics``: name → columns ``value`` (null: insufficient), ``verdict``, ``size``, and what else was stored.
    """
    points = course(connection, whose, METRICS, days)
    sessions = sorted({point.session for point in points})
    place = {session: at for at, session in enumerate(sessions)}
    metrics: dict[str, dict[str, list[Any]]] = {}
    for point in points:
        columns = metrics.setdefault(point.metric, {})
        _put(columns, place[point.session], len(sessions), point)
    revised: dict[datetime, float | None] = {}
    alerts: list[dict[str, Any]] = []
    if sessions:
        revised = revised_coefficients(connection, whose, sessions[0])
        alerts = [_mark(*row) for row in alerts_of(connection, whose, sessions[0], MOST_ALERTS)]
    return {
        "strategy": whose.strategy,
        "subject": whose.subject,
        "sessions": [to_nanoseconds(one) for one in sessions],
        "metrics": metrics,
        "ic_now": _revised(metrics, sessions, revised),
        "revised": len(revised),
        "alerts": alerts,
        "days": days,
    }


def _put(columns: dict[str, list[Any]], at: int, length: int, point: Point) -> None:
    row = {"value": point.value, "verdict": point.verdict, "size": point.sample_size}
    row |= {name: point.detail[name] for name in _BESIDE if name in point.detail}
    for name, value in row.items():
        columns.setdefault(name, [None] * length)[at] = value


def _revised(
    metrics: dict[str, dict[str, list[Any]]], sessions: list[datetime], revised: dict[datetime, float | None]
) -> list[float | None]:
    """The IC as it is now: after all corrections where there were some, as first measured elsewhere."""
    first = metrics.get("ic", {}).get("value", [])
    return [revised.get(session, value) for session, value in zip(sessions, first, strict=bool(first))]


def _mark(alert_id: str, time: datetime, rule: str, severity: str, body: dict[str, Any]) -> dict[str, Any]:
    return {
        "alert_id": alert_id,
        "event_time": to_nanoseconds(time),
        "rule": rule,
        "severity": severity,
        "metric": body.get("evidence", {}).get("metric"),
        "onset": body.get("onset"),
        "message": body.get("message", ""),
    }
