"""Publishing a part of the demonstration: its stretches merged by time, as one feed."""

import heapq
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from infra.broker.bar_feed import BarFeed
from infra.broker.publisher import Publisher
from infra.settings import Settings
from producers.cross_sections import cross_sections
from producers.feed import publish_sections
from schemas.topics import TopicNames
from signaltape.demo.console import Console
from signaltape.demo.parts import Part

#: Called now and then while the feed waits, so that it isn't taken for silent.
Idle = Callable[[], None]
_IDLE_S = 15.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Act:
    """What is done in the middle of a part: the feed holds the bars that close at ``before`` (ns UTC) until then."""

    before: int
    name: str
    do: Callable[[Idle], None]


def publish_part(settings: Settings, part: Part, console: Console, acts: Sequence[Act] = ()) -> int:
    """Publish a part's live bars in time order, with ``acts`` (by time) between; return how many were published."""
    partitions = settings.topics.partitions
    publisher = Publisher(settings, f"feed-{part.feed}")
    feed = BarFeed(publisher, TopicNames(settings.topics.prefix).bars, partitions, part.feed)
    streams = [
        cross_sections(stretch.live, partitions=partitions, feed=part.feed, source=part.feed)
        for stretch in part.stretches
    ]
    sections = heapq.merge(*streams, key=lambda section: section[0])
    sent, pace, due = 0, _SectionPace(part.section_every_s), deque(acts)

    def progress(count: int) -> None:
        nonlocal sent
        sent += count
        console.say(f"{sent:,} of {part.bars:,} bars")

    def wait_for(event_time: int, idle: Idle) -> None:
        while due and due[0].before <= event_time:
            act = due.popleft()
            console.say(f"{sent:,} of {part.bars:,} bars, {act.name}")
            feed.flush()
            act.do(_Seldom(idle))
        pace(event_time, idle)

    return publish_sections(feed, sections, wait_for=wait_for, progress=progress).bars


class _Seldom:
    """Passes a call on every fifteen seconds: each is a message, which whoever waits for the end waits for too."""

    def __init__(self, idle: Idle) -> None:
        self._idle = idle
        self._last = time.monotonic()

    def __call__(self) -> None:
        if time.monotonic() - self._last >= _IDLE_S:
            self._last = time.monotonic()
            self._idle()


class _SectionPace:
    """One cross-section every so many seconds, whatever the event times."""

    def __init__(self, every_s: float) -> None:
        self._every = every_s
        self._due = time.monotonic()

    def __call__(self, event_time: int, idle: Idle) -> None:
        remaining = self._due - time.monotonic()
        self._due = max(self._due, time.monotonic()) + self._every
        if remaining > 0.0:
            time.sleep(remaining)
