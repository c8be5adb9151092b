"""What the console's page of signals reads."""

from dataclasses import dataclass
from typing import Any

from infra.warehouse.connection import Connection
from infra.warehouse.moments import to_moment, to_nanoseconds
from infra.warehouse.newest_signals import signals_of
from infra.warehouse.queries import queries
from schemas.signals import Signal


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Place:
    """Where a signal stands in the tape: later ones are greater. ``event_time``: ns UTC."""

    event_time: int
    seq: int
    signal_id: str

    @classmethod
    def of(cls, signal: Signal) -> "Place":
        """The place of a signal."""
        return cls(event_time=signal.event_time, seq=signal.seq, signal_id=signal.signal_id)


@dataclass(frozen=True, kw_only=True, slots=True)
class TapeFilter:
    """What of the tape is asked for; None lets everything pass.

    ``before``: ns UTC, up to and including it; ``behind``: a place that only older signals follow.
    """

    symbol: str | None = None
    prefix: str | None = None
    strategy: str | None = None
    model: str | None = None
    direction: str | None = None
    interval: str | None = None
    confidence: float | None = None
    before: int | None = None
    behind: Place | None = None

    def passes(self, signal: Signal) -> bool:
        """The same for a signal that isn't stored yet."""
        named = (signal.model, f"{signal.model}:{signal.model_version}", *signal.models)
        return (
            self.symbol in (None, signal.symbol)
            and (self.prefix is None or signal.symbol.startswith(self.prefix))
            and self.strategy in (None, signal.strategy)
            and (self.model is None or self.model in named)
            and self.direction in (None, signal.signal)
            and self.interval in (None, signal.interval)
            and (self.confidence is None or signal.confidence >= self.confidence)
            and (self.before is None or signal.event_time <= self.before)
            and (self.behind is None or Place.of(signal) < self.behind)
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class PriceBar:
    """A bar as it is known now; ``event_time`` is its close, ns UTC."""

    event_time: int
    open: float
    high: float
    low: float
    close: float
    volume: float | None
    revision: int


def stored_tape(connection: Connection, wanted: TapeFilter, limit: int) -> list[Signal]:
    """The newest stored signals that pass."""
    values = {
        "symbol": wanted.symbol,
        "prefix": wanted.prefix,
        "strategy": wanted.strategy,
        "model": wanted.model,
        "direction": wanted.direction,
        "interval": wanted.interval,
        "confidence": wanted.confidence,
        "before": None if wanted.before is None else to_moment(wanted.before),
        "time": None if wanted.behind is None else to_moment(wanted.behind.event_time),
        "seq": None if wanted.behind is None else wanted.behind.seq,
        "signal_id": None if wanted.behind is None else wanted.behind.signal_id,
        "limit": limit,
    }
    return signals_of(connection.execute(queries("console_signals")["tape"], values))


def held_back(connection: Connection, symbol: str, interval: str | None, limit: int) -> list[dict[str, Any]]:
    """The newest serving rows of a symbol, of its last ten days, that no signal was sent for."""
    values = {"symbol": symbol, "interval": interval, "limit": limit}
    names = ("event_time", "interval", "strategy", "model", "model_version", "role", "score", "confidence", "status",
             "direction", "outcome")  # fmt: skip
    rows = connection.execute(queries("console_signals")["held back"], values)
    found = [dict(zip(names, row, strict=True)) for row in rows]
    return [one | {"event_time": to_nanoseconds(one["event_time"])} for one in found]


def bars_around(
    connection: Connection, symbol: str, interval: str, at: int, *, before: int, after: int
) -> list[PriceBar]:
    """Up to ``before`` bars that close at or before ``at`` (ns UTC) and ``after`` behind it, oldest first."""
    named, key = queries("console_signals"), {"symbol": symbol, "interval": interval, "at": to_moment(at)}
    back = connection.execute(named["bars up to"], key | {"limit": before}).fetchall()
    ahead = connection.execute(named["bars after"], key | {"limit": after}).fetchall()
    return [_bar(row) for row in [*reversed(back), *ahead]]


def matured_return(
    connection: Connection, symbol: str, interval: str, at: int, *, horizon: int, until: int
) -> tuple[float, int] | None:
    """(log return over ``horizon`` bars from the bar at ``at`` on, close of the bar at which it was known), ns UTC.

    None where it is not known by ``until``.
    """
    values = {"symbol": symbol, "interval": interval, "at": to_moment(at), "until": to_moment(until),
              "horizon": horizon}  # fmt: skip
    row = connection.execute(queries("console_signals")["matured"], values).fetchone()
    return None if row is None else (float(row[0]), to_nanoseconds(row[1]))


def sent_around(connection: Connection, symbol: str, interval: str, first: int, last: int) -> list[dict[str, Any]]:
    """Signals of a symbol that closed within [first, last], ns UTC; at most 500."""
    values = {"symbol": symbol, "interval": interval, "first": to_moment(first), "last": to_moment(last)}
    rows = connection.execute(queries("console_signals")["sent around"], values)
    return [
        {"signal_id": ident, "event_time": to_nanoseconds(time), "signal": signal, "confidence": confidence}
        for ident, time, signal, confidence in rows
    ]


def _bar(row: tuple[Any, ...]) -> PriceBar:
    time, opening, high, low, close, volume, revision = row
    return PriceBar(
        event_time=to_nanoseconds(time), open=opening, high=high, low=low, close=close, volume=volume, revision=revision
    )
