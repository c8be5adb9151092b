"""The ingest on the real broker: what foreign clients send ends in the log or in the dead letters."""

import json
import threading
import time
from typing import Any

import msgpack
import pytest
from confluent_kafka import Producer

from infra.broker.admin import create_topics
from infra.broker.bar_feed import BarFeed
from infra.broker.publisher import Publisher
from infra.broker.reading import read_topic
from infra.settings import Settings
from schemas.bars import BarBatch, Watermark
from schemas.codec import decode
from schemas.control import ControlEvent
from schemas.partitioning import partition_of
from schemas.topics import TopicNames
from signaltape.client import Control
from tests.support.services import ServiceProcess, running
from tests.support.waiting import wait_for

SECOND = 1_000_000_000
SYMBOLS = [f"SYM{number}" for number in range(12)]


def base_close() -> int:
    return (time.time_ns() // SECOND - 600) * SECOND


def raw(symbol: str, event_time: int, **changes: Any) -> dict[str, Any]:
    return {
        "symbol": symbol, "interval": "1s", "event_time": event_time,
        "open": 10.0, "high": 11.0, "low": 9.0, "close": 10.5, "volume": 100.0,
    } | changes  # fmt: skip


def send(settings: Settings, bars: list[dict[str, Any]], *, as_json: bool = False) -> None:
    producer = Producer({"bootstrap.servers": settings.kafka.bootstrap_servers, "partitioner": "murmur2"})
    topic = TopicNames(settings.topics.prefix).bars_in
    for bar in bars:
        value = json.dumps(bar).encode() if as_json else msgpack.packb(bar)
        producer.produce(topic, key=str(bar.get("symbol", "")), value=value)
        producer.poll(0)
    assert producer.flush(30) == 0


def log_of(settings: Settings) -> list[tuple[int, Any]]:
    topic = TopicNames(settings.topics.prefix).bars
    return [(record.partition, decode(record.value or b"")) for record in read_topic(settings, topic)]


def bars_of(settings: Settings) -> list[tuple[str, int, float, int]]:
    return [
        (symbol, message.event_time, float(message.close[row]), partition)
        for partition, message in log_of(settings)
        if isinstance(message, BarBatch)
        for row, symbol in enumerate(message.symbols)
    ]


def test_messagepack_and_json_end_in_the_log_behind_an_open_feed(settings: Settings) -> None:
    create_topics(settings)
    close = base_close()
    with running(settings, "ingest"):
        send(settings, [raw(symbol, close + step * SECOND) for step in range(5) for symbol in SYMBOLS])
        send(settings, [raw(symbol, close + 5 * SECOND) for symbol in SYMBOLS], as_json=True)
        wait_for(lambda: len(bars_of(settings)) >= 6 * len(SYMBOLS), 30)
    found = bars_of(settings)
    assert sorted(found) == sorted(
        (symbol, close + step * SECOND, 10.5, partition_of(symbol, settings.topics.partitions))
        for step in range(6)
        for symbol in SYMBOLS
    )
    for partition in range(settings.topics.partitions):
        messages = [message for p, message in log_of(settings) if p == partition]
        assert isinstance(messages[0], Watermark)
        assert messages[0].state == "open"
        per_symbol: dict[str, list[int]] = {}
        for message in messages:
            if isinstance(message, BarBatch):
                for symbol in message.symbols:
                    per_symbol.setdefault(symbol, []).append(message.event_time)
        assert all(moments == sorted(moments) for moments in per_symbol.values())


# What a client may send wrongly, and the code under which it is dead-lettered.
BAD: list[tuple[bytes | dict[str, Any], str]] = [
    (b"\xc1 nothing", "undecodable"),
    (b'{"symbol": ', "undecodable"),
    ({"v": 2}, "unknown_version"),
    ({"close": None}, "missing_field"),
    ({"open": "ten"}, "wrong_type"),
    ({"close": float("nan")}, "not_finite"),
    ({"high": float("inf")}, "not_finite"),
    ({"high": 8.0}, "high_below_low"),
    ({"close": 12.0}, "close_outside_range"),
    ({"low": 0.0, "open": 5.0}, "non_positive_price"),
    ({"low": -1.0}, "non_positive_price"),
    ({"volume": -1.0}, "negative_volume"),
    ({"event_time": "2024-01-02T21:00:00"}, "naive_time"),
    ({"event_time": 1_704_229_200_500_000_000}, "off_grid"),
    ({"event_time": 4_000_000_000 * SECOND}, "future_time"),
    ({"interval": "7m"}, "unknown_interval"),
    ({"filler": "x" * 20_000}, "too_large"),
]


def test_each_bad_bar_is_dead_lettered_and_the_good_ones_go_on(settings: Settings) -> None:
    create_topics(settings)
    names, close = TopicNames(settings.topics.prefix), base_close()
    producer = Producer({"bootstrap.servers": settings.kafka.bootstrap_servers, "partitioner": "murmur2"})
    for number, (bad, _) in enumerate(BAD):
        value = bad
        if isinstance(bad, dict):
            body = {k: v for k, v in (raw("BAD", close) | bad).items() if v is not None}
            value = msgpack.packb(body)
        producer.produce(names.bars_in, key="BAD", value=value)
        producer.produce(names.bars_in, key="GOOD", value=msgpack.packb(raw("GOOD", close + number * SECOND)))
    assert producer.flush(30) == 0
    with running(settings, "ingest"):
        wait_for(lambda: len(bars_of(settings)) >= len(BAD), 30)
        wait_for(lambda: len(list(read_topic(settings, names.dlq(names.bars_in)))) >= len(BAD), 30)
    dead = [dict(record.headers) for record in read_topic(settings, names.dlq(names.bars_in))]
    codes = [headers["__connect.errors.exception.class.name"].decode() for headers in dead]  # type: ignore[union-attr]
    assert codes == [code for _, code in BAD]
    assert all(headers["__connect.errors.topic"] == names.bars_in.encode() for headers in dead)
    offsets = [int(headers["__connect.errors.offset"]) for headers in dead]  # type: ignore[arg-type]
    assert len(set(offsets)) == len(BAD)
    assert [row[:2] for row in bars_of(settings)] == [("GOOD", close + n * SECOND) for n in range(len(BAD))]


def test_control_events_reach_every_partition_with_their_offset(settings: Settings) -> None:
    create_topics(settings)
    control = Control(settings)
    issued = [control.issue("pause", strategy="s", reason="test"), control.issue("resume", strategy="s", reason="test")]

    def relayed() -> list[tuple[int, str, int]]:
        return [
            (partition, message.event_id, message.control_offset)
            for partition, message in log_of(settings)
            if isinstance(message, ControlEvent)
        ]

    expected = [(p, event.event_id, n) for p in range(settings.topics.partitions) for n, event in enumerate(issued)]
    with running(settings, "ingest"):
        wait_for(lambda: sorted(relayed()) == sorted(expected), 30)


def test_a_silent_feed_is_released_on_its_partitions(make_settings: Any) -> None:
    settings = make_settings(ingest={"feed_timeout_s": 1.0})
    create_topics(settings)
    names = TopicNames(settings.topics.prefix)
    feed = BarFeed(Publisher(settings, "test"), names.bars, settings.topics.partitions, "gone")
    feed.open(base_close())

    def released() -> set[int]:
        return {
            p for p, m in log_of(settings) if isinstance(m, Watermark) and (m.feed, m.state) == ("gone", "timed_out")
        }

    with running(settings, "ingest"):
        wait_for(lambda: released() == set(range(settings.topics.partitions)), 30)
    assert sum(isinstance(m, Watermark) and m.state == "timed_out" for _, m in log_of(settings)) == 4


def test_a_silent_feed_is_released_beside_one_that_never_rests(make_settings: Any) -> None:
    # So long may the machine keep the busy feed from being heard.
    settings = make_settings(ingest={"feed_timeout_s": 5.0})
    create_topics(settings)
    topic, partitions = TopicNames(settings.topics.prefix).bars, settings.topics.partitions
    gone, busy = (BarFeed(Publisher(settings, name), topic, partitions, name) for name in ("gone", "busy"))
    for feed in (gone, busy):
        feed.open(base_close())
    ended = threading.Event()

    def keep_talking() -> None:
        while not ended.wait(0.02):
            busy.advance(base_close())
            busy.flush()

    def released() -> set[tuple[str, int]]:
        marks = [(p, m) for p, m in log_of(settings) if isinstance(m, Watermark) and m.state == "timed_out"]
        return {(mark.feed, partition) for partition, mark in marks}

    talker = threading.Thread(target=keep_talking)
    talker.start()
    try:
        with running(settings, "ingest"):
            wait_for(lambda: released() == {("gone", p) for p in range(partitions)}, 60)
    finally:
        ended.set()
        talker.join()


@pytest.mark.parametrize(
    "step", ["ingest.1_taken", "ingest.3_published", "ingest.5_acknowledged", "ingest.6_committed"]
)
def test_killed_at_a_step_under_load_loses_nothing(make_settings: Any, step: str) -> None:
    settings = make_settings(ingest={"batch": 500})  # all of it is many rounds, however late the process comes
    create_topics(settings)
    close, moments = base_close(), 200
    send(settings, [raw(symbol, close + n * SECOND) for n in range(moments) for symbol in SYMBOLS])
    process = ServiceProcess(settings, "ingest", SIGNALTAPE_CRASH_AT=f"{step}:2")
    send(settings, [raw(symbol, close + (moments + n) * SECOND) for n in range(moments) for symbol in SYMBOLS])
    assert process.wait_exit() == -9
    expected = {(symbol, close + n * SECOND) for n in range(2 * moments) for symbol in SYMBOLS}
    assert len({row[:2] for row in bars_of(settings)}) < len(expected) or step == "ingest.6_committed"
    with running(settings, "ingest"):
        wait_for(lambda: {row[:2] for row in bars_of(settings)} == expected, 60)


def test_a_second_ingest_waits_and_takes_over(settings: Settings) -> None:
    create_topics(settings)
    close = base_close()
    with running(settings, "ingest") as first:
        second = ServiceProcess(settings, "ingest", instance=1)
        try:
            wait_for(lambda: "standby" in second.log.read_text(), 30)
            first["ingest"].kill()
            send(settings, [raw("A", close)])
            wait_for(lambda: len(bars_of(settings)) == 1, 30)
        finally:
            assert second.stop() == 0
