"""Figures of a run, read from the tables."""

from typing import Any

from infra.warehouse.connection import Connection
from infra.warehouse.queries import queries

_LATEST = 10


def counts(connection: Connection) -> dict[str, Any]:
    """Return rows per table, and what became of predictions and signals."""
    named = queries("demo_figures")

    def number(name: str) -> int:
        row = connection.execute(named[name]).fetchone()
        return int(row[0]) if row is not None else 0

    def by(name: str) -> dict[str, int]:
        return {str(key): int(count) for key, count in connection.execute(named[name])}

    outcomes, directions = by("outcomes"), by("directions")
    return {
        "bars_stored": number("bars"),
        "features_stored": number("features"),
        "predictions": {"rows": number("predictions"), "by_status": by("statuses"), "by_outcome": outcomes},
        "signals": {
            "rows": number("signals"),
            "long": directions.get("long", 0),
            "short": directions.get("short", 0),
            "flat": directions.get("flat", 0),
            "suppressed": outcomes.get("suppressed", 0),
            "merged": outcomes.get("merged", 0),
        },
        "returns": by("returns"),
        "alerts": {"rows": number("alerts"), "by_rule": by("alert_rules")},
        "drift_metrics": by("drift_verdicts"),
        "repair_requests": number("repair_requests"),
    }


def latest_signals(connection: Connection) -> list[dict[str, Any]]:
    """Return the ten latest signals, newest first."""
    names = (
        "event_time",
        "symbol",
        "signal",
        "score",
        "confidence",
        "reference_price",
        "model",
        "interval",
        "signal_id",
    )
    rows = connection.execute(queries("demo_figures")["latest_signals"], {"limit": _LATEST})
    return [dict(zip(names, (str(row[0]), *row[1:]), strict=True)) for row in rows]
