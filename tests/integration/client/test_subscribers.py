"""`SignalSubscriber` and `AlertSubscriber` on the real broker."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from infra.broker.admin import admin_client
from infra.broker.config import consumer_config
from infra.settings import Settings
from schemas.codec import decode_any
from schemas.signals import Heartbeat, Signal
from schemas.topics import TopicNames
from signaltape.client import AlertSubscriber, ClientError, ClientUsageError, Gap, SignalSubscriber, Update
from tests.support.signal_log import CLOSE, SECOND, TransactionWriter, alert, notice, signal, write
from tests.support.waiting import wait_for


def read(subscriber: Any, count: int, deadline_s: float = 30.0) -> list[Any]:
    """Poll until ``count`` items have come; more than that is a fault."""
    found: list[Any] = []
    wait_for(lambda: found.extend(subscriber.poll(0.1)) or len(found) >= count, deadline_s, f"{count} items")
    assert len(found) == count, found
    return found


def read_to_end(subscriber: Any) -> list[Any]:
    """Everything that was there when the subscriber started."""
    found: list[Any] = []
    wait_for(lambda: found.extend(subscriber.poll(0.1)) or subscriber.caught_up, 30.0, "the end")
    return found


def symbols(updates: list[Any]) -> list[str]:
    return [update.message.symbol for update in updates]


def test_the_current_state_comes_first_then_every_change(topics: Settings, writer: TransactionWriter) -> None:
    write(writer, 0, [signal("A", 0), signal("B", 1), signal("A", 2, CLOSE + SECOND, signal="flat")])
    write(writer, 2, [signal("C", 0), Heartbeat(seq=1, partition=2, event_time=CLOSE)], as_json=True)
    with SignalSubscriber(settings=topics) as subscriber:
        state = read_to_end(subscriber)
        assert sorted(symbols(state)) == ["A", "B", "C"]
        assert all(update.current for update in state)
        assert next(u for u in state if u.message.symbol == "A").message.signal == "flat"
        assert [u.next_offset for u in state if u.partition == 0] == [2, 3]
        write(writer, 0, [signal("A", 3, CLOSE + 2 * SECOND)])
        write(writer, 2, [Heartbeat(seq=2, partition=2, event_time=CLOSE + SECOND)], as_json=True)
        later = read(subscriber, 2)
    assert not any(update.current for update in later)
    assert {type(update.message) for update in later} == {Signal, Heartbeat}


def test_both_forms_are_read_alike(topics: Settings, writer: TransactionWriter) -> None:
    wanted = [signal("A", 0), Heartbeat(seq=1, partition=1, event_time=CLOSE), notice(2)]
    write(writer, 0, wanted)
    write(writer, 1, wanted, as_json=True)
    with SignalSubscriber(start="beginning", settings=topics) as subscriber:
        found = read(subscriber, 6)
    for partition in (0, 1):
        assert [update.message for update in found if update.partition == partition] == wanted


def test_gaps_in_the_sequence_are_noticed(topics: Settings, writer: TransactionWriter) -> None:
    write(writer, 0, [signal("A", 5), Heartbeat(seq=6, partition=0, event_time=CLOSE), signal("B", 9), signal("C", 2)])
    with SignalSubscriber(start="beginning", settings=topics) as subscriber:
        found = read(subscriber, 6)
    assert [type(item) for item in found] == [Update, Update, Gap, Update, Gap, Update]
    assert found[2] == Gap(partition=0, expected=7, found=9)
    assert "messages 7 … 8 are missing" in str(found[2])
    assert "goes on at 2" in str(found[4])


def test_positions_resume_exactly_there(topics: Settings, writer: TransactionWriter) -> None:
    write(writer, 0, [signal(f"A{n}", n) for n in range(5)])
    write(writer, 1, [signal(f"B{n}", n) for n in range(5)])
    with SignalSubscriber(start="beginning", settings=topics) as subscriber:
        places = dict(subscriber.positions)
        assert places == dict.fromkeys(range(4), 0)
        seen = read(subscriber, 10)
        assert all(subscriber.positions[partition] in (5, 6) for partition in (0, 1))  # 6: the transaction's end
        wait_for(lambda: not subscriber.poll(0.2) and subscriber.positions == {0: 6, 1: 6, 2: 0, 3: 0})
    places[0] = next(update.next_offset for update in seen if update.message.symbol == "A2")
    places[1] = subscriber.positions[1]
    write(writer, 2, [signal("C0", 0)])  # a partition that was quiet so far
    with SignalSubscriber(start=places, settings=topics) as subscriber:
        assert sorted(symbols(read_to_end(subscriber))) == ["A3", "A4", "C0"]


def test_positions_kept_in_a_quiet_time_outlive_what_they_are_behind(
    topics: Settings, writer: TransactionWriter
) -> None:
    write(writer, 0, [signal("A", 0)])
    write(writer, 0, [signal("ABORTED", 1)], abort=True)
    ends = {0: 4, 1: 0, 2: 0, 3: 0}
    with SignalSubscriber(settings=topics) as subscriber:
        (update,) = read(subscriber, 1)
        wait_for(lambda: not subscriber.poll(0.1) and subscriber.positions == ends)
    admin = admin_client(topics)  # what it promises is kept only while it is there
    for done in admin.delete_records([TopicPartition(TopicNames(topics.topics.prefix).signals, 0, 4)]).values():
        done.result(30)
    write(writer, 0, [signal("B", 1)])
    with SignalSubscriber(start=ends, settings=topics) as subscriber:
        assert symbols(read_to_end(subscriber)) == ["B"]
    with SignalSubscriber(start={0: update.next_offset}, settings=topics) as subscriber:
        assert "not there any more" in wait_for(lambda: refusal(subscriber), 30)


def refusal(subscriber: SignalSubscriber) -> str:
    try:
        subscriber.poll(0.2)
    except ClientError as error:
        return str(error)
    return ""


def test_an_aborted_transaction_is_never_shown_an_open_one_only_once_committed(
    topics: Settings, writer: TransactionWriter
) -> None:
    write(writer, 0, [signal("KEPT", 0)])
    write(writer, 0, [signal("ABORTED", 1)], abort=True)
    with writer.transaction():
        writer.put(0, signal("OPEN", 1))
        writer.flush()  # it lies in the log, not committed
        with SignalSubscriber(start="beginning", settings=topics) as whole:
            assert symbols(read_to_end(whole)) == ["KEPT"]
        current = SignalSubscriber(settings=topics)
        at_end = SignalSubscriber(start="end", settings=topics)
        state = read_to_end(current)
        assert symbols(state) == ["KEPT"]
        assert at_end.poll(0.2) == []
    for subscriber in (current, at_end):
        (found,) = read(subscriber, 1)
        assert (found.message.symbol, found.current) == ("OPEN", False)
        subscriber.close()


def test_nothing_is_missed_between_the_constructor_and_the_first_poll(
    topics: Settings, writer: TransactionWriter
) -> None:
    write(writer, 0, [signal("BEFORE", 0)])
    with (
        SignalSubscriber(start="end", settings=topics) as at_end,
        SignalSubscriber(settings=topics, lookback_s=-3600.0) as nothing_so_young,
    ):
        write(writer, 0, [signal("AFTER", 1)])
        write(writer, 3, [signal("QUIET", 0)])
        for subscriber in (at_end, nothing_so_young):
            assert sorted(symbols(read(subscriber, 2))) == ["AFTER", "QUIET"]


def test_a_message_that_can_not_be_read_stops_it_behind_what_came_before(
    topics: Settings, writer: TransactionWriter
) -> None:
    with writer.transaction():
        writer.put(0, signal("A", 0))
        writer.put_raw(0, b"\xc1 nothing")
        writer.put(0, signal("B", 1))
    with SignalSubscriber(start="beginning", settings=topics) as subscriber:
        assert symbols(read(subscriber, 1)) == ["A"]
        for _ in range(2):
            with pytest.raises(ClientError, match=r"signals\.v1\[0\] at offset 1.*start from offset 2"):
                subscriber.poll(30.0)
        assert not subscriber.caught_up
    with SignalSubscriber(start={0: 2}, settings=topics) as subscriber:
        assert symbols(read_to_end(subscriber)) == ["B"]


def test_starts_that_can_not_be_are_refused(
    topics: Settings, writer: TransactionWriter, make_bare_settings: Callable[..., Settings]
) -> None:
    with pytest.raises(ClientUsageError, match="'newest' is not known; use one of"):
        SignalSubscriber(start="newest", settings=topics)
    with pytest.raises(ClientUsageError, match=r"no partition \[9\]; it has 4"):
        SignalSubscriber(start={9: 0}, settings=topics)
    with SignalSubscriber(start={0: 77}, settings=topics) as subscriber:
        assert "not there any more" in wait_for(lambda: refusal(subscriber), 30)
    elsewhere: Any = {"prefix": f"{topics.topics.prefix}none."}
    with pytest.raises(ClientError, match="signaltape init"):
        SignalSubscriber(settings=make_bare_settings(topics=elsewhere))


def plain_reading(settings: Settings, count: int) -> None:
    """The baseline: the same topic by a bare consumer, each header looked at and each value through the codec."""
    topic = TopicNames(settings.topics.prefix).signals
    consumer = Consumer(consumer_config(settings, "plain"))
    consumer.assign([TopicPartition(topic, p, 0) for p in range(settings.topics.partitions)])
    found: list[Any] = []
    while len(found) < count:
        for record in consumer.consume(1_000, 0.05):
            content_type = (dict(record.headers() or ()).get("content-type") or b"").decode()
            found.append(decode_any(record.value(), content_type))
    consumer.close()


def test_a_burst_costs_less_than_reading_it_plainly(topics: Settings, writer: TransactionWriter) -> None:
    """5,000 signals at once: processor time of this thread, the best of three, beside a baseline in the same run."""
    with writer.transaction():
        for number in range(5_000):
            writer.put(number % 4, signal(f"S{number}", number // 4))
    polled, plain = [], []
    for _ in range(3):
        began = time.thread_time()
        plain_reading(topics, 5_000)
        plain.append(time.thread_time() - began)
        with SignalSubscriber(start="beginning", settings=topics) as subscriber:
            began, count = time.thread_time(), 0
            while count < 5_000:
                count += len(subscriber.poll(5.0))
            polled.append(time.thread_time() - began)
    print(f"poll {min(polled) * 1e3:.1f} ms, plain {min(plain) * 1e3:.1f} ms for 5,000 signals")
    assert min(polled) < min(plain)


def test_an_alert_that_is_repeated_comes_once(topics: Settings, writer: TransactionWriter) -> None:
    write(writer, 0, [alert(1), alert(2), alert(1)])
    write(writer, 0, [alert(2, message="again"), alert(3)], as_json=True)
    write(writer, 0, [alert(4)], abort=True)
    with AlertSubscriber(settings=topics) as subscriber:
        found = read_to_end(subscriber)
        assert [one.alert_id for one in found] == ["alert-1", "alert-2", "alert-3"]
        assert found[:2] == [alert(1), alert(2)]
        places = dict(subscriber.positions)
        write(writer, 0, [alert(3), alert(5)])
        assert [one.alert_id for one in read(subscriber, 1)] == ["alert-5"]
    with AlertSubscriber(start=places, settings=topics) as subscriber:
        assert [one.alert_id for one in read_to_end(subscriber)] == ["alert-3", "alert-5"]
