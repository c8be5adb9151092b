"""The range taken again from the store: all partitions in order of time, their messages cut otherwise than then."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

from infra.history.flows import Begun
from pipeline.engine import LogMessage
from pipeline.partition_flow import parts_of
from pipeline.replay.aligning import LogEntry, aligned
from pipeline.routing.model_port import ModelUnavailable
from schemas.bars import BarBatch
from signaltape.verification.book import Book

#: Rows of features, predictions and signals that are held before they are compared.
HELD = 50_000
#: The cuts are drawn, so that they fit nothing in particular; always the same ones, so that a run is repeatable.
_SEED = 7


@dataclass(frozen=True, kw_only=True, slots=True)
class Halt:
    """Why the recomputation could not go on at a bar: a model that was in force can't be had."""

    partition: int
    offset: int
    event_time: int
    interval: str
    symbol: str
    reason: str


@dataclass(kw_only=True)
class Cuts:
    """Cuts messages of bars into parts of a drawn size, of at most ``rows`` rows (None: in up to three parts)."""

    rows: int | None = None

    def __post_init__(self) -> None:
        self._random = Random(_SEED)

    def parts(self, message: LogMessage) -> Iterator[LogMessage]:
        """Yield the parts of a message in order; one that isn't bars is one part."""
        if not isinstance(message, BarBatch) or not message.symbols:
            yield message
            return
        size = len(message.symbols)
        least, most = (-(-size // 3), size) if self.rows is None else (1, min(self.rows, size))
        yield from parts_of(message, self._random.randint(least, most))


def recompute(
    begun: Sequence[Begun],
    book: Book,
    cuts: Cuts,
    compare: Callable[[int], bool],
    progress: Callable[[int], None],
) -> Halt | None:
    """Fill ``book``, and let ``compare(before)`` look at bar times before ``before`` (ns UTC) whenever it is full;
    that it returns False ends the run.

    Returns where it had to stop, with everything before that bar time in the book.
    """
    flows = {one.extent.partition: one.flow for one in begun}
    counted = 0
    for entry in aligned({one.extent.partition: one.log for one in begun}):
        if book.held > HELD:
            progress(book.bars - counted)
            counted = book.bars
            if not compare(entry.time):
                return None
        for part in cuts.parts(entry.message):
            try:
                step, outputs = flows[entry.partition].take(part, entry.offset)
            except ModelUnavailable as error:
                return _halt(entry, str(error))
            book.take((entry.partition, entry.offset), part, step, outputs)
    progress(book.bars - counted)
    return None


def _halt(entry: LogEntry, reason: str) -> Halt:
    bars = entry.message if isinstance(entry.message, BarBatch) else None
    return Halt(
        partition=entry.partition,
        offset=entry.offset,
        event_time=entry.time,
        interval="" if bars is None else bars.interval,
        symbol="" if bars is None else min(bars.symbols),
        reason=reason,
    )
