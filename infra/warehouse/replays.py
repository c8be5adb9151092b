"""What a replay asks the warehouse: of the live tables before it begins, of its own when it has ended."""

from collections.abc import Sequence
from dataclasses import dataclass

from infra.warehouse.connection import Connection
from infra.warehouse.moments import to_moment
from infra.warehouse.queries import queries


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownSymbol:
    """``known``: the log has a bar of it; ``bars``: first bars of it that close in the range."""

    symbol: str
    known: bool
    bars: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplayCounts:
    """Rows of a range of time."""

    bars: int
    features: int
    predictions: int
    signals: int
    alerts: int


def known_symbols(connection: Connection, symbols: Sequence[str], start: int, end: int) -> list[KnownSymbol]:
    """What the log has of ``symbols``, from ``start`` to ``end`` (ns UTC, both included)."""
    values = {"symbols": list(symbols), "start": to_moment(start), "end": to_moment(end)}
    return [
        KnownSymbol(symbol=symbol, known=known, bars=bars)
        for symbol, known, bars in connection.execute(queries("replay")["symbols"], values)
    ]


def stored_sets(connection: Connection) -> dict[tuple[str, int], str]:
    """(feature set, version) → hash, of the sets that rows were made of."""
    rows = connection.execute(queries("replay")["feature sets"])
    return {(str(name), int(version)): str(digest) for name, version, digest in rows}


def counts(connection: Connection, start: int, end: int) -> ReplayCounts:
    """Rows from ``start`` to ``end`` (ns UTC, both included)."""
    values = {"start": to_moment(start), "end": to_moment(end)}
    row = connection.execute(queries("replay")["counts"], values).fetchone() or (0,) * 5
    names = ("bars", "features", "predictions", "signals", "alerts")
    return ReplayCounts(**dict(zip(names, map(int, row), strict=True)))


def all_signals(connection: Connection) -> int:
    """Signals of the whole replay."""
    row = connection.execute(queries("replay")["all signals"]).fetchone()
    return 0 if row is None else int(row[0])


def open_repairs(connection: Connection) -> int:
    """Corrections whose rows have not been made anew yet."""
    row = connection.execute(queries("replay")["open repairs"]).fetchone()
    return 0 if row is None else int(row[0])
