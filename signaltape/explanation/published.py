"""What the topics still hold about a bar: when each message was published, the bar as it came, dead letters.

Topics forget after their retention, and the broker may be away: then this part is missing, and nothing else.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from infra.broker.admin import low_high_offsets
from infra.broker.errors import BrokerError
from infra.broker.reachable import require_broker
from infra.broker.reading import Record, read_topic
from infra.settings import Settings
from pipeline.explanation.facts import BarFact, DeadLetter, Moment
from schemas.bars import BarBatch
from schemas.codec import decode, decode_any
from schemas.errors import DecodeError
from schemas.predictions import PredictionBatch
from schemas.raw_bar import named_in
from schemas.signals import Signal
from schemas.topics import TopicNames

_ERRORS = "__connect.errors."


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """Times of publication (ns UTC) by topic, and the message of ``bars``; ``missing``: what isn't there, and why."""

    times: dict[str, int] = field(default_factory=dict)
    bar: BarBatch | None = None
    missing: str = ""


def published(settings: Settings, moment: Moment) -> Published:
    """Find the messages of a moment by their addresses; each is checked to be the one, not another at its offset."""
    names, bar, signal = TopicNames(settings.topics.prefix), moment.bar, moment.signal
    if bar is None:
        return Published()
    times: dict[str, int] = {}
    batch = None
    try:
        require_broker(settings)
        record = _at(settings, names.bars, bar.partition, bar.source_offset)
        if record is not None and (batch := _bar(record, bar)) is not None:
            times["bars"] = record.timestamp_ms * 1_000_000
        for row in moment.rows[:1]:
            record = _at(settings, names.predictions, moment.partition, row.topic_offset)
            if record is not None and _is_prediction(record, moment):
                times["predictions"] = record.timestamp_ms * 1_000_000
        if signal is not None:
            record = _at(settings, names.signals, signal.partition, signal.topic_offset)
            if record is not None and _is_signal(record, signal.signal.signal_id):
                times["signals"] = record.timestamp_ms * 1_000_000
    except BrokerError as error:
        return Published(times=times, bar=batch, missing=f"the broker can't be asked: {error}")
    wanted = ["bars", *(["predictions"] if moment.rows else []), *(["signals"] if signal is not None else [])]
    gone = [name for name in wanted if name not in times]
    return Published(times=times, bar=batch, missing=f"no longer in the topic: {', '.join(gone)}" if gone else "")


def dead_letters(settings: Settings, symbol: str, interval: str, event_time: int) -> tuple[DeadLetter, ...]:
    """Rejected bars of a symbol and close, from the dead letters of ``bars`` and ``bars-in``. Raises BrokerError."""
    require_broker(settings)
    names = TopicNames(settings.topics.prefix)
    found = []
    for topic in (names.bars, names.bars_in):
        for record in read_topic(settings, names.dlq(topic)):
            headers = {name: (value or b"").decode(errors="replace") for name, value in record.headers}
            rejected = headers.get("signaltape.symbols", "").split(",") if "signaltape.symbols" in headers else None
            if not _concerns(record, (symbol, interval, event_time), rejected):
                continue
            found.append(
                DeadLetter(
                    topic=headers.get(_ERRORS + "topic", topic),
                    partition=int(headers.get(_ERRORS + "partition", "-1")),
                    offset=int(headers.get(_ERRORS + "offset", "-1")),
                    code=headers.get(_ERRORS + "exception.class.name", "unknown"),
                    detail=headers.get(_ERRORS + "exception.message", ""),
                )
            )
    return tuple(found)


def _concerns(record: Record, wanted: tuple[str, str, int], rejected: list[str] | None) -> bool:
    """True if a dead letter is about the bar; ``rejected``: symbols of the rows that were refused, None for all."""
    symbol, interval, event_time = wanted
    if rejected is not None and symbol not in rejected:
        return False
    return any(
        (symbol in symbols, name, time) == (True, interval, event_time) for symbols, name, time in _bars_in(record)
    )


def _bars_in(record: Record) -> Iterator[tuple[tuple[str, ...], str, int]]:
    """(symbols, interval, event time) of the bars in a record, as far as it can be read."""
    try:
        message = decode(record.value)
    except DecodeError:
        named = named_in(record.value)
        if named is not None:
            yield (named[0],), named[1], named[2]
        return
    if isinstance(message, BarBatch):
        yield message.symbols, message.interval, message.event_time


def _at(settings: Settings, topic: str, partition: int, offset: int) -> Record | None:
    low, high = low_high_offsets(settings, topic).get(partition, (0, 0))
    if not low <= offset < high:
        return None
    records = read_topic(settings, topic, from_offsets={partition: offset}, to_offsets={partition: offset + 1})
    return next((record for record in records if record.offset == offset), None)


def _bar(record: Record, bar: BarFact) -> BarBatch | None:
    try:
        message = decode(record.value)
    except DecodeError:
        return None
    if not isinstance(message, BarBatch) or not 0 <= bar.row_index < len(message.symbols):
        return None
    named = (message.symbols[bar.row_index], message.interval, message.event_time, message.source)
    return message if named == (bar.symbol, bar.interval, bar.event_time, bar.source) else None


def _is_prediction(record: Record, moment: Moment) -> bool:
    try:
        message = decode(record.value)
    except DecodeError:
        return False
    return isinstance(message, PredictionBatch) and message.event_time == moment.event_time


def _is_signal(record: Record, signal_id: str) -> bool:
    content_type = (dict(record.headers).get("content-type") or b"").decode()
    try:
        message = decode_any(record.value, content_type)
    except DecodeError:
        return False
    return isinstance(message, Signal) and message.signal_id == signal_id
