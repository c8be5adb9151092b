"""Publishing a table of bars as one feed."""

from collections.abc import Callable
from dataclasses import dataclass

from infra.broker.admin import check_partitions
from infra.broker.bar_feed import BarFeed, FeedCounts
from infra.broker.publisher import Publisher
from infra.settings import Settings
from producers.bar_table import BarTable
from producers.cross_sections import cross_sections
from producers.errors import BarInputError
from producers.feed import WaitFor, publish_sections
from schemas.names import MAX_NAME, is_name
from schemas.topics import TopicNames


@dataclass(frozen=True, kw_only=True, slots=True)
class FeedName:
    """A feed's name on the log, and the vendor that its bars come from. ``lag`` is the publication lag in ns."""

    feed: str
    source: str
    lag: int = 0


def publish_table(
    settings: Settings,
    table: BarTable,
    name: FeedName,
    *,
    pace: WaitFor,
    progress: Callable[[int], None] = lambda _: None,
) -> FeedCounts:
    """Publish every bar of ``table`` in time order, from the feed's opening to its end; return what was published.

    Raises ``BarInputError`` for a name that can't be one, ``TopicError`` where the topics aren't as the settings say.
    """
    for text in (name.feed, name.source):
        if not is_name(text):
            raise BarInputError(f"a feed or source has a name of 1 to {MAX_NAME} characters, not {text!r:.140}")
    check_partitions(settings)
    partitions = settings.topics.partitions
    publisher = Publisher(settings, f"feed-{name.feed}")
    feed = BarFeed(publisher, TopicNames(settings.topics.prefix).bars, partitions, name.feed)
    sections = cross_sections(table, partitions=partitions, feed=name.feed, source=name.source, lag=name.lag)
    return publish_sections(feed, sections, wait_for=pace, progress=progress)
