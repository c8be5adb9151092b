"""What the tables hold about one symbol at one bar: the facts of an explanation."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from infra.warehouse.checkpoints import OFFSET_BITS
from infra.warehouse.connection import Connection
from infra.warehouse.explanation_rows import (
    bar_fact,
    call_fact,
    call_of_row,
    control_fact,
    row_fact,
    signal_fact,
    vector_fact,
)
from infra.warehouse.moments import to_moment, to_nanoseconds
from infra.warehouse.queries import queries
from pipeline.deployments import ModelRef
from pipeline.engine import LogMessage
from pipeline.explanation.facts import BarFact, CallFact, ControlFact, LastAnswer, RepairFact, SignalFact
from schemas.bars import Adjustment, StateRepair, Watermark
from schemas.codec import decode


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """A signal by its id."""

    signal_id: str
    symbol: str
    interval: str
    event_time: int


@dataclass(frozen=True, kw_only=True, slots=True)
class LogPlace:
    """One message of a partition's log: ``generation`` in which it was taken, ``first_generation`` of that log."""

    partition: int
    source_offset: int
    generation: int
    first_generation: int


class Facts:
    """Reads facts about (symbol, interval, event time in ns UTC)."""

    def __init__(self, connection: Connection, symbol: str, interval: str, event_time: int) -> None:
        self._connection = connection
        self._key = {"symbol": symbol, "interval": interval, "event_time": to_moment(event_time)}

    def bars(self) -> tuple[BarFact, ...]:
        """Every stored bar of the close."""
        return tuple(map(bar_fact, self._rows("bars at")))

    def neighbours(self) -> tuple[int | None, int | None]:
        """The closes before and after it that have a bar."""
        before, after = next(iter(self._rows("neighbours")))
        return (
            None if before is None else to_nanoseconds(before),
            None if after is None else to_nanoseconds(after),
        )

    def behind(self, bar: BarFact, place: LogPlace, limit: int) -> tuple[BarFact, ...]:
        """The newest bars up to ``bar``, oldest first, as the log had them at its place."""
        values = {**_values(place), "source": bar.source, "limit": limit}
        return tuple(map(bar_fact, reversed(self._rows("bars behind", **values))))

    def vectors(self, place: LogPlace | None) -> list[tuple[int, Any]]:
        """(generation, live vector of each set) made of the message at a place, the newest generation first."""
        mask = (1 << OFFSET_BITS) - 1
        found = []
        for row in self._rows("vectors"):
            fact = vector_fact(row)
            if place is None or fact.revision & mask == place.source_offset + 1:
                found.append((fact.revision >> OFFSET_BITS, fact))
        return found

    def calls(self, partition: int, source_offset: int) -> tuple[tuple[CallFact, ...], tuple[Any, ...]]:
        """Model calls of a message, and the symbol's row of each; a call that is known by its row only has no hash."""
        at = {"partition": partition, "source_offset": source_offset}
        calls = [call_fact(row) for row in self._rows("calls", **at)]
        known = {one.key for one in calls}
        rows = self._rows("rows", **at)
        calls += [call for row in rows if (call := call_of_row(row)).key not in known]
        return tuple(calls), tuple(map(row_fact, rows))

    def signal(self) -> SignalFact | None:
        """The signal of the bar."""
        return next((signal_fact(row) for row in self._rows("signal at")), None)

    def emission_before(self) -> SignalFact | None:
        """The last signal before the bar."""
        return next((signal_fact(row) for row in self._rows("emission before")), None)

    def last_answers(self, since: int) -> tuple[LastAnswer, ...]:
        """What each model last answered before the bar, from ``since`` (ns UTC) on."""
        rows = self._rows("last answers", since=to_moment(max(since, 0)))
        return tuple(
            LastAnswer(ref=ModelRef(name=name, version=version), score=score, event_time=to_nanoseconds(time))
            for name, version, score, time in rows
        )

    def control(self, partition: int) -> tuple[ControlFact, ...]:
        """Events in force on a partition; raises WarehouseError where the store has one without its content."""
        rows = self._rows("control", partition=partition)
        numbers = {place: number for number, place in enumerate(sorted((row[0], row[1]) for row in rows))}
        return tuple(control_fact(row, numbers[row[0], row[1]]) for row in rows)

    def repairs(self) -> tuple[RepairFact, ...]:
        """Requests that reach the bar, in the order in which they came."""
        return tuple(
            RepairFact(event_time=to_nanoseconds(time), reason=reason, status=status, source_offset=offset)
            for time, reason, status, offset in self._rows("repairs")
        )

    def predicted_to(self, partition: int) -> int | None:
        """Highest close of the partition that has a prediction."""
        (time,) = next(iter(self._rows("predicted to", partition=partition)))
        return None if time is None else to_nanoseconds(time)

    def log(self, place: LogPlace, after: int) -> Iterator[tuple[int, LogMessage]]:
        """The symbol's messages from offset ``after`` up to a place, and the partition's watermarks, in order."""
        values = {**_values(place), "after": after}
        bars = [(fact.source_offset, fact.batch()) for fact in map(bar_fact, self._rows("log bars", **values))]
        events = list(_events(self._rows("log events", **values), self._key["symbol"]))
        yield from sorted([*events, *bars], key=lambda pair: pair[0])

    def _rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        return self._connection.execute(queries("explanation")[query], {**self._key, **values}).fetchall()


def _values(place: LogPlace) -> dict[str, Any]:
    return {
        "partition": place.partition,
        "source_offset": place.source_offset,
        "first_generation": place.first_generation,
    }


def _events(rows: Iterable[tuple[Any, ...]], symbol: Any) -> Iterator[tuple[int, LogMessage]]:
    for offset, payload in rows:
        message = decode(bytes(payload))
        if isinstance(message, Watermark) or (
            isinstance(message, Adjustment | StateRepair) and message.symbol == symbol
        ):
            yield int(offset), message


def signals_like(connection: Connection, prefix: str) -> list[Named]:
    """Up to six signals whose ids begin with ``prefix`` (hexadecimal digits), the newest first."""
    rows: Sequence[tuple[Any, ...]] = connection.execute(
        queries("explanation")["signals like"], {"prefix": prefix}
    ).fetchall()
    return [
        Named(signal_id=signal_id, symbol=symbol, interval=interval, event_time=to_nanoseconds(time))
        for signal_id, symbol, interval, time in rows
    ]


def intervals_of(connection: Connection, symbol: str) -> list[str]:
    """Intervals of which bars of a symbol are stored."""
    return [str(row[0]) for row in connection.execute(queries("explanation")["intervals"], {"symbol": symbol})]
