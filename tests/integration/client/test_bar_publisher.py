"""`BarPublisher` on the real broker: what is published, in which order, and how failures show."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
)

from infra.broker.admin import admin_client
from infra.broker.errors import PublishError, TopicError
from infra.broker.reading import read_topic
from infra.settings import Settings
from schemas.bars import BarBatch, Watermark
from schemas.codec import decode
from schemas.partitioning import partition_of
from schemas.topics import TopicNames
from signaltape.client import BarPublisher, BarRejectedError, ClientError, ClientUsageError, PublisherOptions
from tests.support.waiting import wait_for

SECOND = 1_000_000_000
CLOSE = 1_700_000_040 * SECOND
PRICES = (10.0, 11.0, 9.0, 10.5)


def log_of(settings: Settings) -> list[tuple[int, BarBatch | Watermark]]:
    messages = []
    for record in read_topic(settings, TopicNames(settings.topics.prefix).bars):
        message = decode(record.value)
        assert isinstance(message, BarBatch | Watermark)
        messages.append((record.partition, message))
    return messages


def rows_of(settings: Settings) -> list[tuple[str, int, int]]:
    return [
        (symbol, message.event_time, partition)
        for partition, message in log_of(settings)
        if isinstance(message, BarBatch)
        for symbol in message.symbols
    ]


def marks_of(settings: Settings, partition: int) -> list[tuple[str, int]]:
    return [(m.state, m.event_time) for p, m in log_of(settings) if p == partition and isinstance(m, Watermark)]


def test_single_bars_from_several_threads_become_few_batches_and_none_is_lost(topics: Settings) -> None:
    threads, each, closes = 6, 25, 8
    together = threading.Barrier(threads)

    def feed(number: int) -> None:
        for step in range(closes):
            together.wait(30)
            for symbol in range(number * each, (number + 1) * each):
                bars.publish(f"S{symbol}", "1s", CLOSE + step * SECOND, *PRICES, volume=1.0)
            together.wait(30)
            if number == 0:
                bars.flush()

    with BarPublisher(feed="threads", settings=topics, options=PublisherOptions(gather_s=2.0)) as bars:
        workers = [threading.Thread(target=feed, args=(number,)) for number in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        counts = bars.flush()
    partitions, symbols = topics.topics.partitions, threads * each
    assert counts.bars == symbols * closes
    assert sorted(rows_of(topics)) == sorted(
        (f"S{symbol}", CLOSE + step * SECOND, partition_of(f"S{symbol}", partitions))
        for symbol in range(symbols)
        for step in range(closes)
    )
    # Gathered: one or two batches of a close and partition, not one of each bar.
    assert counts.batches <= 2 * closes * partitions
    for partition in range(partitions):
        messages = [message for p, message in log_of(topics) if p == partition]
        first, last = messages[0], messages[-1]
        assert isinstance(first, Watermark)
        assert (first.state, first.event_time) == ("open", CLOSE - 1)
        assert isinstance(last, Watermark)
        assert (last.state, last.event_time) == ("final", CLOSE + (closes - 1) * SECOND)


def test_a_cross_section_handed_over_bar_by_bar_is_one_batch_a_partition(topics: Settings) -> None:
    with BarPublisher(feed="section", settings=topics, options=PublisherOptions(gather_s=60.0)) as bars:
        for number in range(200):
            bars.publish(f"S{number}", "1m", CLOSE, *PRICES)
        assert bars.flush().batches == topics.topics.partitions
    batches = [message for _, message in log_of(topics) if isinstance(message, BarBatch)]
    assert not any(batch.volume_valid.any() for batch in batches)
    assert {batch.available_time for batch in batches} == {CLOSE}


def test_an_idle_feed_shows_that_it_is_alive_just_below_its_newest_close(topics: Settings) -> None:
    options = PublisherOptions(watermark_every_s=0.05)
    with BarPublisher(feed="idle", settings=topics, options=options) as bars:
        bars.publish("A", "1s", CLOSE, *PRICES)
        wait_for(lambda: all(len(marks_of(topics, p)) >= 3 for p in range(topics.topics.partitions)), 30)
        bars.advance(CLOSE)
        bars.flush()
    marks = marks_of(topics, 0)
    assert marks[0] == ("open", CLOSE - 1)
    assert marks[1] == ("advance", CLOSE - 1)
    assert marks[-1] == ("final", CLOSE)
    promised = [moment for _, moment in marks]
    assert promised == sorted(promised), "a promise was taken back"


def test_late_and_revised_bars_carry_the_time_at_which_they_came(topics: Settings) -> None:
    began = time.time_ns()
    options = PublisherOptions(watermark_every_s=3600.0)
    with BarPublisher(feed="late", settings=topics, options=options) as bars:
        bars.publish("A", "1s", CLOSE + SECOND, *PRICES)
        bars.publish("B", "1s", CLOSE, *PRICES)
        bars.publish("A", "1s", CLOSE, *PRICES)
        bars.publish("A", "1s", CLOSE + SECOND, *PRICES, revision=1)
        bars.publish("A", "1s", CLOSE + SECOND, *PRICES)  # repeated: the same content as the first
    found = {
        (message.symbols, message.event_time, message.revision): message.available_time
        for _, message in log_of(topics)
        if isinstance(message, BarBatch)
    }
    assert found[("A",), CLOSE + SECOND, 0] == CLOSE + SECOND
    assert found[("B",), CLOSE, 0] == CLOSE
    assert found[("A",), CLOSE, 0] >= began // 1_000 * 1_000
    assert found[("A",), CLOSE + SECOND, 1] >= began // 1_000 * 1_000


def test_a_promise_before_the_first_bar_opens_the_feed(topics: Settings) -> None:
    options = PublisherOptions(watermark_every_s=3600.0)
    with BarPublisher(feed="early", settings=topics, options=options) as bars:
        bars.advance(CLOSE - SECOND)
        bars.publish("A", "1s", CLOSE, *PRICES)
    marks = marks_of(topics, 3)
    assert marks == [("open", CLOSE - SECOND), ("advance", CLOSE - SECOND), ("final", CLOSE)]


def test_a_feed_that_was_silent_for_long_announces_itself_again(topics: Settings) -> None:
    options = PublisherOptions(watermark_every_s=3600.0, reopen_after_s=0.3)
    with BarPublisher(feed="asleep", settings=topics, options=options) as bars:
        bars.publish("A", "1s", CLOSE, *PRICES)
        bars.flush()
        again = time.monotonic() + 0.35
        wait_for(lambda: time.monotonic() >= again, 5)
        bars.publish("A", "1s", CLOSE + SECOND, *PRICES)
    kinds = [
        message.state if isinstance(message, Watermark) else message.event_time
        for partition, message in log_of(topics)
        if partition == partition_of("A", topics.topics.partitions)
    ]
    assert kinds == ["open", CLOSE, "open", CLOSE + SECOND, "final"]


def limit_message_size(settings: Settings, size: int) -> None:
    """Let the broker refuse larger messages of ``bars``: a delivery that fails for good."""
    entry = ConfigEntry("max.message.bytes", str(size), incremental_operation=AlterConfigOpType.SET)
    bars = TopicNames(settings.topics.prefix).bars
    resource = ConfigResource(ConfigResource.Type.TOPIC, bars, incremental_configs=[entry])
    admin = admin_client(settings)  # must live until the futures are settled
    for future in admin.incremental_alter_configs([resource]).values():
        future.result(30)


def test_a_failed_delivery_shows_in_the_next_call_and_in_every_later_one(topics: Settings) -> None:
    bars = BarPublisher(feed="broken", settings=topics, options=PublisherOptions(watermark_every_s=0.02))
    bars.publish("A", "1s", CLOSE, *PRICES)
    bars.flush()
    limit_message_size(topics, 10)

    def failed() -> bool:
        try:
            bars.publish("A", "1s", CLOSE + SECOND, *PRICES)
        except PublishError:
            return True
        return False

    wait_for(failed, 30, "publish() raising, without flush()")
    for call in (bars.flush, lambda: bars.advance(CLOSE + 2 * SECOND), bars.close):
        with pytest.raises(PublishError, match="not delivered"):
            call()
    assert "feed-broken" not in [thread.name for thread in threading.enumerate()]


def test_a_closed_publisher_takes_nothing_and_can_be_closed_again(topics: Settings) -> None:
    bars = BarPublisher(feed="closed", settings=topics)
    bars.publish("A", "1s", CLOSE, *PRICES)
    assert bars.close().bars == 1
    assert bars.close().bars == 1
    with pytest.raises(ClientError, match="closed"):
        bars.publish("A", "1s", CLOSE + SECOND, *PRICES)
    assert rows_of(topics) == [("A", CLOSE, partition_of("A", topics.topics.partitions))]


def test_refused_bars_send_nothing(topics: Settings) -> None:
    soon = (time.time_ns() // SECOND + 60) * SECOND
    with BarPublisher(feed="refused", settings=topics) as bars:
        for arguments, code in (
            (("A", "1s", soon, *PRICES), "future_time"),
            (("A", "1s", CLOSE, 10.0, 9.0, 11.0, 10.0), "high_below_low"),
            (("", "1s", CLOSE, *PRICES), "empty_symbol"),
        ):
            with pytest.raises(BarRejectedError) as refused:
                bars.publish(*arguments)
            assert refused.value.code == code
        with pytest.raises(BarRejectedError, match="revision"):
            bars.publish("A", "1s", CLOSE, *PRICES, revision=-1)
        with pytest.raises(BarRejectedError, match="future_time"):
            bars.advance(soon)
    assert log_of(topics) == []


def test_topics_that_are_missing_or_of_another_width_are_refused(make_bare_settings: Callable[..., Settings]) -> None:
    settings = make_bare_settings()
    with pytest.raises(TopicError, match="signaltape init"):
        BarPublisher(feed="none", settings=settings)
    from infra.broker.admin import create_topics

    create_topics(settings)
    wider: Any = {"prefix": settings.topics.prefix, "partitions": 6}
    with pytest.raises(TopicError, match=r"4 partitions.*says 6"):
        BarPublisher(feed="wide", settings=make_bare_settings(topics=wider))
    with pytest.raises(ClientUsageError, match="1 to 128 characters"):
        BarPublisher(feed="x" * 200, settings=settings)
