"""How the shell reads through Faust: order, rounds, commits, back-pressure, isolation, assignment."""

import threading

from confluent_kafka import Producer

from consumers.shell import Round, ShellOptions, adapter
from consumers.shell.app import build_app
from infra.broker.config import transactional_producer_config
from infra.settings import Settings
from tests.support.shell_service import Recorder, RunningShell, committed, make_topic, send
from tests.support.waiting import wait_for


def test_every_message_once_in_order_and_nothing_is_committed_by_itself(settings: Settings) -> None:
    topic = make_topic(settings, "plain", 2, (f"{settings.topics.prefix}g",))
    send(settings, topic, 3_000, partition=0)
    send(settings, topic, 2_000, partition=1)
    recorder = Recorder()
    with RunningShell(settings, f"{settings.topics.prefix}g", [topic], recorder) as running:
        wait_for(lambda: len(recorder.seen) == 5_000, what="all messages")
        send(settings, topic, 1, partition=0, first=3_000)
        wait_for(lambda: len(recorder.seen) == 5_001, what="a late message")
    assert running.error is None
    assert recorder.values(0) == list(range(3_001))
    assert recorder.values(1) == list(range(2_000))
    assert committed(settings, f"{settings.topics.prefix}g", topic, 0) == 0
    assert [name for name, _ in recorder.calls if name != "open"][-2:] == ["settle", "finish"]


def test_an_explicit_commit_is_exact_and_a_restart_resumes_there(settings: Settings) -> None:
    topic = make_topic(settings, "plain", 1, (f"{settings.topics.prefix}g",))
    send(settings, topic, 100)
    first, second = Recorder(), Recorder(starts={})
    with RunningShell(settings, f"{settings.topics.prefix}g", [topic], first):
        wait_for(lambda: len(first.seen) == 100)
        assert first.committer is not None
        assert first.committer.commit({(topic, 0): 37})
        assert committed(settings, f"{settings.topics.prefix}g", topic) == 37
    assert committed(settings, f"{settings.topics.prefix}g", topic) == 37
    second.starts[topic, 0] = 37
    with RunningShell(settings, f"{settings.topics.prefix}g", [topic], second):
        wait_for(lambda: len(second.seen) == 63)
    assert second.values() == list(range(37, 100))


def test_messages_below_the_start_are_not_handed_over(settings: Settings) -> None:
    topic = make_topic(settings, "plain", 1, (f"{settings.topics.prefix}g",))
    send(settings, topic, 50)
    recorder = Recorder(starts={(topic, 0): 20})
    with RunningShell(settings, f"{settings.topics.prefix}g", [topic], recorder):
        wait_for(lambda: recorder.values() == list(range(20, 50)))


def test_messages_that_arrive_while_a_partition_opens_are_held(settings: Settings) -> None:
    topic = make_topic(settings, "plain", 1, (f"{settings.topics.prefix}g",))
    send(settings, topic, 200)
    release, opened = threading.Event(), threading.Event()

    def on_open(_: object) -> None:
        opened.set()
        assert release.wait(60)

    recorder = Recorder(on_open=on_open)
    with RunningShell(settings, f"{settings.topics.prefix}g", [topic], recorder):
        assert opened.wait(60)
        send(settings, topic, 10, first=200)
        assert recorder.seen == []
        release.set()
        wait_for(lambda: recorder.values() == list(range(210)))


def test_aborted_transactions_are_left_out_and_markers_pass_the_commit(settings: Settings) -> None:
    topic = make_topic(
        settings, "transactional", 1, (f"{settings.topics.prefix}committed", f"{settings.topics.prefix}uncommitted")
    )
    producer = Producer(transactional_producer_config(settings, f"{topic}-writer"))
    producer.init_transactions(30)
    for number in range(6):
        producer.begin_transaction()
        for _ in range(3):
            producer.produce(topic, str(number).encode(), partition=0)
        if number % 2:
            producer.flush()
            producer.abort_transaction(30)
        else:
            producer.commit_transaction(30)
    clean, dirty = Recorder(), Recorder()
    with RunningShell(
        settings, f"{settings.topics.prefix}committed", [topic], clean, contiguous=False, read_committed=True
    ):
        wait_for(lambda: len(clean.seen) >= 9)
        assert clean.committer is not None
        last = clean.seen[-1][2] + 1
        assert clean.committer.commit({(topic, 0): last})
        assert committed(settings, f"{settings.topics.prefix}committed", topic) == last
    with RunningShell(settings, f"{settings.topics.prefix}uncommitted", [topic], dirty, contiguous=False):
        wait_for(lambda: len(dirty.seen) >= 18)
    assert clean.values() == [0, 0, 0, 2, 2, 2, 4, 4, 4]
    # Behind the last, aborted one; before it is asked to stop only where that took long.
    assert [call for call in clean.calls if call[0] in ("at_end", "finish")] == [
        ("at_end", {(topic, 0): 24}), ("finish", None),
    ]  # fmt: skip
    assert sorted(set(dirty.values())) == [0, 1, 2, 3, 4, 5]


def test_reading_pauses_while_the_handler_is_behind(settings: Settings) -> None:
    topic = make_topic(settings, "plain", 1, (f"{settings.topics.prefix}g",))
    send(settings, topic, 20_000)
    release = threading.Event()

    def block(_: object) -> None:
        release.wait(60)

    recorder = Recorder(on_handle=block)
    with RunningShell(
        settings, f"{settings.topics.prefix}g", [topic], recorder, inbox_messages=100, round_messages=50
    ) as running:
        wait_for(lambda: recorder.calls, what="the partition")
        waiting = running.shell.waiting
        wait_for(lambda: waiting() >= 100, what="a full inbox")
        assert waiting() <= 100
        release.set()
        wait_for(lambda: len(recorder.seen) == 20_000, 60)
    assert recorder.values() == list(range(20_000))
    assert max(recorder.rounds) <= 50


def test_faust_holds_nothing_as_unacknowledged(settings: Settings) -> None:
    topic = make_topic(settings, "plain", 1, (f"{settings.topics.prefix}g",))
    kept: list[Round] = []
    recorder = Recorder(on_handle=kept.append)
    with RunningShell(settings, f"{settings.topics.prefix}g", [topic], recorder) as running:
        send(settings, topic, 5_000)
        wait_for(lambda: len(recorder.seen) == 5_000)
        assert adapter.unacknowledged(running.shell.app) == 0


def test_undecodable_and_empty_values_arrive_raw(settings: Settings) -> None:
    topic = make_topic(settings, "plain", 1, (f"{settings.topics.prefix}g",))
    producer = Producer({"bootstrap.servers": settings.kafka.bootstrap_servers})
    for value in (b"\xff\xfe\x00", b"", None):
        producer.produce(topic, value, b"\xff", partition=0, headers=[("h", b"\x01")])
    producer.flush(10)
    recorder = Recorder()
    with RunningShell(settings, f"{settings.topics.prefix}g", [topic], recorder):
        wait_for(lambda: len(recorder.seen) == 3)
    assert [value for *_, value in recorder.seen] == [b"\xff\xfe\x00", b"", None]


async def test_settings_win_over_the_environment(settings: Settings, monkeypatch) -> None:
    monkeypatch.setenv("BROKER_URL", "kafka://elsewhere:1")
    monkeypatch.setenv("STREAM_WAIT_EMPTY", "1")
    monkeypatch.setenv("PROCESSING_GUARANTEE", "exactly_once")
    monkeypatch.setenv("WEB_ENABLED", "1")
    app = build_app(settings, "g", ShellOptions())
    assert str(app.conf.broker[0]) == f"kafka://{settings.kafka.bootstrap_servers}"
    assert app.conf.stream_wait_empty is False
    assert app.conf.processing_guarantee.name == "AT_LEAST_ONCE"
    assert app.conf.web_enabled is False
