"""Where a range of time lies in the log."""

from dataclasses import dataclass
from datetime import datetime

from infra.history.errors import HistoryError
from infra.settings import Settings
from infra.warehouse.connection import Connection
from infra.warehouse.moments import to_moment, to_nanoseconds
from infra.warehouse.queries import queries
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


def extents(
    connection: Connection, settings: Settings, start: int, end: int, *, loaded: bool = False
) -> tuple[Extent, ...]:
    """Return the stretches of the present log that hold the closes from ``start`` to ``end`` (ns UTC, both included).

    ``loaded``: bars that `backfill` has loaded count too. Partitions without a bar of the range are left out. Raises
    HistoryError where there is none at all, saying what there is.
    """
    if end < start:
        raise HistoryError(f"the range ends before it begins: {_when(start)} to {_when(end)}")
    values = {
        "topic": TopicNames(settings.topics.prefix).bars,
        "start": to_moment(start),
        "end": to_moment(end),
        "loaded": loaded,
    }
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
            f"no bar of the log closes from {_when(start)} to {_when(end)}: {_instead(connection, values)}"
        )
    return found


def _instead(connection: Connection, values: dict[str, object]) -> str:
    loaded, earlier = connection.execute(queries("history")["outside the log"], values).fetchone() or (0, 0)
    if loaded:
        return f"{loaded:,} bars of the range were loaded by `backfill` and lie in no log; give --model, not --as-live"
    if earlier:
        return f"{earlier:,} bars of the range are of a log that was begun anew since, whose order isn't kept"
    others = connection.execute(queries("history")["bars without features"], values).fetchall()
    if others:
        counted = ", ".join(f"{count:,} {status}" for status, count in others)
        return (
            f"the bars of the range make no features ({counted}): they are of another source than the one that a "
            "symbol's bars first came from, or came after the bars that they change"
        )
    low, high = connection.execute(queries("history")["bounds"]).fetchone() or (None, None)
    if low is None:
        return "no bar is stored at all"
    return f"stored bars close from {_shown(low)} to {_shown(high)}"


def _when(time: int) -> str:
    return _shown(to_moment(time))


def _shown(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
