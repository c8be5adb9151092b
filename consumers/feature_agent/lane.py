"""One partition of the feature agent: its engine, and what each message does to it."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from consumers.feature_agent.work import DeadLetter, PartitionWork, Snapshot, Vectors
from infra.broker.reading import Record
from infra.telemetry.metrics import BAR_MARKS, BARS, DUPLICATES, REPAIR_REQUESTS, STATE_REPAIRS
from infra.warehouse.checkpoints import Checkpoint
from pipeline.engine import LogMessage, PartitionEngine
from pipeline.engine_types import (
    ROW_STATUSES,
    Lookup,
    Step,
    StoredBar,
    UnsupportedMessage,
)  # fmt: skip
from pipeline.quality.marks import BITS
from pipeline.stepping import step_with
from schemas.bars import Adjustment, BarBatch, StateRepair, Watermark
from schemas.codec import decode
from schemas.control import ControlEvent
from schemas.errors import DecodeError
from schemas.intervals import session_of

#: Finds the stored bars that a batch at an offset needs; everything before the offset is stored by then.
Find = Callable[["Lane", Sequence[Lookup], int], Mapping[int, StoredBar | None]]
#: Partition → what the round has yielded there so far.
Works = dict[int, PartitionWork]
_OUTCOMES = tuple(BARS.labels(outcome=status) for status in ROW_STATUSES)
_MARKED = tuple((bit, BAR_MARKS.labels(kind=kind)) for kind, bit in BITS.items())
_LOG_TYPES = (BarBatch, Watermark, Adjustment, StateRepair, ControlEvent)


class Lane:
    """Takes the messages of one partition in offset order.

    Below ``taken.effect_offset`` a message advances the state only: its effects exist. ``taken`` is the checkpoint
    as it was when this process took its epoch.
    """

    def __init__(self, taken: Checkpoint, engine: PartitionEngine, kept_session: int = -1) -> None:
        self.taken = taken
        self.engine = engine
        self.partition = taken.partition
        self.snapshot_offset = taken.snapshot_offset
        self.next_offset = taken.snapshot_offset
        self._kept_session = kept_session

    @property
    def caught_up(self) -> bool:
        """True once every message whose effects exist has been taken again."""
        return self.next_offset >= self.taken.effect_offset

    def take(self, record: Record, message: LogMessage | DecodeError, works: Works, find: Find) -> None:
        """Take one decoded message; what it yields is added to ``works`` unless its effects exist already.

        ``find`` may complete and empty ``works`` first: a look-up needs everything before to be stored.
        """
        offset = record.offset
        letter, step = None, None
        if isinstance(message, DecodeError):
            letter = DeadLetter(record=record, code=message.code, detail=message.detail)
        else:
            try:
                step = step_with(self.engine, message, offset, partial(find, self))
            except UnsupportedMessage as refusal:
                letter = DeadLetter(record=record, code=refusal.code, detail=refusal.detail)
        self.next_offset = offset + 1
        if offset < self.taken.effect_offset:
            return
        work = works.get(self.partition)
        if work is None:
            work = works[self.partition] = PartitionWork(partition=self.partition)
        work.next_offset = offset + 1
        if letter is not None:
            work.letters.append(letter)
        elif step is not None:
            _collect(record, message, step, work)

    def snapshot(self) -> Snapshot:
        """Return the state behind the last message taken; kept for cold starts if it is its session's first."""
        session = session_of(self.engine.event_time)
        keep = self.engine.event_time > 0 and session > self._kept_session
        if keep:
            self._kept_session = session
        self.snapshot_offset = self.next_offset
        return Snapshot(
            taken=self.taken,
            offset=self.next_offset,
            event_time=self.engine.event_time,
            code_hash=self.engine.code_hash,
            sets_hash=self.engine.sets_hash,
            state=self.engine.snapshot(),
            keep=keep,
        )

    def current_vectors(self) -> list[Vectors]:
        """Return the newest vector of every warm symbol, by set and interval."""
        found = []
        for chosen in self.engine.sets:
            for interval in self.engine.states:
                latest = self.engine.latest(chosen.name, interval)
                if latest.symbols:
                    found.append(
                        Vectors(
                            partition=self.partition,
                            feature_set=chosen.name,
                            set_version=chosen.version,
                            interval=interval,
                            vectors=latest,
                        )
                    )
        return found


def decoded(record: Record) -> LogMessage | DecodeError:
    """Return the message in ``record``, or why it is none that belongs into ``bars``."""
    try:
        message = decode(record.value)
    except DecodeError as error:
        return error
    if isinstance(message, _LOG_TYPES):
        return message
    return DecodeError("unknown_type", f"{message.TYPE} does not belong into {record.topic}")


def _collect(record: Record, message: LogMessage | DecodeError, step: Step, work: PartitionWork) -> None:
    """Add what a step yielded to the round."""
    if step.faults:
        first = step.faults[0]
        detail = f"{first.symbol}: {first.detail}" + (f" (and {len(step.faults) - 1} more)" if step.faults[1:] else "")
        work.letters.append(DeadLetter(record=record, code=first.code, detail=detail, faults=step.faults))
        BARS.labels(outcome="dead_lettered").inc(len(step.faults))
    work.features.extend((record, part) for part in step.features)
    work.returns.extend((record, part) for part in step.returns)
    if step.stored is not None and isinstance(message, BarBatch):
        work.bars.append((message, record.offset, step.stored))
    if step.log_event:
        work.log_events.append((record.offset, *_event(message), record.value or b""))
    if step.repaired is not None:
        STATE_REPAIRS.labels(outcome=step.repaired.outcome).inc()
    for need in step.repairs:
        work.repairs.append((record.offset, need))
        REPAIR_REQUESTS.labels(reason=need.reason).inc()
    if step.duplicates:
        work.duplicates += step.duplicates
        DUPLICATES.labels(topic=record.topic).inc(step.duplicates)


def count_bars(works: Works) -> None:
    """Count the kept rows of a round by what became of them, and their marks."""
    stored = [kept for work in works.values() for _, _, kept in work.bars]
    if not stored:
        return
    for code, count in enumerate(np.bincount(np.concatenate([kept.status for kept in stored])).tolist()):
        _OUTCOMES[code].inc(count)
    found = [kept.marks for kept in stored if kept.marks is not None]
    if found:
        marks = np.concatenate(found)
        for bit, counter in _MARKED:
            counter.inc(int(np.count_nonzero(marks & bit)))


def _event(message: object) -> tuple[str, int]:
    """Return type and time of another message than bars, for the record of the log."""
    if isinstance(message, Adjustment):
        return message.TYPE, message.effective_time
    if isinstance(message, ControlEvent):
        return message.TYPE, message.effective_from
    if isinstance(message, Watermark):
        return message.TYPE, message.event_time
    if isinstance(message, StateRepair):
        return message.TYPE, message.last_event_time
    raise TypeError(f"{type(message).__name__} is no event of the log")
