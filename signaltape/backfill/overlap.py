"""Does the log, or an earlier load, already know the symbols of a history? What can't be made right is refused."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from infra.broker.reading import read_topic
from infra.settings import Settings
from infra.warehouse.backfills import StoredSpan, stored_spans, stored_splits
from infra.warehouse.checkpoints import read_checkpoints
from infra.warehouse.connection import Connection
from infra.warehouse.errors import MissingCheckpoint
from infra.warehouse.feature_rounds import SERVICE
from infra.warehouse.moments import to_moment
from producers.history import History
from schemas.bars import Adjustment, BarBatch
from schemas.codec import decode
from schemas.errors import DecodeError
from schemas.intervals import session_of
from schemas.topics import TopicNames
from signaltape.backfill.errors import BackfillRefused

_SHOWN = 3


@dataclass(kw_only=True, slots=True)
class Known:
    """What is known of a history's symbols: spans stored or in the log's tail, and every split of the log."""

    spans: list[StoredSpan] = field(default_factory=list)
    splits: list[Adjustment] = field(default_factory=list)


def what_is_known(settings: Settings, connection: Connection, history: History) -> Known:
    """Look in the warehouse, and in what the feature agent has yet to take from the log.

    The offsets are read first: what it stores meanwhile is seen twice, never missed.
    """
    topic, interval = TopicNames(settings.topics.prefix).bars, history.table.interval
    offsets = {number: one.effect_offset for number, one in read_checkpoints(connection, SERVICE, topic).items()}
    if len(offsets) != settings.topics.partitions:
        raise MissingCheckpoint(f"{SERVICE} has no checkpoints for {topic}: run `signaltape init`")
    wanted = frozenset(history.symbols)
    known = Known(
        spans=stored_spans(connection, interval, history.symbols),
        splits=[message for raw in stored_splits(connection) if isinstance(message := decode(raw), Adjustment)],
    )
    for record in read_topic(settings, topic, from_offsets=offsets):
        try:
            message = decode(record.value)
        except DecodeError:
            continue
        if isinstance(message, Adjustment):
            known.splits.append(message)
        elif isinstance(message, BarBatch) and message.interval == interval:
            known.spans += [_span(message, symbol) for symbol in message.symbols if symbol in wanted]
    known.splits = [one for one in known.splits if one.symbol in wanted]
    return known


def refuse_overlap(known: Known, history: History, source: str, splits: Sequence[Adjustment], ring: int) -> None:
    """Raise ``BackfillRefused`` if loading the history would leave something wrong.

    Bars that came live may follow the history: the state then enters below them, and they are computed anew as
    corrections. That takes all of them in the engine's ring, from the same source, and no split on the way.
    """
    last = dict(zip(history.symbols, history.last.tolist(), strict=True))
    interval = history.table.interval
    if loaded := [one for one in known.spans if not one.live]:
        raise BackfillRefused(
            f"{_names(one.symbol for one in loaded)}: {interval} bars were loaded before, by the backfill"
            f" {loaded[0].feed!r}, up to {to_moment(loaded[0].last):%Y-%m-%d %H:%M:%S}Z. Later bars go into the log by"
            " `signaltape publish`; a longer history starts under a new topic prefix and database"
        )
    _refuse_live(known, last, (interval, source, ring))
    _refuse_splits(known, last, splits)


def _refuse_live(known: Known, last: dict[str, int], terms: tuple[str, str, int]) -> None:
    interval, source, ring = terms
    counts: dict[str, int] = {}
    for one in known.spans:
        end = last[one.symbol]
        same_session = interval == "1d" and session_of(one.first) == session_of(end)
        if one.first <= end or same_session:
            raise BackfillRefused(
                f"{one.symbol}: the log has {interval} bars of it from {to_moment(one.first):%Y-%m-%d %H:%M:%S}Z on,"
                f" and the file has bars up to {to_moment(end):%Y-%m-%d %H:%M:%S}Z: they overlap. Cut the file off"
                " before the first live bar of each symbol, or leave the symbol out; late bars go through"
                " `signaltape publish`"
            )
        if one.sources != (source, source):
            raise BackfillRefused(
                f"{one.symbol}: the log has its bars from source {one.sources[0]!r}, the file's are from {source!r}:"
                " features of one symbol come from one source; name it with --source"
            )
        counts[one.symbol] = counts.get(one.symbol, 0) + one.count
    if deep := [symbol for symbol, count in counts.items() if count >= ring]:
        raise BackfillRefused(
            f"{_names(deep)}: the log already has {ring} or more {interval} bars, more than can be computed anew below"
            " a history. Load the history before live bars, under a new topic prefix and database"
        )


def _refuse_splits(known: Known, last: dict[str, int], splits: Sequence[Adjustment]) -> None:
    given = {(one.symbol, one.effective_time): one.factor for one in splits}
    live = {one.symbol for one in known.spans}
    for one in known.splits:
        factor = given.get((one.symbol, one.effective_time))
        inside = one.effective_time < last[one.symbol]
        if (factor is None and inside) or (factor is not None and factor != one.factor):
            raise BackfillRefused(
                f"{one.symbol}: the log has a split by {one.factor} at {to_moment(one.effective_time):%Y-%m-%d %H:%M}Z."
                " Give bars as they were traded, and name this split in --adjustments too"
            )
    if both := sorted(live & {one.symbol for one in (*splits, *known.splits)}):
        raise BackfillRefused(
            f"{_names(both)}: the log has bars of it already, and it has splits: load a history with splits before the"
            " symbol's first live bar"
        )


def _span(message: BarBatch, symbol: str) -> StoredSpan:
    time, sources = message.event_time, (message.source, message.source)
    return StoredSpan(symbol=symbol, live=True, feed=message.feed, sources=sources, first=time, last=time, count=1)


def _names(symbols: Iterable[str]) -> str:
    found = sorted(set(symbols))
    return ", ".join(found[:_SHOWN]) + (f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else "")
