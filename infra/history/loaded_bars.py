"""Bars that were loaded in bulk: they lie in no log, so one is made of them."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from infra.settings import Settings
from infra.warehouse.connection import connect
from infra.warehouse.moments import to_moment
from infra.warehouse.queries import queries
from infra.warehouse.stored_log import bar_batch
from pipeline.engine import LogMessage
from schemas.bars import BarBatch, StateRepair, Watermark

_MESSAGES = 50


def loaded_batches(settings: Settings, partition: int, last: int) -> Iterator[BarBatch]:
    """Yield what `backfill FILE` has loaded of a partition's symbols, one batch a close, in order of time.

    ``last``: the highest close that is wanted, ns UTC; nothing before it depends on what came later.
    """
    with connect(settings, name="signaltape-history") as connection, connection.transaction():
        connection.execute("SET LOCAL idle_in_transaction_session_timeout TO 0")
        with connection.cursor(name="loaded_bars", binary=True) as cursor:
            cursor.itersize = _MESSAGES
            cursor.execute(queries("history")["loaded bars"], {"partition": partition, "last": to_moment(last)})
            for row in cursor:
                yield bar_batch(row[:6], row[6:])


def with_loaded(batches: Iterable[BarBatch], log: Iterable[tuple[int, LogMessage]]) -> Iterator[tuple[int, LogMessage]]:
    """Put loaded bars before a partition's log, as a feed that came and went, and move the log's offsets behind them.

    The states by which a load entered the log are left out: the bars themselves have been taken.
    """
    offset = 0
    feeds: dict[str, int] = {}
    for batch in batches:
        if batch.feed not in feeds:
            yield offset, Watermark(feed=batch.feed, event_time=batch.event_time - 1, state="open")
            offset += 1
        feeds[batch.feed] = batch.event_time
        yield offset, batch
        offset += 1
    for feed, last in feeds.items():
        yield offset, Watermark(feed=feed, event_time=last, state="final")
        offset += 1
    for place, message in log:
        if isinstance(message, StateRepair):
            if message.as_of_offset < 0:
                continue
            yield offset + place, replace(message, as_of_offset=offset + message.as_of_offset)
        else:
            yield offset + place, message
