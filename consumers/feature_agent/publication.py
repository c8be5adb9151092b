"""Steps 1 and 3 of a round: dead letters, then features and returns, each acknowledged before anything follows."""

import functools
from collections import Counter
from collections.abc import Iterable

from consumers.feature_agent.work import PartitionWork
from infra.broker.dead_letters import DeadLetters
from infra.broker.publisher import Publisher
from infra.broker.reading import Record
from infra.settings import Settings
from infra.telemetry.metrics import FEATURE_VECTORS, RETURNS
from schemas.bars import Watermark
from schemas.codec import Message, encode
from schemas.control import ControlEvent
from schemas.features import FeatureBatch, ReturnBatch
from schemas.headers import event_headers, traceparent, written_headers
from schemas.ids import derived_id
from schemas.topics import TopicNames

#: A round is sent in one go and then waited for: its messages gain from going in few requests.
_LINGER_MS = 10
#: Who wrote the derived messages, in their CloudEvents headers.
SOURCE = "/signaltape/features"


class Publication:
    """Publishes with one idempotent producer. Every method raises PublishError, after which nothing more is sent."""

    def __init__(self, settings: Settings, client_id: str) -> None:
        self._names = TopicNames(settings.topics.prefix)
        self._publisher = Publisher(settings, client_id, linger_ms=_LINGER_MS)
        self._letters = DeadLetters(self._publisher, self._names, "features")

    def bury(self, works: Iterable[PartitionWork]) -> None:
        """Write the dead letters of the round and wait for their acknowledgement."""
        letters = [letter for work in works for letter in work.letters]
        for letter in letters:
            self._letters.put(letter.record, letter.code, letter.detail, letter.faults)
        if letters:
            self._letters.flush()

    def publish(self, works: Iterable[PartitionWork]) -> None:
        """Publish features and returns, each to the partition of the bars that it came from, and wait."""
        vectors: Counter[str] = Counter()
        returns: Counter[int] = Counter()
        for work in works:
            for record, part in work.features:
                self._send(self._names.features, work.partition, record, part)
                if isinstance(part, FeatureBatch):
                    vectors[part.feature_set] += len(part.symbols)
            for record, matured in work.returns:
                self._send(self._names.returns, work.partition, record, matured)
                if isinstance(matured, ReturnBatch):
                    returns[matured.horizon] += len(matured.symbols)
        self._publisher.flush_acknowledged()
        for name, count in vectors.items():
            FEATURE_VECTORS.labels(feature_set=name).inc(count)
        for horizon, count in returns.items():
            RETURNS.labels(horizon=str(horizon)).inc(count)

    def _send(
        self, topic: str, partition: int, record: Record, part: FeatureBatch | ReturnBatch | Watermark | ControlEvent
    ) -> None:
        message: Message = part
        position = part.link.position if part.link is not None else (record.offset, 0)
        time = part.effective_from if isinstance(part, ControlEvent) else part.event_time
        headers = list(_headers(part.TYPE, time))
        headers[_ID] = ("ce_id", derived_id(topic, partition, position).encode())
        if record.headers:
            headers.extend(traceparent(record.headers))
        if isinstance(part, FeatureBatch) and part.kind == "live":
            headers.extend(written_headers(record.timestamp_ms))
        self._publisher.send(topic, partition, encode(message), headers=headers)


@functools.lru_cache(maxsize=64)
def _headers(kind: str, time: int) -> tuple[tuple[str, bytes], ...]:
    """Return the headers that messages of one kind and time share; the id in them is a place for each one's own."""
    return tuple(event_headers(kind, "", SOURCE, time))


_ID = [name for name, _ in _headers("FeatureBatch", 0)].index("ce_id")
