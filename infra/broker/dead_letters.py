"""Dead letters: a message that can't be taken, kept as it came, with its address and the reason."""

from collections.abc import Sequence

from infra.broker.publisher import Publisher
from infra.broker.reading import Record
from infra.telemetry.metrics import DEAD_LETTERS
from schemas.headers import dead_letter_headers
from schemas.row_faults import RowFault
from schemas.topics import TopicNames


class DeadLetters:
    """Writes to ``<topic>.dlq``. Nothing is acknowledged before ``flush`` returns."""

    def __init__(self, publisher: Publisher, names: TopicNames, service: str) -> None:
        self._publisher = publisher
        self._names = names
        self._service = service

    def put(self, record: Record, code: str, detail: str, faults: Sequence[RowFault] = ()) -> None:
        """Keep one record: key and value unchanged, its own headers, then ours. ``faults`` names single rows."""
        reason = dead_letter_headers(
            (record.topic, record.partition, record.offset),
            self._service,
            code,
            detail,
            rows=[fault.row for fault in faults],
            symbols=[fault.symbol for fault in faults],
        )
        self._publisher.send(
            self._names.dlq(record.topic), 0, record.value, key=record.key, headers=[*record.headers, *reason]
        )
        DEAD_LETTERS.labels(topic=record.topic, code=code).inc()

    def flush(self) -> None:
        """Return when every dead letter is acknowledged. Raises ``PublishError``."""
        self._publisher.flush_acknowledged()
