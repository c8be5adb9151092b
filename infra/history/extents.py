"""Where a range of time lies in the log."""

from dataclasses import dataclass

from infra.history.errors import HistoryError
from infra.settings import Settings
from infra.warehouse.connection import Connection
from infra.warehouse.moments import to_moment, to_nanoseconds
from infra.warehouse.queries import queries
from infra.warehouse.verification import Lane
from schemas.headers import iso_time
from schemas.topics import TopicNames


@dataclass(frozen=True, kw_only=True, slots=True)
class Extent:
    """A stretch of one partition: offsets from ``start`` to ``end`` (exclusive), ``bars`` first bars in the range.

    ``loaded`` of them were loaded in bulk and lie in no log. ``first_time``, ``last_time``: lowest and highest close
    among all, ns UTC. ``first_generation``: of the log.
    """

    partition: int
    first_generation: int
    start: int
    end: int
    bars: int
    loaded: int
    first_time: int
    last_time: int

    def lane(self, start: int | None = None) -> Lane:
        """What of the log is read: the stretch, from an earlier ``start`` on where one is given."""
        return Lane(
            partition=self.partition,
            first_generation=self.first_generation,
            start=self.start if start is None else start,
            end=self.end,
        )


def extents(
    connection: Connection, settings: Settings, start: int, end: int, *, loaded: bool = False
) -> tuple[Extent, ...]:
    """Return the stretches of the present log that hold the closes from ``start`` to ``end`` (ns UTC, both included).

    ``loaded``: bars that `backfill` has loaded count too. Partitions without a bar of the range are left out. Raises
    HistoryError where there is none at all, saying what there is.
    """
    if end < start:
        raise HistoryError(f"the range ends before it begins: {iso_time(start)} to {iso_time(end)}")
    values = _span(settings, start, end) | {"loaded": loaded}
    found = tuple(
        Extent(
            partition=partition,
            first_generation=generation,
            start=first,
            end=behind,
            bars=count,
            loaded=bulk,
            first_time=to_nanoseconds(low),
            last_time=to_nanoseconds(high),
        )
        for partition, generation, first, behind, count, bulk, low, high in connection.execute(
            queries("history")["extents"], values
        )
    )
    if not found:
        raise HistoryError(
            f"no bar of the log closes from {iso_time(start)} to {iso_time(end)}: "
            + _instead(connection, settings, start, end)
        )
    return found


def outside_the_log(connection: Connection, settings: Settings, start: int, end: int) -> tuple[int, int]:
    """Bars of a range that were loaded in bulk, and bars of a log that was begun anew since."""
    found = connection.execute(queries("history")["outside the log"], _span(settings, start, end)).fetchone()
    loaded, earlier = found or (0, 0)
    return int(loaded), int(earlier)


def _span(settings: Settings, start: int, end: int) -> dict[str, object]:
    return {"topic": TopicNames(settings.topics.prefix).bars, "start": to_moment(start), "end": to_moment(end)}


def _instead(connection: Connection, settings: Settings, start: int, end: int) -> str:
    loaded, earlier = outside_the_log(connection, settings, start, end)
    if loaded:
        return f"{loaded:,} bars of the range were loaded by `backfill` and lie in no log; give --model, not --as-live"
    if earlier:
        return f"{earlier:,} bars of the range are of a log that was begun anew since, whose order isn't kept"
    others = connection.execute(queries("history")["bars without features"], _span(settings, start, end)).fetchall()
    if others:
        counted = ", ".join(f"{count:,} {status}" for status, count in others)
        return (
            f"the bars of the range make no features ({counted}): they are of another source than the one that a "
            "symbol's bars first came from, or came after the bars that they change"
        )
    low, high = connection.execute(queries("history")["bounds"]).fetchone() or (None, None)
    if low is None:
        return "no bar is stored at all"
    return f"stored bars close from {iso_time(to_nanoseconds(low))} to {iso_time(to_nanoseconds(high))}"
