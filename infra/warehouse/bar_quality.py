"""What the marks on stored bars say, symbol by symbol."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from infra.warehouse.connection import Connection
from infra.warehouse.moments import to_moment
from infra.warehouse.queries import queries
from pipeline.quality.marks import BITS

_KINDS = {bit: kind for kind, bit in BITS.items()}


@dataclass(frozen=True, kw_only=True)
class MarkedBar:
    """One bar that carries a mark of `kind`."""

    kind: str
    event_time: datetime
    source: str
    revision: int
    close: float


@dataclass(frozen=True, kw_only=True)
class QualityLine:
    """One symbol and interval: stored bars, those of a second source, those marked, marks by kind, newest examples."""

    symbol: str
    interval: str
    bars: int
    secondary: int
    marked: int
    marks: dict[str, int]
    examples: tuple[MarkedBar, ...]


def quality_report(
    connection: Connection,
    *,
    symbol: str | None = None,
    after: int | None = None,
    until: int | None = None,
    examples: int = 2,
) -> tuple[QualityLine, ...]:
    """Count marks of bars with `after` < event_time <= `until` (ns UTC, None: no limit), by symbol and interval.

    `examples`: marked bars shown of each kind, newest first. All symbols where none is named.
    """
    values: dict[str, Any] = {
        **BITS,
        "bits": list(BITS.values()),
        "symbol": symbol,
        "after": "-infinity" if after is None else to_moment(after),
        "until": "infinity" if until is None else to_moment(until),
        "limit": examples,
    }
    named = queries("quality")
    shown: dict[tuple[str, str], list[MarkedBar]] = {}
    for name, interval, bit, time, source, revision, close in connection.execute(named["examples"], values):
        bar = MarkedBar(kind=_KINDS[bit], event_time=time, source=source, revision=revision, close=close)
        shown.setdefault((name, interval), []).append(bar)
    return tuple(
        QualityLine(
            symbol=row[0],
            interval=row[1],
            bars=row[2],
            secondary=row[3],
            marked=row[4],
            marks=dict(zip(BITS, row[5:], strict=True)),
            examples=tuple(shown.get((row[0], row[1]), ())),
        )
        for row in connection.execute(named["counts"], values)
    )
