"""Messages of a round as records: bytes, keys and headers."""

from collections.abc import Iterable, Iterator
from itertools import repeat

from pipeline.routing.partition import Output
from schemas.bars import Watermark
from schemas.codec import encode, encode_json
from schemas.headers import JSON, MSGPACK, Headers, event_headers
from schemas.ids import derived_id, digest
from schemas.intervals import session_end
from schemas.link import Position
from schemas.predictions import FeatureStats, PredictionBatch, RouterSnapshot
from schemas.signal_bytes import encode_signals
from schemas.signal_columns import SignalColumns
from schemas.signals import Heartbeat, Notice, Signal
from schemas.topics import TopicNames

_SOURCE = "inference"


#: One record to be produced: topic, value, key, partition, headers. A plain tuple, for there are thousands in a burst.
OutRecord = tuple[str, bytes, bytes | None, int, Headers]


class Outbox:
    """Encodes outputs. ``as_json`` concerns ``signals`` only; ``trace``: headers copied from the input."""

    def __init__(self, names: TopicNames, *, as_json: bool) -> None:
        self._names = names
        self._as_json = as_json
        self._content_type = JSON if as_json else MSGPACK

    def records(self, partition: int, position: Position, output: Output, trace: Headers) -> Iterator[OutRecord]:
        """Yield the records of one source message: ``signals`` first, because gateways wait for them."""
        yield from self._signals(partition, output, trace)
        topic = self._names.predictions
        for message in output.predictions:
            identity = f"{derived_id(topic, partition, position)}/{_part(message)}"
            time = session_time(message)
            headers = event_headers(message.TYPE, identity, _SOURCE, time)
            yield topic, encode(message), None, partition, headers + trace

    def snapshot(self, message: RouterSnapshot) -> OutRecord:
        """Return the record of a router snapshot."""
        topic, partition = self._names.predictions, message.source_partition
        identity = f"{derived_id(topic, partition, message.fence)}/snapshot"
        headers = event_headers(message.TYPE, identity, _SOURCE, message.event_time)
        return topic, encode(message), None, partition, headers

    def _signals(self, partition: int, output: Output, trace: Headers) -> Iterable[OutRecord]:
        topic, signals = self._names.signals, output.signals
        if not isinstance(signals, SignalColumns):
            return [self._progress(topic, partition, message, trace) for message in signals]
        values = list(map(encode_json, signals)) if self._as_json else encode_signals(signals)
        shared = [*event_headers(Signal.TYPE, "", _SOURCE, signals.event_time, self._content_type), *trace]
        place = next(n for n, (name, _) in enumerate(shared) if name == "ce_id")
        before, after = shared[:place], shared[place + 1 :]
        headers = [[*before, ("ce_id", identity.encode()), *after] for identity in signals.signal_id]
        return zip(repeat(topic), values, map(str.encode, signals.symbol), repeat(partition), headers, strict=False)

    def _progress(self, topic: str, partition: int, message: Signal | Heartbeat | Notice, trace: Headers) -> OutRecord:
        identity = digest(message.TYPE, topic, partition, message.seq)
        value = encode_json(message) if self._as_json else encode(message)
        headers = event_headers(message.TYPE, identity, _SOURCE, message.event_time, self._content_type)
        return topic, value, None, partition, headers + trace


def session_time(message: PredictionBatch | FeatureStats | Watermark) -> int:
    """Return the event time (ns UTC) of a message of ``predictions``; for statistics the session's end."""
    if isinstance(message, FeatureStats):
        return session_end(message.session)
    return message.event_time


def _part(message: PredictionBatch | FeatureStats | Watermark) -> str:
    """What tells the messages of one source message apart."""
    if isinstance(message, PredictionBatch):
        return f"{message.strategy}/{message.role}/{message.model}/{message.model_version}"
    if isinstance(message, FeatureStats):
        return f"stats/{message.feature_set}/{message.set_version}/{message.interval}/{message.session}"
    return "watermark"
