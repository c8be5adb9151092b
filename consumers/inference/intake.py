"""From records of ``features`` to outputs: decode, step the partition, keep what must be published."""

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from consumers.inference.errors import ChainBroken
from consumers.inference.models import LoadedModels
from consumers.inference.restore import Owned
from infra.broker.dead_letters import DeadLetters
from infra.broker.reading import Record
from infra.telemetry.metrics import DUPLICATES
from pipeline.chain import ChainGap
from pipeline.deployments import ModelRef
from pipeline.routing.partition import Output
from schemas.bars import Watermark
from schemas.codec import decode
from schemas.control import ControlEvent
from schemas.errors import DecodeError
from schemas.features import FeatureBatch
from schemas.headers import Headers, traceparent, written_ms
from schemas.link import Position

#: Far below the transactions' timeout of ten seconds.
_ROUND_S = 2.0
#: Events after which the model that they name predicts; it is loaded before its first bar.
PREDICTING = ("activate", "rollback", "shadow", "experiment")


@dataclass(frozen=True, slots=True)
class Closed:
    """What one closed source message led to, and the trace headers of the record that closed it.

    ``bars_ms``: when the bars behind it were written, ms since 1970; None for what isn't of live bars.
    """

    partition: int
    position: Position
    output: Output
    trace: Headers
    bars_ms: int | None = None


@dataclass(slots=True)
class Taken:
    """A round's work: outputs in order, how many source messages each partition closed, when they were written."""

    closed: list[Closed] = field(default_factory=list)
    batches: Counter[int] = field(default_factory=Counter)
    written_ms: list[int] = field(default_factory=list)

    @property
    def moved(self) -> set[int]:
        """Partitions whose offset is to be committed."""
        return set(self.batches)


class Intake:
    """Steps partitions by records. What isn't a message of the chain goes to the dead letters."""

    def __init__(
        self, models: LoadedModels, dead_letters: DeadLetters, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._models = models
        self._clock = clock
        self._dead_letters = dead_letters

    def take(self, records: deque[Record], owned: dict[int, Owned], send: Callable[[Closed], None]) -> Taken:
        """Take records off the queue's head; ``send`` gets what a source message led to before the next one is taken.

        Stops after some seconds, so that a transaction that is open meanwhile doesn't time out on the broker.

        Raises ``ChainBroken``, ``ModelUnavailable``, ``PublishError``, and what ``send`` raises: then nothing of the
        round may count.
        """
        taken = Taken()
        refused = 0
        until = self._clock() + _ROUND_S
        while records and self._clock() < until:
            record = records.popleft()
            message = self._decoded(record)
            if message is None:
                refused += 1
                continue
            if (closed := self._step(record, message, owned[record.partition], taken)) is not None:
                send(closed)
        if refused:
            self._dead_letters.flush()
        return taken

    def _step(
        self, record: Record, message: FeatureBatch | Watermark | ControlEvent, owned: Owned, taken: Taken
    ) -> Closed | None:
        inference = owned.inference
        fence = inference.fence
        try:
            output = inference.take(message, record.offset)
        except ChainGap as gap:
            raise ChainBroken(f"{record.topic}[{record.partition}] at offset {record.offset}: {gap}") from gap
        if inference.fence == fence:
            DUPLICATES.labels(topic=record.topic).inc()
            if inference.standing.fence == fence:
                # Published again, and nothing is half taken: the offset moves past it, or the lag would stay.
                inference.state.features_offset = record.offset + 1
                taken.batches[record.partition] += 0
        if isinstance(message, ControlEvent) and message.action in PREDICTING and message.model:
            self._models.prepare(ModelRef(name=message.model, version=message.model_version))
        if output is None or inference.standing.fence is None:
            return None
        taken.batches[record.partition] += 1
        taken.written_ms.append(record.timestamp_ms)
        trace, bars_ms = traceparent(record.headers), written_ms(record.headers)
        closed = Closed(record.partition, inference.standing.fence, output, trace, bars_ms)
        taken.closed.append(closed)
        return closed

    def _decoded(self, record: Record) -> FeatureBatch | Watermark | ControlEvent | None:
        try:
            message = decode(record.value or b"")
        except DecodeError as error:
            self._dead_letters.put(record, error.code, error.detail)
            return None
        if not isinstance(message, FeatureBatch | Watermark | ControlEvent) or message.link is None:
            self._dead_letters.put(record, "not_in_chain", f"{message.TYPE} without a place in the chain")
            return None
        return message
