"""A table of bars as the log that publishing it would make, without publishing it."""

from collections.abc import Iterator, Sequence

from pipeline.engine import LogMessage
from pipeline.replay.aligning import LogEntry
from producers.bar_table import BarTable
from producers.cross_sections import cross_sections
from producers.feed import WatermarkSchedule
from producers.splits import Split
from schemas.bars import Adjustment, Watermark
from schemas.partitioning import partition_of

FEED = "file"


def file_log(
    table: BarTable, *, partitions: int = 1, source: str = FEED, lag: int = 0, splits: Sequence[Split] = ()
) -> Iterator[LogEntry]:
    """Yield the messages of one feed on every partition, in order of event time: opened, bars and watermarks, closed.

    ``lag`` (ns) is added to a close to give its available time. A split comes before the first bar behind it. An empty
    table yields nothing.
    """
    offsets = [0] * partitions

    def entry(partition: int, time: int, message: LogMessage) -> LogEntry:
        offset = offsets[partition]
        offsets[partition] += 1
        return LogEntry(time, partition, offset, message)

    def watermark(time: int, state: str) -> Iterator[LogEntry]:
        for partition in range(partitions):
            yield entry(partition, time, Watermark(feed=FEED, event_time=time, state=state))

    waiting = sorted(splits, key=lambda split: split.effective_time)
    schedule, last = WatermarkSchedule(), -1
    for time, batches in cross_sections(table, partitions=partitions, feed=FEED, source=source, lag=lag):
        if last < 0:
            yield from watermark(time - 1, "open")
        elif schedule.due(time):
            yield from watermark(last, "advance")
        while waiting and waiting[0].effective_time < time:
            split = waiting.pop(0)
            partition = partition_of(split.symbol, partitions)
            yield entry(partition, max(last, 0), _adjustment(split, source))
        for partition, batch in batches:
            yield entry(partition, time, batch)
        last = time
    if last >= 0:
        yield from watermark(last, "final")


def _adjustment(split: Split, source: str) -> Adjustment:
    return Adjustment(
        feed=FEED,
        source=source,
        symbol=split.symbol,
        factor=split.factor,
        effective_time=split.effective_time,
        available_time=split.effective_time,
    )
