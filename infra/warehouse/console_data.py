"""What the console reads of bars and features: what there is, what was known of it when, how it came in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from infra.warehouse.connection import Connection
from infra.warehouse.corrections import Correction
from infra.warehouse.moments import to_moment, to_nanoseconds
from infra.warehouse.queries import queries
from pipeline.quality.marks import BITS


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredBar:
    """A stored row of a bar. ``status``: first, correction, late or secondary; ``quality``: a sum of mark bits."""

    event_time: datetime
    source: str
    feed: str
    revision: int
    status: str
    open: float
    high: float
    low: float
    close: float
    volume: float | None
    available_time: datetime
    ingest_time: datetime
    quality: int


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredVector:
    """A stored row of a vector; ``values`` in the set's order, None where undefined."""

    revision: int
    kind: str
    available_time: datetime
    ingest_time: datetime
    values: Sequence[float | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A repair request of a symbol; ``as_of_offset``: of the message whose revision the corrected rows carry."""

    event_time: datetime
    reason: str
    status: str
    requested_at: datetime
    as_of_offset: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class QualityDay:
    """How one session day's bars of an interval came in; ``lag_s``: the longest from a close until it was known."""

    session: datetime
    interval: str
    bars: int
    late: int
    corrections: int
    secondary: int
    marked: int
    gap: int
    spike: int
    stale: int
    zero_volume: int
    lag_s: float | None


def catalogue(connection: Connection, limit: int) -> list[tuple[str, str, int]]:
    """(symbol, interval, newest close in ns UTC) of everything that has bars, ``limit`` at the most."""
    rows = connection.execute(_named()["catalogue"], {"limit": limit})
    return [(symbol, interval, to_nanoseconds(newest)) for symbol, interval, newest in rows]


def first_close(connection: Connection, symbol: str, interval: str) -> int | None:
    """Close of the first stored bar in ns UTC, None if there is none."""
    row = connection.execute(_named()["first close"], {"symbol": symbol, "interval": interval}).fetchone()
    return None if row is None else to_nanoseconds(row[0])


class Symbol:
    """Reads of one symbol on an interval; times in ns UTC."""

    def __init__(self, connection: Connection, symbol: str, interval: str) -> None:
        self._connection = connection
        self._key = {"symbol": symbol, "interval": interval}

    def bars_before(self, at: int, limit: int) -> list[StoredBar]:
        """Rows of bars that close at or before ``at``, the newest close and the highest revision first."""
        rows = self._rows("bars before", at=to_moment(at), limit=limit)
        return [StoredBar(**dict(zip(StoredBar.__dataclass_fields__, row, strict=True))) for row in rows]

    def newest_vector(self, at: int, feature_set: str, version: int) -> int | None:
        """The last close at or before ``at`` that has a vector, whenever that came."""
        ((found,),) = self._rows("newest vector", at=to_moment(at), feature_set=feature_set, version=version)
        return None if found is None else to_nanoseconds(found)

    def vectors(self, close: int, feature_set: str, version: int) -> list[StoredVector]:
        """Every row of one close, the lowest revision first."""
        rows = self._rows("vectors of a close", close=to_moment(close), feature_set=feature_set, version=version)
        return [StoredVector(**dict(zip(StoredVector.__dataclass_fields__, row, strict=True))) for row in rows]

    def requests(self, limit: int) -> list[Request]:
        """Repair requests, the newest first."""
        rows = self._rows("requests of a symbol", limit=limit)
        return [Request(**dict(zip(Request.__dataclass_fields__, row, strict=True))) for row in rows]

    def _rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        return self._connection.execute(_named()[query], {**self._key, **values}).fetchall()


def corrections(
    connection: Connection, *, symbol: str | None, status: str, before: int | None, limit: int
) -> list[tuple[int, Correction]]:
    """(id, request), the newest first, those with an id below ``before``."""
    values = {"symbol": symbol, "status": status, "before": before, "limit": limit}
    names = tuple(Correction.__dataclass_fields__)
    rows = connection.execute(_named()["corrections"], values)
    return [(row[0], Correction(**dict(zip(names, row[1:], strict=True)))) for row in rows]


def quality_days(connection: Connection, symbol: str | None, after: int, until: int) -> list[QualityDay]:
    """How bars that close in (after, until] came in, by session day and interval."""
    values = {**BITS, "symbol": symbol, "after": to_moment(after), "until": to_moment(until)}
    rows = connection.execute(_named()["quality by day"], values)
    return [QualityDay(**dict(zip(QualityDay.__dataclass_fields__, row, strict=True))) for row in rows]


def coverage(
    connection: Connection, interval: str, symbols: Sequence[str], after: int, until: int
) -> list[tuple[str, int, int]]:
    """(symbol, last instant of a session, first bars in it) in (after, until]."""
    values = {"interval": interval, "symbols": list(symbols), "after": to_moment(after), "until": to_moment(until)}
    rows = connection.execute(_named()["coverage"], values)
    return [(symbol, to_nanoseconds(session), count) for symbol, session, count in rows]


def coverage_of_all(connection: Connection, interval: str, after: int, until: int) -> list[tuple[int, int, int, int]]:
    """(last instant of a session, symbols, bars, most bars of one symbol) in (after, until]."""
    values = {"interval": interval, "after": to_moment(after), "until": to_moment(until)}
    rows = connection.execute(_named()["coverage of all"], values)
    return [(to_nanoseconds(session), symbols, bars, most) for session, symbols, bars, most in rows]


def _named() -> Mapping[str, Any]:
    return queries("console_data")
