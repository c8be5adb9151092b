"""The ingest that ends and comes back: nothing is lost or doubled, and what a bar becomes doesn't depend on it."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgpack
import numpy as np
import psycopg
import pytest
from confluent_kafka import Producer

import consumers.ingest.loop as ingest_loop
from consumers.ingest.loop import IngestLoop
from consumers.ingest.position import PositionRefused, group_name
from infra.broker.admin import create_topics, group_offsets, set_group_offsets
from infra.broker.config import transactional_producer_config
from infra.broker.reading import read_topic
from infra.settings import Settings
from infra.telemetry.health import Health
from infra.warehouse.active_lock import ActiveLock
from pipeline.offline import compute
from producers.bar_table import BarTable
from schemas.bars import BarBatch, Watermark
from schemas.codec import decode
from schemas.partitioning import partition_of
from schemas.topics import TopicNames
from signaltape.initialisation import initialise
from signaltape.repair import RepairRefused, repair
from tests.support import world
from tests.support.services import ServiceProcess, running
from tests.support.waiting import wait_for

SECOND = 1_000_000_000
NewLoop = Callable[[Settings], IngestLoop]


def first_symbol(partition: int, partitions: int = 4) -> str:
    """A symbol that lives on the partition."""
    return next(name for name in map("S{}".format, range(1_000)) if partition_of(name, partitions) == partition)


def raw(symbol: str, event_time: int, **changes: Any) -> dict[str, Any]:
    return {
        "symbol": symbol, "interval": "1s", "event_time": event_time,
        "open": 10.0, "high": 11.0, "low": 9.0, "close": 10.5, "volume": 100.0,
    } | changes  # fmt: skip


def send(settings: Settings, bars: list[dict[str, Any]]) -> None:
    producer = Producer({"bootstrap.servers": settings.kafka.bootstrap_servers, "partitioner": "murmur2"})
    topic = TopicNames(settings.topics.prefix).bars_in
    for bar in bars:
        producer.produce(topic, key=bar["symbol"], value=msgpack.packb(bar))
        producer.poll(0)
    assert producer.flush(30) == 0


def log_of(settings: Settings) -> list[tuple[int, Any]]:
    """(partition, message) of the log, each partition in its order."""
    found = read_topic(settings, TopicNames(settings.topics.prefix).bars)
    return [(record.partition, decode(record.value or b"")) for record in found]


def bars_in_log(settings: Settings) -> list[tuple[str, int]]:
    batches = [message for _, message in log_of(settings) if isinstance(message, BarBatch)]
    return [(symbol, batch.event_time) for batch in batches for symbol in batch.symbols]


def committed(settings: Settings) -> int:
    """How many records of ``bars-in`` the group is past."""
    topic = TopicNames(settings.topics.prefix).bars_in
    places = group_offsets(settings, group_name(settings), topic, settings.topics.partitions).values()
    return sum(place[0] for place in places if place is not None)


@pytest.fixture
def new_loop() -> Iterator[NewLoop]:
    """Makes loops as a process has one; what a test leaves is abandoned, as by `kill -9`."""
    made: list[IngestLoop] = []

    def make(settings: Settings) -> IngestLoop:
        made.append(IngestLoop(settings, Health()))
        return made[-1]

    yield make
    for loop in made:
        loop._consumer.close()


def rounds_until(loop: IngestLoop, condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        loop.round()


def base_close() -> int:
    return (time.time_ns() // SECOND - 5_000) * SECOND


def raw_bars(table: BarTable) -> list[dict[str, Any]]:
    columns = zip(
        table.symbol.tolist(), table.event_time.tolist(), table.open.tolist(), table.high.tolist(),
        table.low.tolist(), table.close.tolist(), table.volume.tolist(), strict=True,
    )  # fmt: skip
    names = ("symbol", "event_time", "open", "high", "low", "close", "volume")
    return [{"interval": table.interval, **dict(zip(names, row, strict=True))} for row in columns]


def stored_vectors(settings: Settings) -> dict[tuple[str, int], list[float | None]]:
    query = 'SELECT symbol, (extract(epoch FROM event_time) * 1000000)::bigint * 1000, "values" FROM features'
    with psycopg.connect(settings.postgres.dsn) as connection:
        rows = connection.execute(query).fetchall()
    assert len({row[:2] for row in rows}) == len(rows)
    return {(symbol, moment): values for symbol, moment, values in rows}


def count_rows(settings: Settings) -> tuple[int, int]:
    with psycopg.connect(settings.postgres.dsn) as connection:
        row = connection.execute("SELECT count(*), count(DISTINCT (symbol, event_time)) FROM bars").fetchone()
    assert row is not None
    return row


@pytest.mark.slow
def test_killed_under_load_the_same_rows_come_out(make_settings: Any) -> None:
    settings = make_settings(ingest={"batch": 50, "commit_every_s": 0.3})
    initialise(settings)
    table = world.small_market(symbols=16, bars=100)
    waiting = raw_bars(table)
    send(settings, waiting)
    with running(settings, "features"):
        process = ServiceProcess(settings, "ingest")

        def caught() -> bool:
            """Looked at while it stands still: something is out, not all of it committed, and more is to come."""
            os.kill(process.pid, signal.SIGSTOP)
            out = len(bars_in_log(settings))
            # Looked at last: a commit that was on its way has arrived by then.
            if committed(settings) < out < len(waiting):
                return True
            process.resume()
            return False

        wait_for(caught, 60, "a moment at which a kill leaves something to be read again", 0.01)
        process.kill()
        with running(settings, "ingest"):
            wait_for(lambda: committed(settings) == len(waiting), 60, "everything to be ingested")
            wait_for(lambda: count_rows(settings)[1] == len(waiting), 60, "every bar stored")
    repeated = len(bars_in_log(settings)) - len(waiting)
    assert repeated > 0, "no bar was ingested twice"
    assert count_rows(settings) == (len(waiting), len(waiting))
    undisturbed = compute(table, table.interval)
    expected = {
        (symbol, moment): [value if good else None for value, good in zip(values, valid, strict=True)]
        for symbol, moment, values, valid in zip(
            undisturbed.symbol.tolist(), undisturbed.event_time.tolist(), undisturbed.values.tolist(),
            undisturbed.valid.tolist(), strict=True,
        )
    }  # fmt: skip
    assert stored_vectors(settings) == expected


def test_a_late_bar_after_a_restart_was_available_when_it_arrived(settings: Settings, new_loop: NewLoop) -> None:
    create_topics(settings)
    close, symbol = base_close(), first_symbol(1)
    loop = new_loop(settings)
    send(settings, [raw(symbol, close + 9 * SECOND)])
    rounds_until(loop, lambda: committed(settings) == 1)
    # The process dies: nothing is closed. Another one takes over.
    send(settings, [raw(symbol, close + 5 * SECOND), raw(symbol, close + 10 * SECOND)])
    successor = new_loop(settings)
    rounds_until(successor, lambda: len(bars_in_log(settings)) == 3)
    available = {m.event_time: m.available_time for _, m in log_of(settings) if isinstance(m, BarBatch)}
    arrived = {r.offset: r.timestamp_ms for r in read_topic(settings, TopicNames(settings.topics.prefix).bars_in)}
    assert available[close + 9 * SECOND] == close + 9 * SECOND
    assert available[close + 5 * SECOND] == arrived[1] * 1_000_000
    assert available[close + 10 * SECOND] == close + 10 * SECOND


def test_what_was_written_in_a_transaction_is_read_to_its_end(make_settings: Any, new_loop: NewLoop) -> None:
    """Behind the bar lies the end of its transaction: nothing that waits, and nothing that a restart may miss."""
    settings = make_settings(ingest={"patience_s": 0.05, "idle_s": 0.1, "release_after_s": 0.2, "commit_every_s": 0.05})
    create_topics(settings)
    loop, symbol, close = new_loop(settings), first_symbol(1), base_close()
    producer = Producer(transactional_producer_config(settings, f"{settings.topics.prefix}client"))
    producer.init_transactions(30)
    producer.begin_transaction()
    bars_in = TopicNames(settings.topics.prefix).bars_in
    producer.produce(bars_in, msgpack.packb(raw(symbol, close)), symbol.encode(), 1)
    producer.commit_transaction(30)
    rounds_until(loop, lambda: any(isinstance(m, Watermark) and m.state == "final" for _, m in log_of(settings)))
    assert bars_in_log(settings) == [(symbol, close)]
    rounds_until(loop, lambda: committed(settings) == 2)


def test_no_promise_is_made_for_partitions_that_were_not_read(
    make_settings: Any, new_loop: NewLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits in several partitions comes in the order in which the broker gives it, not in that of its closes."""
    monkeypatch.setattr(ingest_loop, "_WATERMARK_EVERY_S", 0.0)
    settings = make_settings(ingest={"batch": 50, "patience_s": 0.0, "lateness_s": 0.0, "idle_s": 0.01})
    create_topics(settings)
    close, bars = base_close(), 400
    symbols = [first_symbol(partition) for partition in range(settings.topics.partitions)]
    for symbol in symbols:
        send(settings, [raw(symbol, close + n * SECOND) for n in range(bars)])
    loop = new_loop(settings)
    rounds_until(loop, lambda: committed(settings) == bars * len(symbols))
    promised: dict[int, int] = {}
    seen = 0
    for partition, message in log_of(settings):
        if isinstance(message, Watermark):
            promised[partition] = max(message.event_time, promised.get(partition, 0))
        else:
            seen += len(message.symbols)
            assert message.event_time > promised[partition], f"partition {partition}: promise broken"
    assert seen == bars * len(symbols)
    assert max(promised.values()) > close


def test_the_feed_of_a_predecessor_is_released_and_never_behind_an_open(make_settings: Any, new_loop: NewLoop) -> None:
    settings = make_settings(ingest={"feed_timeout_s": 0.5})
    create_topics(settings)
    close, symbol = base_close(), first_symbol(2)
    loop = new_loop(settings)
    send(settings, [raw(symbol, close)])
    rounds_until(loop, lambda: committed(settings) == 1)

    def states() -> list[str]:
        return [m.state for p, m in log_of(settings) if p == 2 and isinstance(m, Watermark) and m.state != "advance"]

    with running(settings, "ingest") as started:
        wait_for(lambda: states() == ["open", "timed_out"], 30, "the release")
        send(settings, [raw(symbol, close + SECOND)])
        wait_for(lambda: len(bars_in_log(settings)) == 2, 30, "the next bar")
        assert started["ingest"].stop() == 0
    assert states() == ["open", "timed_out", "open", "final"]


def test_a_release_that_comes_when_the_feed_is_open_writes_nothing(settings: Settings, new_loop: NewLoop) -> None:
    create_topics(settings)
    close, symbol = base_close(), first_symbol(0)
    loop = new_loop(settings)
    send(settings, [raw(symbol, close)])
    rounds_until(loop, lambda: bars_in_log(settings) != [])
    loop.release_orphan(dict.fromkeys(range(settings.topics.partitions), close))
    send(settings, [raw(symbol, close + SECOND)])
    rounds_until(loop, lambda: committed(settings) == 2)
    assert not [m for _, m in log_of(settings) if isinstance(m, Watermark) and m.state == "timed_out"]


def test_offsets_that_were_reset_or_belong_to_another_topic_are_refused_and_repaired(
    settings: Settings, new_loop: NewLoop
) -> None:
    create_topics(settings)
    topic, partitions = TopicNames(settings.topics.prefix).bars_in, settings.topics.partitions
    close, symbol = base_close(), first_symbol(3)
    send(settings, [raw(symbol, close + n * SECOND) for n in range(5)])
    first = new_loop(settings)
    rounds_until(first, lambda: committed(settings) == 5)
    assert repair(settings, "ingest") == []
    place = group_offsets(settings, group_name(settings), topic, partitions)[3]
    assert place is not None
    faults = [("reset", (3, "")), ("recreated", (5, '{"topic":"other","newest":1}')), ("truncated", (9, place[1]))]
    for fault, offset in faults:
        set_group_offsets(settings, group_name(settings), {(topic, 3): offset})
        with pytest.raises(PositionRefused, match="signaltape repair --service ingest"):
            new_loop(settings)
        lock = ActiveLock(settings, "ingest")
        assert lock.acquire(threading.Event())
        with pytest.raises(RepairRefused, match="stop it first"):
            repair(settings, "ingest")
        lock.release()
        done = repair(settings, "ingest")
        assert [(one.topic, one.partition, one.fault, one.offset) for one in done] == [(topic, 3, fault, 0)]
    loop = new_loop(settings)
    rounds_until(loop, lambda: committed(settings) == 5)
    assert sorted(set(bars_in_log(settings))) == [(symbol, close + n * SECOND) for n in range(5)]
    assert len(bars_in_log(settings)) == 10
    assert np.all(np.diff([moment for _, moment in bars_in_log(settings)[5:]]) > 0)
