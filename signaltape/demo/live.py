"""Publishing a part of the demonstration: its stretches merged by time, as one feed."""

import heapq
import time
from collections.abc import Callable

from infra.broker.bar_feed import BarFeed
from infra.broker.publisher import Publisher
from infra.settings import Settings
from producers.cross_sections import cross_sections
from producers.feed import publish_sections
from schemas.topics import TopicNames
from signaltape.demo.console import Console
from signaltape.demo.parts import Part


def publish_part(settings: Settings, part: Part, console: Console) -> int:
    """Publish a part's live bars in time order; return how many bars were published."""
    partitions = settings.topics.partitions
    publisher = Publisher(settings, f"feed-{part.feed}")
    feed = BarFeed(publisher, TopicNames(settings.topics.prefix).bars, partitions, part.feed)
    streams = [
        cross_sections(stretch.live, partitions=partitions, feed=part.feed, source=part.feed)
        for stretch in part.stretches
    ]
    sections = heapq.merge(*streams, key=lambda section: section[0])
    sent = 0

    def progress(count: int) -> None:
        nonlocal sent
        sent += count
        console.say(f"{sent:,} of {part.bars:,} bars")

    pace = _SectionPace(part.section_every_s)
    return publish_sections(feed, sections, wait_for=pace, progress=progress).bars


class _SectionPace:
    """One cross-section every so many seconds, whatever the event times."""

    def __init__(self, every_s: float) -> None:
        self._every = every_s
        self._due = time.monotonic()

    def __call__(self, event_time: int, idle: Callable[[], None]) -> None:
        remaining = self._due - time.monotonic()
        self._due = max(self._due, time.monotonic()) + self._every
        if remaining > 0.0:
            time.sleep(remaining)
