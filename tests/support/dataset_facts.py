"""Stored facts of a dataset, and plain Python that says which rows it must have."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from infra.warehouse import Connection
from infra.warehouse.moments import to_moment

FEATURES = ("a", "b")


@dataclass(frozen=True, kw_only=True)
class Clocks:
    """Close of a bar, when what follows from it became available, when it was stored: ns UTC."""

    symbol: str
    event: int
    available: int
    ingest: int
    revision: int = 0


@dataclass(frozen=True, kw_only=True)
class Vector(Clocks):
    """A row of `features` of the set core, version 1, interval 1m."""

    values: tuple[float | None, float | None]
    kind: str = "live"
    feature_set: str = "core"
    version: int = 1
    interval: str = "1m"


@dataclass(frozen=True, kw_only=True)
class Return(Clocks):
    """A row of `returns`: `event` is the maturing bar's close, `labels` are (horizon, prediction time, return)."""

    labels: tuple[tuple[int, int, float], ...]
    interval: str = "1m"


@dataclass(frozen=True, kw_only=True)
class Bar(Clocks):
    """A row of `bars`."""

    status: str = "first"
    source: str = "vendor"
    interval: str = "1m"


Fact = Vector | Return | Bar

_VECTOR = """INSERT INTO features VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, 1.0, %s, 0)"""
_RETURN = """INSERT INTO returns VALUES (%s, %s, %s, %s, %s, %s, 'live', %s, %s, %s, 0)"""
_BAR = """INSERT INTO bars VALUES (%s, %s, %s, %s, %s, %s, %s, 'feed', %s, 1, 1, 1, 1, 1, 1, 0, 0, 0)"""


def insert(connection: Connection, facts: Iterable[Fact]) -> None:
    """Store facts in the order given, in one transaction, `ingest_time` included."""
    with connection.transaction(), connection.pipeline():
        for one in facts:
            event, available, ingest = map(to_moment, (one.event, one.available, one.ingest))
            clocks = (event, one.revision, available, ingest)
            match one:
                case Vector():
                    head = (one.feature_set, one.version, one.symbol, one.interval)
                    connection.execute(_VECTOR, (*head, *clocks, one.kind, list(one.values)))
                case Return():
                    horizons, times, values = map(list, zip(*one.labels, strict=True))
                    moments = [to_moment(time) for time in times]
                    connection.execute(_RETURN, (one.symbol, one.interval, *clocks, horizons, moments, values))
                case Bar():
                    head = (one.symbol, one.interval, event, one.source, one.revision, available, ingest)
                    connection.execute(_BAR, (*head, one.status))


#: (symbol, event, available, values, label, label's event, label's available)
Expected = tuple[str, int, int, tuple[float | None, ...], float, int, int]


def expected_rows(
    facts: Sequence[Fact], within: Callable[[str, int], bool], horizon: int, as_of: int, knowledge: str
) -> tuple[list[Expected], int, int]:
    """The oracle, fact by fact: labelled rows by symbol and time, late rows, rows without a label."""

    def known_at(fact: Fact) -> int:
        return max(fact.available, fact.ingest) if knowledge == "ingested" else fact.available

    rows, late, unmatured = [], 0, 0
    known = [fact for fact in facts if known_at(fact) <= as_of and fact.interval == "1m"]
    vectors = [one for one in known if isinstance(one, Vector) and (one.feature_set, one.version) == ("core", 1)]
    for symbol, event in sorted({(one.symbol, one.event) for one in vectors if within(one.symbol, one.event)}):
        mine = [one for one in vectors if (one.symbol, one.event, one.kind) == (symbol, event, "live")]
        if not mine:
            late += 1
            continue
        first = min(mine, key=lambda one: (known_at(one), one.revision))
        labels = [
            (one.revision, one.event, value, one.available)
            for one in known
            if isinstance(one, Return) and one.symbol == symbol
            for length, prediction, value in one.labels
            if (length, prediction) == (horizon, event)
        ]
        if not labels:
            unmatured += 1
            continue
        _, label_event, label, label_available = max(labels)
        rows.append((symbol, event, first.available, first.values, label, label_event, label_available))
    return rows, late, unmatured
