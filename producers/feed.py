"""Publishing recorded cross-sections as one feed, with watermarks derived from the data."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Protocol

from infra.broker.bar_feed import BarFeed, FeedCounts
from schemas.bars import BarBatch
from schemas.intervals import MINUTE


class WatermarkSchedule:
    """Decides, from the data alone, after which cross-sections a recorded feed advances its watermark.

    One for each quarter of an hour of event time, so one at each change of session day too: often enough to close
    windows on quiet symbols, rare enough that minute bars aren't doubled by watermarks.
    """

    def __init__(self, every: int = 15 * MINUTE) -> None:
        self._every = every
        self._step: int | None = None

    def due(self, event_time: int) -> bool:
        """True if the watermark should advance before the cross-section at ``event_time`` (ns UTC)."""
        step = (event_time - 1) // self._every
        due = self._step is not None and step != self._step
        self._step = step
        return due


class WaitFor(Protocol):
    """Returns when the cross-section at ``event_time`` is due; calls ``idle`` now and then while it waits."""

    def __call__(self, event_time: int, idle: Callable[[], None]) -> None: ...


def publish_sections(
    feed: BarFeed,
    sections: Iterable[tuple[int, list[tuple[int, BarBatch]]]],
    *,
    wait_for: WaitFor,
    progress: Callable[[int], None],
) -> FeedCounts:
    """Publish recorded cross-sections through ``feed`` from ``open`` to ``close`` and return the counts.

    ``progress(bars)`` is told after each cross-section. An empty ``sections`` publishes nothing.
    """
    schedule = WatermarkSchedule()
    last: int | None = None
    for event_time, batches in sections:
        if last is None:
            feed.open(event_time - 1)
        elif schedule.due(event_time):
            feed.advance(last)
        previous = event_time - 1 if last is None else last
        wait_for(event_time, partial(feed.advance, previous))
        feed.publish(batches)
        progress(sum(len(batch.symbols) for _, batch in batches))
        last = event_time
    if last is not None:
        feed.close(last)
    return feed.counts
