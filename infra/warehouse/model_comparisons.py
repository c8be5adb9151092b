"""Comparisons of two models: the rows that both answered live, and what was concluded."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from psycopg.types.json import Jsonb

from infra.warehouse.connection import Connection
from infra.warehouse.moments import to_moment, to_nanoseconds
from infra.warehouse.queries import queries
from pipeline.comparison.paired import Answers, Scored
from pipeline.deployments import ModelRef
from schemas.fields import F8Array

_SIDE = {"long": 1.0, "short": -1.0, "flat": 0.0}


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """One recorded comparison; ``champion`` None: no model was live. Times of the rows in ns UTC, None without rows.

    ``comparison_id`` and ``compared_at`` are given by the database.
    """

    challenger: ModelRef
    champion: ModelRef | None
    strategy: str
    source: str
    data: str
    data_from: int | None
    data_to: int | None
    decision: str
    detail: Mapping[str, Any]
    by_whom: str
    comparison_id: int = 0
    compared_at: datetime | None = None


def add_comparison(connection: Connection, one: Comparison) -> int:
    """Record a comparison; returns its number."""
    champion = (None, None) if one.champion is None else (one.champion.name, one.champion.version)
    span = [None if at is None else to_moment(at) for at in (one.data_from, one.data_to)]
    values = (one.challenger.name, one.challenger.version, *champion, one.strategy, one.source, one.data, *span,
              one.decision, Jsonb(dict(one.detail)), one.by_whom)  # fmt: skip
    row = connection.execute(queries("model_comparisons")["add comparison"], values).fetchone()
    assert row is not None
    return int(row[0])


def newest_comparison(connection: Connection, challenger: ModelRef, champion: ModelRef | None) -> Comparison | None:
    """The last comparison of this very pair, None if there is none."""
    pair = (None, None) if champion is None else (champion.name, champion.version)
    row = connection.execute(
        queries("model_comparisons")["newest comparison"], (challenger.name, challenger.version, *pair)
    ).fetchone()
    return None if row is None else comparison(row)


def comparison(row: tuple[Any, ...]) -> Comparison:
    """A row of ``model_comparisons``, in the order of "newest comparison"."""
    number, name, version, old, old_version, strategy, source, data, start, end, decision, detail, at, who = row
    return Comparison(
        challenger=ModelRef(name=name, version=version),
        champion=None if old is None else ModelRef(name=old, version=old_version),
        strategy=strategy,
        source=source,
        data=data,
        data_from=None if start is None else to_nanoseconds(start),
        data_to=None if end is None else to_nanoseconds(end),
        decision=decision,
        detail=detail,
        by_whom=who,
        comparison_id=number,
        compared_at=at,
    )


def common_intervals(connection: Connection, challenger: ModelRef, champion: ModelRef) -> dict[str, int]:
    """Interval → stored rows that both models answered."""
    rows = connection.execute(queries("model_comparisons")["intervals of both"], _pair(challenger, champion))
    return {str(interval): int(count) for interval, count in rows}


def live_answers(
    connection: Connection, challenger: ModelRef, champion: ModelRef, *, interval: str, horizon: int, start: int = 0
) -> Answers:
    """Rows of one interval that both models answered themselves and whose return over ``horizon`` bars is known.

    From the bar time ``start`` (ns UTC) on, by time and symbol; shadows and live ones alike.
    """
    rows = connection.execute(
        queries("model_comparisons")["live rows"],
        {**_pair(challenger, champion), "interval": interval, "horizon": horizon, "start": to_moment(start)},
    ).fetchall()
    columns: list[tuple[Any, ...]] = list(zip(*rows, strict=True)) or [()] * 8
    return Answers(
        event_time=np.array([int(at) * 1_000 for at in columns[0]], dtype=np.int64),
        y=np.array(columns[1], dtype=np.float64),
        champion=_scored(columns[2:5]),
        challenger=_scored(columns[5:8]),
    )


def _pair(challenger: ModelRef, champion: ModelRef) -> dict[str, object]:
    return {
        "name": challenger.name,
        "version": challenger.version,
        "champion": champion.name,
        "champion_version": champion.version,
    }


def _scored(columns: list[tuple[Any, ...]]) -> Scored:
    score, confidence, direction = columns
    sides: F8Array = np.array([_SIDE[one] for one in direction], dtype=np.float64)
    return Scored(
        score=np.array(score, dtype=np.float64), confidence=np.array(confidence, dtype=np.float64), direction=sides
    )
