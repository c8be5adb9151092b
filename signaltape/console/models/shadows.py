"""How a strategy's shadows differ from what serves: the figures of `models shadow-report`, and their course."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from infra.settings import Settings
from infra.warehouse.connection import Connection
from infra.warehouse.console_models import newest_bar, shadow_course
from infra.warehouse.moments import to_nanoseconds
from infra.warehouse.shadow_report import ShadowLine, shadow_report

_NS = 10**9
_POINTS = 120


def shadows(connection: Connection, settings: Settings, strategy: str, hours: float) -> dict[str, Any]:
    """Over the last ``hours`` before the strategy's newest stored bar, in at most 120 spans of time."""
    tolerance = settings.inference.shadow_tolerance
    until = newest_bar(connection, strategy, settings.topics.partitions)
    if until is None:
        return {"strategy": strategy, "tolerance": tolerance, "after": None, "until": None, "lines": [], "course": []}
    after = until - int(hours * 3600) * _NS
    width = timedelta(seconds=max(1, round(hours * 3600 / _POINTS)))
    lines = shadow_report(connection, strategy, after=after, until=until, tolerance=tolerance)
    course = shadow_course(connection, strategy, after=after, until=until, width=width, tolerance=tolerance)
    return {
        "strategy": strategy,
        "tolerance": tolerance,
        "after": after,
        "until": until,
        "width_s": width.total_seconds(),
        "lines": [_line(one) for one in lines],
        "course": [asdict(one) for one in course],
    }


def _line(one: ShadowLine) -> dict[str, Any]:
    times = {"first": to_nanoseconds(one.first), "last": to_nanoseconds(one.last)}
    rates = {"score_rate": one.score_rate, "direction_rate": one.direction_rate, "complete": one.complete}
    return {**asdict(one), **times, **rates}
