"""Publishing history into the log of a replay."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from infra.broker.publisher import Publisher
from infra.settings import Settings
from pipeline.engine import LogMessage
from pipeline.replay.aligning import LogEntry
from pipeline.replay.missing_days import MissingDays
from pipeline.replay.rewriting import Rewriter, Rewritten, named_model
from schemas.bars import Adjustment, BarBatch, StateRepair, Watermark
from schemas.codec import encode
from schemas.control import ControlEvent
from schemas.headers import event_headers
from schemas.ids import bar_batch_id, digest, state_repair_id, watermark_id
from schemas.topics import TopicNames
from signaltape.replay.shelf import ModelShelf

_REPORT_EVERY_S = 1.0


@dataclass(slots=True)
class Published:
    """How far the publishing is: ``lead`` bars before the range, ``bars`` of it, ``reached`` in ns UTC."""

    lead: int = 0
    bars: int = 0
    messages: int = 0
    reached: int = 0
    seconds: float = 0.0


class HistoryPublisher:
    """Writes entries, rewritten for the replay, into its topics ``bars`` and ``control``.

    A decision is in ``control``, with the models that it names on the shelf, before the log tells any agent of it.
    """

    def __init__(self, own: Settings, rewriter: Rewriter, shelf: ModelShelf, start: int) -> None:
        names = TopicNames(own.topics.prefix)
        self._bars, self._control = names.bars, names.control
        self._publisher = Publisher(own, "replay", linger_ms=5)
        self._rewriter, self._shelf, self._start = rewriter, shelf, start
        self._source = f"replay/{own.topics.prefix}"
        self.done = Published()
        self.missing = MissingDays()
        self._reported = 0.0

    def begin(self) -> None:
        """Write what comes before all history."""
        for one in self._rewriter.beginning():
            self._write(one)
        self.flush()

    def publish(
        self, entries: Iterable[LogEntry], due: Callable[[int], None], report: Callable[[Published], None]
    ) -> None:
        """Publish entries in their order; ``due`` is called with each new event time before anything of it is sent.

        ``report`` is called about once a second.
        """
        begun, before = time.monotonic(), self.done.seconds
        for entry in entries:
            if entry.time > self.done.reached:
                due(entry.time)
                self.done.reached = entry.time
            made = self._rewriter.rewrite(entry.partition, entry.offset, entry.message)
            if made is None:
                continue
            self._write(made)
            self._count(entry.time, made)
            self.done.seconds = before + time.monotonic() - begun
            if time.monotonic() - self._reported >= _REPORT_EVERY_S:
                self._reported = time.monotonic()
                report(self.done)
        self.flush()

    def flush(self) -> None:
        """Wait until the broker has acknowledged everything."""
        self._publisher.flush_acknowledged()

    def _count(self, reached: int, made: Rewritten) -> None:
        self.done.messages += 1
        if not isinstance(made.message, BarBatch):
            return
        if reached < self._start:
            self.done.lead += len(made.message.symbols)
        else:
            self.done.bars += len(made.message.symbols)
            self.missing.see(made.message.event_time)

    def _write(self, made: Rewritten) -> None:
        if made.decision is not None:
            event = made.decision
            if (ref := named_model(event)) is not None:
                self._shelf.put(ref)
            headers = event_headers(event.TYPE, event.event_id, "control", event.issued_at)
            self._publisher.send(self._control, 0, encode(event), key=event.strategy.encode(), headers=headers)
            self.flush()
        message, partition = made.message, made.partition
        ident, event_time = _identity(partition, message)
        headers = event_headers(message.TYPE, ident, self._source, event_time)
        key = message.symbol.encode() if isinstance(message, StateRepair) else None
        self._publisher.send(self._bars, partition, encode(message), key=key, headers=headers)


def _identity(partition: int, message: LogMessage) -> tuple[str, int]:
    """The message's id, and the time in its headers."""
    match message:
        case BarBatch():
            return bar_batch_id(partition, message), message.event_time
        case Watermark():
            return watermark_id(partition, message), message.event_time
        case Adjustment():
            place = (message.source, message.symbol, message.effective_time, message.factor)
            return digest("adjustment", *place), message.effective_time
        case StateRepair():
            return state_repair_id(partition, message), message.available_time
        case ControlEvent():
            return message.event_id, message.issued_at
