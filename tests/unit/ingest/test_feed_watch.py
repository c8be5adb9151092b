"""Who releases a silent feed: the watch, but for the ingest's own feed, which the loop may be opening right then."""

from typing import Any

import pytest

from consumers.ingest.feed_watch import FeedWatch
from infra.settings import Settings
from schemas.bars import Watermark
from schemas.codec import decode


class Sent:
    """A publisher that keeps what is sent."""

    def __init__(self) -> None:
        self.messages: list[tuple[int, Any]] = []

    def send(self, topic: str, partition: int, value: bytes, **_: Any) -> None:
        self.messages.append((partition, decode(value)))

    def flush_acknowledged(self) -> None:
        pass


def watch_with_silent(feed: str, handed: list[Any], still_active: Any = lambda: None) -> FeedWatch:
    watch = FeedWatch(Settings(), handed.append, still_active)
    watch._silence.watermark(2, Watermark(feed=feed, event_time=5, state="open"), at=0.0)
    watch._asked_at = 1e9
    return watch


def test_the_own_feed_is_handed_to_the_loop_and_never_written() -> None:
    handed: list[Any] = []
    sent: Any = Sent()
    watch_with_silent("bars-in", handed)._release(sent)
    assert handed == [{2: 5}]
    assert sent.messages == []


def test_other_feeds_are_released() -> None:
    handed: list[Any] = []
    sent: Any = Sent()
    watch_with_silent("other", handed)._release(sent)
    assert handed == []
    assert [(p, mark.feed, mark.state) for p, mark in sent.messages] == [(2, "other", "timed_out")]


def test_one_that_may_have_been_replaced_releases_nobody() -> None:
    def lost() -> None:
        raise RuntimeError("the lock is gone")

    sent: Any = Sent()
    with pytest.raises(RuntimeError, match="lock is gone"):
        watch_with_silent("other", [], lost)._release(sent)
    assert sent.messages == []
