"""The log of bars as the warehouse keeps it (P12): what the topic no longer holds, read in its order."""

from collections.abc import Iterator
from heapq import merge
from itertools import groupby
from typing import Any

import numpy as np

from infra.settings import Settings
from infra.warehouse.connection import Connection, connect
from infra.warehouse.moments import to_nanoseconds
from infra.warehouse.queries import queries
from schemas.bars import Adjustment, BarBatch, StateRepair, Watermark
from schemas.codec import decode
from schemas.control import ControlEvent

StoredMessage = BarBatch | Watermark | Adjustment | StateRepair | ControlEvent
_ROWS = 5_000


def stored_messages(
    settings: Settings, partition: int, first_generation: int, start: int, end: int
) -> Iterator[tuple[int, StoredMessage]]:
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


def _bars(connection: Connection, place: dict[str, int]) -> Iterator[tuple[int, StoredMessage]]:
    with connection.cursor(name="log_bars") as cursor:
        cursor.itersize = _ROWS
        cursor.execute(queries("added_sets")["log bars"], place)
        for key, rows in groupby(cursor, key=lambda row: row[:7]):
            yield int(key[0]), bar_batch(key[1:], [row[7:] for row in rows])


def bar_batch(key: tuple[Any, ...], rows: list[tuple[Any, ...]]) -> BarBatch:
    """A batch of stored rows: ``key`` is interval, event time, source, revision, available time, feed."""
    interval, time, source, revision, available, feed = key
    symbols, *prices, volumes = zip(*rows, strict=True)
    opens, highs, lows, closes = (np.array(column, dtype=np.float64) for column in prices)
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
        volume=np.array([0.0 if one is None else one for one in volumes], dtype=np.float64),
        volume_valid=np.array([one is not None for one in volumes], dtype=np.bool_),
    )


def _events(connection: Connection, place: dict[str, int]) -> Iterator[tuple[int, StoredMessage]]:
    with connection.cursor(name="log_events") as cursor:
        cursor.execute(queries("added_sets")["log events"], place)
        for offset, payload in cursor:
            message = decode(bytes(payload))
            if isinstance(message, Watermark | Adjustment | StateRepair | ControlEvent):
                yield int(offset), message
