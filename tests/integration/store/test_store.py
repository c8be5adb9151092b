"""The store on real servers: every row once, whatever happens to it, to Postgres or to its partitions."""

import signal as signals
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import psycopg
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from prometheus_client import REGISTRY

from consumers.store.loop import StoreLoop
from infra.broker.admin import create_topics
from infra.broker.reading import read_topic
from infra.errors import OperatorError
from infra.settings import Settings
from infra.telemetry.health import Health
from infra.warehouse import StaleEpoch, TopicMismatch, WarehouseUnavailable, connect
from infra.warehouse.checkpoints import read_checkpoints
from infra.warehouse.topic_checks import apply_repair, plan_repair
from infra.warehouse.topic_states import topic_states
from schemas.signals import Signal
from schemas.topics import TopicNames
from signaltape.initialisation import initialise
from signaltape.repair import repair
from tests.support import store_messages as make
from tests.support.kept_digests import digests_and_differences
from tests.support.plain_digests import PlainTally, recorded
from tests.support.providers import TestStack
from tests.support.services import ServiceProcess
from tests.support.waiting import wait_for

#: Optional keys of predictions that the store keeps.
TESTED: dict[str, object] = {"experiment": "exp-1", "shadows": ("ridge:4", "trees:1")}


@pytest.fixture
def place(settings: Settings) -> Settings:
    initialise(settings)
    return settings


@pytest.fixture
def names(place: Settings) -> TopicNames:
    return TopicNames(place.topics.prefix)


@pytest.fixture
def writer(place: Settings) -> make.TransactionalWriter:
    return make.TransactionalWriter(place)


class Running:
    """A store in a thread; `failure` is what ended it."""

    def __init__(self, settings: Settings, instance: int) -> None:
        self.stop = threading.Event()
        self.health = Health()
        self.failure: BaseException | None = None
        self.loop = StoreLoop(settings, instance, self.health, self.stop)
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.loop.run()
        except OperatorError as error:
            self.failure = error

    def end(self) -> None:
        self.stop.set()
        self.thread.join(60)
        assert not self.thread.is_alive()


@contextmanager
def running(settings: Settings, instance: int = 0) -> Iterator[Running]:
    one = Running(settings, instance)
    try:
        yield one
    finally:
        one.end()
    if one.failure is not None:
        raise one.failure


def count(settings: Settings, table: str) -> int:
    """Rows of a table; -1 while the database does not answer."""
    try:
        with connect(settings) as connection:
            row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # type: ignore[arg-type]
            return int(row[0]) if row else 0
    except (WarehouseUnavailable, psycopg.OperationalError):
        return -1


def contents(settings: Settings, *, leave_out: str = "ingest_time") -> dict[str, list[Any]]:
    with connect(settings) as connection:
        return {
            table: connection.execute(
                f"SELECT to_jsonb(t) - '{leave_out}' FROM {table} t ORDER BY 1"  # type: ignore[arg-type]
            ).fetchall()
            for table in ("predictions", "model_calls", "signals", "deployments", "control_applied")
        }


def fill(writer: make.TransactionalWriter, names: TopicNames, first: int, transactions: int) -> None:
    """Transactions of five batches and five signals on each of two partitions, from number `first` on."""
    for transaction in range(transactions):
        messages: list[make.Sent] = []
        for partition in (0, 1):
            for number in range(first + 5 * transaction, first + 5 * transaction + 5):
                batch = make.prediction_batch(number, (f"A{partition}", f"B{partition}"), partition=partition)
                messages.append((names.predictions, partition, batch))
                one = make.signal(number, partition=partition, symbol=f"A{partition}")
                messages.append((names.signals, partition, one))
        writer.write(messages)


def test_every_kind_of_message(place: Settings, names: TopicNames, writer: make.TransactionalWriter) -> None:
    writer.write(
        [
            (names.predictions, 1, make.prediction_batch(7, breaker_open=True, numerics="0f", **TESTED)),
            (names.predictions, 1, make.watermark()),
            (names.signals, 1, make.signal(7, partition=1)),
            (names.signals, 1, make.heartbeat(1)),
            (names.signals, 1, make.notice("swapped", 0, partition=1)),
            (names.signals, 1, make.notice("control_late", 0, partition=1)),
            (names.signals, 1, make.notice("refused", 1, partition=1)),
            (names.control, 0, make.control(0)),
        ]
    )
    with running(place):
        wait_for(lambda: count(place, "deployments") == 1 and count(place, "signals") == 1)
        wait_for(lambda: count(place, "predictions") == 2)
    rows = contents(place)
    first = rows["predictions"][0][0]
    assert (first["symbol"], first["status"], first["direction"], first["outcome"]) == ("A", "ok", "flat", "emitted")
    assert (first["score"], first["source_offset"], first["partition"], first["topic_offset"]) == (-0.005, 7, 1, 0)
    (call,) = [row[0] for row in rows["model_calls"]]
    assert (call["model_sha256"], call["set_hash"], call["symbols"], call["numerics"]) == ("0" * 64, "h", 2, "0f")
    assert (call["source_offset"], call["source_part"], call["partition"], call["topic_offset"]) == (7, 0, 1, 0)
    assert (first["experiment"], call["shadows"]) == ("exp-1", ["ridge:4", "trees:1"])
    assert (call["deadline_missed"], call["breaker_open"], call["model_latency_ns"]) == (False, True, 1234)
    assert rows["signals"][0][0]["models"] == ["ridge:3", "trees:1"]
    applied = [(row[0]["control_offset"], row[0]["late"]) for row in rows["control_applied"]]
    assert applied == [(0, True)]
    assert rows["deployments"][0][0]["parameters"] == {"long": 0.1}


def test_json_signals(place: Settings, names: TopicNames, writer: make.TransactionalWriter) -> None:
    writer.write([(names.signals, 0, make.signal(1))], json=True)
    with running(place):
        wait_for(lambda: count(place, "signals") == 1)


def test_aborted_messages_leave_nothing(place: Settings, names: TopicNames, writer: make.TransactionalWriter) -> None:
    writer.write([(names.predictions, 0, make.prediction_batch(1))], abort=True)
    writer.write([(names.predictions, 0, make.prediction_batch(2))])
    with running(place):
        wait_for(lambda: count(place, "predictions") == 2)
    assert {row[0]["source_offset"] for row in contents(place)["predictions"]} == {2}


def test_second_store_of_the_same_instance_ends_the_first(
    place: Settings, names: TopicNames, writer: make.TransactionalWriter
) -> None:
    first = Running(place, 0)
    try:
        fill(writer, names, 0, 1)
        wait_for(lambda: count(place, "predictions") == 20)
        with running(place):
            wait_for(lambda: first.failure is not None, 30, "the first to be fenced")
            fill(writer, names, 5, 1)
            wait_for(lambda: count(place, "predictions") == 40)
    finally:
        first.end()
    assert "another store runs under this instance number" in str(first.failure)


def test_what_cannot_be_taken_is_a_dead_letter(
    place: Settings, names: TopicNames, writer: make.TransactionalWriter
) -> None:
    unknown = make.prediction_batch(3, outcome=np.array([99, 1], dtype=np.uint8))
    bad: list[make.Sent] = [
        (names.predictions, 0, b"\xc1 no message"),
        (names.predictions, 0, make.signal(1)),
        (names.predictions, 0, unknown),
        (names.control, 0, make.control(0, parameters={"note": "a\0b"})),
        (names.control, 0, make.control(1, model_version=2**40)),
        (names.control, 0, make.control(1, strategy="m" * 200)),
    ]
    writer.write([*bad, (names.predictions, 0, make.prediction_batch(5)), (names.control, 0, make.control(2))])
    with running(place):
        wait_for(lambda: count(place, "predictions") == 2 and count(place, "deployments") == 1)
    codes = [
        dict(record.headers)["__connect.errors.exception.class.name"]
        for topic in (names.predictions, names.control)
        for record in read_topic(place, names.dlq(topic))
    ]
    assert codes == [b"undecodable", b"unexpected_type", b"unknown_code", *[b"unstorable"] * 3]


def test_goes_on_where_the_warehouse_says(place: Settings, names: TopicNames, writer: make.TransactionalWriter) -> None:
    fill(writer, names, 0, 4)
    with running(place):
        wait_for(lambda: count(place, "predictions") == 80)
    before = contents(place, leave_out="nothing")
    fill(writer, names, 20, 4)
    with running(place):
        wait_for(lambda: count(place, "predictions") == 160)
    after = contents(place, leave_out="nothing")
    assert all(row in after["signals"] for row in before["signals"])


def test_postgres_away_and_back(
    stack: TestStack, place: Settings, names: TopicNames, writer: make.TransactionalWriter
) -> None:
    with running(place) as store:
        fill(writer, names, 0, 2)
        wait_for(lambda: count(place, "predictions") == 40)
        stack.kill("postgres")
        fill(writer, names, 10, 8)
        wait_for(lambda: not store.health.report()[1]["checks"]["postgres"]["ok"])
        stack.start_server("postgres")
        wait_for(lambda: count(place, "predictions") == 200)
        wait_for(lambda: count(place, "signals") == 100)


def test_two_instances_share_and_hand_over(
    place: Settings, names: TopicNames, writer: make.TransactionalWriter
) -> None:
    with running(place) as first:
        fill(writer, names, 0, 4)
        wait_for(lambda: count(place, "predictions") == 80)
        with running(place, 1) as second:
            wait_for(lambda: second.loop._owned and first.loop._owned, 60)
            fill(writer, names, 20, 4)
            wait_for(lambda: count(place, "predictions") == 160)
        fill(writer, names, 40, 4)
        wait_for(lambda: count(place, "predictions") == 240, 60)
        wait_for(lambda: count(place, "signals") == 120)


def test_a_zombie_stops_and_writes_nothing(
    place: Settings, names: TopicNames, writer: make.TransactionalWriter
) -> None:
    """Somebody else takes the partition in the warehouse while this process still believes that it is its own."""
    zombie = Running(place, 0)
    try:
        fill(writer, names, 0, 1)
        wait_for(lambda: count(place, "predictions") == 20)
        with connect(place) as connection:
            connection.execute("UPDATE checkpoints SET epoch = epoch + 1 WHERE service = 'store'")
        fill(writer, names, 5, 1)
        wait_for(lambda: isinstance(zombie.failure, StaleEpoch))
        assert count(place, "predictions") == 20
    finally:
        zombie.end()
    with running(place):
        wait_for(lambda: count(place, "predictions") == 40)


@pytest.mark.parametrize("step", ["1_read", "2_decoded", "3_stored", "4_shown", "5_committed"])
def test_killed_at_each_step(place: Settings, names: TopicNames, writer: make.TransactionalWriter, step: str) -> None:
    """Killed twice with messages waiting, started again: the rows of an undisturbed run, each once.

    A kill at 3 or later leaves no row to be written again, since rows and offset are one transaction: the second kill
    is always one whose round is read again. The first messages come once more at the end, as from a writer that wasn't
    sure of them: their rows are there already.
    """
    fill(writer, names, 0, 6)
    fill(writer, names, 0, 2)
    die(place, f"store.{step}:4")
    first = effects(place)
    # A round of seven messages may hold those of one topic only.
    assert 0 < count(place, "predictions") + count(place, "signals") < 180
    die(place, "store.2_decoded:1")
    assert effects(place) == first, "what was read and decoded is to be read again"
    before = suppressed("predictions")
    with running(place):
        wait_for(lambda: count(place, "predictions") == 120 and count(place, "signals") == 60, 60)
        wait_for(lambda: suppressed("predictions") - before == 40, 30, "the repeated messages to be dropped")
    rows = contents(place)["predictions"]
    assert len(rows) == len({(row[0]["symbol"], row[0]["source_offset"]) for row in rows}) == 120
    check_digests(place, 30)


def check_digests(settings: Settings, numbers: int) -> None:
    """Each message of `fill` counts once, and the digests are those of the rows."""
    tally = PlainTally()
    for partition in (0, 1):
        for number in range(numbers):
            tally.predictions(make.prediction_batch(number, (f"A{partition}", f"B{partition}"), partition=partition))
            tally.signal(make.signal(number, partition=partition, symbol=f"A{partition}"))
    assert recorded(settings.postgres.dsn, "predictions", "signals") == tally.digests
    with connect(settings) as connection:
        assert digests_and_differences(connection)[1] == []


def die(settings: Settings, point: str) -> None:
    """Run a store with small rounds that is killed at a crash point."""
    process = ServiceProcess(settings, "store", SIGNALTAPE_CRASH_AT=point, SIGNALTAPE_STORE__ROUND_MESSAGES="7")
    assert process.wait_exit(60) == -signals.SIGKILL, process.tail()


def effects(settings: Settings) -> dict[tuple[str, int], int]:
    """Where the store's checkpoints stand."""
    with connect(settings) as connection:
        rows = connection.execute("SELECT topic, partition, effect_offset FROM checkpoints WHERE service = 'store'")
        return {(topic, partition): offset for topic, partition, offset in rows}


def suppressed(table: str) -> float:
    """Rows that were there already, as the stores in this process have counted them."""
    return REGISTRY.get_sample_value("signaltape_duplicates_total", {"topic": table}) or 0.0


def test_a_recreated_topic_is_refused(place: Settings, names: TopicNames, writer: make.TransactionalWriter) -> None:
    with connect(place) as connection:
        connection.execute("UPDATE checkpoints SET topic_id = 'another' WHERE service = 'store'")
    with pytest.raises(TopicMismatch, match=r"was recreated.*signaltape repair --service store"), running(place) as one:
        wait_for(lambda: one.failure)


def test_a_restored_database_is_refused(place: Settings, names: TopicNames, writer: make.TransactionalWriter) -> None:
    fill(writer, names, 0, 2)
    with running(place):
        wait_for(lambda: count(place, "predictions") == 40)
    with connect(place) as connection:
        connection.execute("UPDATE checkpoints SET effect_offset = 3 WHERE service = 'store' AND effect_offset > 3")
    with pytest.raises(TopicMismatch, match="restored from before"), running(place) as two:
        wait_for(lambda: two.failure)


def test_checkpoints_follow_the_topic_to_its_end(
    place: Settings, names: TopicNames, writer: make.TransactionalWriter
) -> None:
    fill(writer, names, 0, 2)
    with running(place), connect(place) as connection:
        # Two transactions of five messages and a marker each; the last marker is never read.
        wait_for(lambda: read_checkpoints(connection, "store", names.signals)[0].effect_offset == 12)
    assert count(place, "signals") == 20
    messages = [record for record in read_topic(place, names.signals) if record.partition == 0]
    assert messages[-1].offset == 10


def test_signal_rows_are_unique(place: Settings, names: TopicNames, writer: make.TransactionalWriter) -> None:
    """A message that is there twice (a writer without transactions) makes one row, and stops nothing."""
    one: Signal = make.signal(1)
    writer.write([(names.signals, 0, one), (names.signals, 0, one), (names.signals, 0, make.signal(2))])
    with running(place):
        wait_for(lambda: count(place, "signals") == 2)


def test_decisions_of_a_recreated_control_topic_are_told_from_earlier_ones(
    place: Settings, names: TopicNames, writer: make.TransactionalWriter
) -> None:
    """Offsets begin at 0 again: the first event of the new topic is another one than that of the old."""
    writer.write([(names.control, 0, make.control(0)), (names.signals, 0, make.notice("swapped", 0))])
    with running(place):
        wait_for(lambda: count(place, "deployments") == count(place, "control_applied") == 1)
    admin = AdminClient({"bootstrap.servers": place.kafka.bootstrap_servers})
    admin.delete_topics([names.control])[names.control].result()
    wait_for(lambda: names.control not in admin.list_topics(timeout=10).topics)
    wait_for(lambda: names.control in create_topics(place), 30, "the topic to come back")
    # What the repair command does, without its wait until the stopped member is forgotten.
    with connect(place) as connection, connection.transaction():
        (checkpoint,) = read_checkpoints(connection, "store", names.control).values()
        state = topic_states(place, f"{place.topics.prefix}signaltape-store", [names.control])[names.control, 0]
        plan = plan_repair(checkpoint, state, checkpoint.effect_offset)
        assert plan.fault == "recreated"
        apply_repair(connection, checkpoint, plan)
    again = make.TransactionalWriter(place)
    again.write([(names.control, 0, make.control(7)), (names.signals, 0, make.notice("control_late", 0))])
    with running(place):
        wait_for(lambda: count(place, "deployments") == count(place, "control_applied") == 2, 60)
    rows = contents(place)
    assert [(row[0]["generation"], row[0]["control_offset"], row[0]["event_id"]) for row in rows["deployments"]] == [
        (1, 0, "event-0"), (2, 0, "event-7"),
    ]  # fmt: skip
    assert [(row[0]["generation"], row[0]["late"]) for row in rows["control_applied"]] == [(1, False), (2, True)]


@pytest.mark.slow
def test_an_expired_topic_is_refused_and_repaired(
    place: Settings, names: TopicNames, writer: make.TransactionalWriter
) -> None:
    fill(writer, names, 0, 2)
    admin = AdminClient({"bootstrap.servers": place.kafka.bootstrap_servers})
    gone = TopicPartition(names.predictions, 0, 6)
    admin.delete_records([gone])[gone].result()
    expired = pytest.raises(TopicMismatch, match="begins at 6; what the checkpoint needs from 0 on has expired")
    with expired, running(place) as one:
        wait_for(lambda: one.failure)
    (done,) = repair(place, "store")
    assert (done.topic, done.partition, done.fault, done.offset) == (names.predictions, 0, "expired", 6)
    with running(place):
        wait_for(lambda: count(place, "predictions") == 30)
