"""The log of bars as the warehouse keeps it (P12): what the topic no longer holds, read in its order."""

from collections.abc import Iterator, Sequence
from heapq import merge
from typing import Any

import numpy as np

from infra.settings import Settings
from infra.warehouse.connection import Connection, connect
from infra.warehouse.moments import to_nanoseconds
from infra.warehouse.queries import queries
from pipeline.engine import LogMessage
from schemas.bars import Adjustment, BarBatch, StateRepair, Watermark
from schemas.codec import decode
from schemas.control import ControlEvent
from schemas.fields import F8Array

_MESSAGES = 50
_HEAD = 20
_ELEMENT = np.dtype([("length", ">i4"), ("value", ">f8")])


def stored_messages(
    settings: Settings, partition: int, first_generation: int, start: int, end: int
) -> Iterator[tuple[int, LogMessage]]:
    """Yield (offset, message) of the present log from ``start`` to ``end`` (exclusive), in order.

    A bar message comes with the rows that were kept of it: what was dropped or dead-lettered changed no state.
    """
    place = {"partition": partition, "first_generation": first_generation, "start": start, "end": end}
    with connect(settings, name="signaltape-stored-log") as connection, connection.transaction():
        # What is read is worked on between two fetches: the session is not idle.
        connection.execute("SET LOCAL idle_in_transaction_session_timeout TO 0")
        yield from merge(_bars(connection, place), _events(connection, place), key=lambda one: one[0])


def generation_starts(connection: Connection, partition: int, first_generation: int) -> list[tuple[int, int]]:
    """(first offset, generation) of the present log's generations, in order: a repair may have kept the log."""
    place = {"partition": partition, "first_generation": first_generation}
    return [(offset, number) for number, offset in connection.execute(queries("added_sets")["generations"], place)]


def is_logged(connection: Connection, partition: int, first_generation: int, offset: int) -> bool:
    """True if the message at an offset, which is no bars, was taken: False means that it was dead-lettered."""
    place = {"partition": partition, "first_generation": first_generation, "offset": offset}
    row = connection.execute(queries("added_sets")["is logged"], place).fetchone()
    return row is not None and bool(row[0])


def _bars(connection: Connection, place: dict[str, int]) -> Iterator[tuple[int, LogMessage]]:
    with connection.cursor(name="log_bars", binary=True) as cursor:
        cursor.itersize = _MESSAGES
        cursor.execute(queries("added_sets")["log bars"], place)
        for row in cursor:
            yield int(row[0]), bar_batch(row[1:7], row[7:])


def bar_batch(key: tuple[Any, ...], columns: Sequence[Any]) -> BarBatch:
    """A batch of stored rows: ``key`` is interval, event time, source, revision, available time, feed; ``columns`` the
    symbols, then prices and volume (NaN: none) as float8 arrays in their wire form."""
    interval, time, source, revision, available, feed = key
    symbols, *numbers = columns
    opens, highs, lows, closes, volumes = map(_floats, numbers)
    valid = ~np.isnan(volumes)
    return BarBatch(
        feed=feed,
        source=source,
        interval=interval,
        event_time=to_nanoseconds(time),
        available_time=to_nanoseconds(available),
        revision=revision,
        symbols=tuple(symbols),
        open=opens,
        high=highs,
        low=lows,
        close=closes,
        volume=np.where(valid, volumes, 0.0),
        volume_valid=valid,
    )


def _floats(sent: bytes) -> F8Array:
    """A one-dimensional float8[] without NULLs: a head of five int4, then length and value of each element."""
    return np.frombuffer(sent, dtype=_ELEMENT, offset=_HEAD)["value"].astype(np.float64)


def _events(connection: Connection, place: dict[str, int]) -> Iterator[tuple[int, LogMessage]]:
    with connection.cursor(name="log_events") as cursor:
        cursor.execute(queries("added_sets")["log events"], place)
        for offset, payload in cursor:
            message = decode(bytes(payload))
            if isinstance(message, Watermark | Adjustment | StateRepair | ControlEvent):
                yield int(offset), message
