"""Daily drift metrics as they are stored."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infra.warehouse.connection import Connection
from infra.warehouse.moments import to_moment
from infra.warehouse.queries import queries
from pipeline.drift.metric import METRICS


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredMetric:
    """One row: ``session`` in days since the epoch, ``value`` None where there was too little data."""

    subject: str
    metric: str
    session: int
    value: float | None
    sample_size: int
    detail: Mapping[str, Any]


def stored_metrics(
    connection: Connection, strategy: str, *, after: int | None = None, until: int | None = None
) -> Iterator[StoredMetric]:
    """Rows of a strategy whose session ends at ``after`` < time <= ``until`` (ns UTC, None: no limit), by session."""
    values = {
        "policy": METRICS,
        "strategy": strategy,
        "after": "-infinity" if after is None else to_moment(after),
        "until": "infinity" if until is None else to_moment(until),
    }
    for subject, metric, session, value, size, detail in connection.execute(
        queries("drift")["metrics of a strategy"], values
    ):
        yield StoredMetric(
            subject=subject, metric=metric, session=session, value=value, sample_size=size, detail=detail
        )
