"""Dead letters: a message that can't be taken, kept as it came, with its address and the reason."""

import time
from collections.abc import Sequence

from infra.broker.publisher import Publisher
from infra.broker.reading import Record
from infra.telemetry.logs import get_logger
from infra.telemetry.metrics import DEAD_LETTERS
from schemas.headers import dead_letter_headers, trace_id
from schemas.row_faults import RowFault
from schemas.topics import TopicNames

#: A client that sends nothing but nonsense fills its dead-letter topic, and not the logs too.
_LINES_A_SECOND = 10


class DeadLetters:
    """Writes to ``<topic>.dlq``, and a line to the log. Nothing is acknowledged before ``flush`` returns."""

    def __init__(self, publisher: Publisher, names: TopicNames, service: str) -> None:
        self._publisher = publisher
        self._names = names
        self._service = service
        self._second, self._lines, self._unlogged = 0, 0, 0

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
        self._log(record, code, detail)

    def flush(self) -> None:
        """Return when every dead letter is acknowledged. Raises ``PublishError``."""
        self._publisher.flush_acknowledged()

    def _log(self, record: Record, code: str, detail: str) -> None:
        """One line a dead letter, up to a rate; the next line says how many had none."""
        if (second := int(time.monotonic())) != self._second:
            self._second, self._lines = second, 0
        if self._lines >= _LINES_A_SECOND:
            self._unlogged += 1
            return
        self._lines += 1
        more: dict[str, object] = {"unlogged_before": self._unlogged} if self._unlogged else {}
        if (trace := trace_id(record.headers)) is not None:
            more["trace_id"] = trace
        get_logger().warning("dead letter", topic=record.topic, partition=record.partition, offset=record.offset,
                             code=code, detail=detail[:500], **more)  # fmt: skip
        self._unlogged = 0
