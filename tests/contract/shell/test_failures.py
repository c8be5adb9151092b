"""What the shell does when something goes wrong: handler, process, gaps, stalls, rebalances."""

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from confluent_kafka import Producer

from consumers.shell import GapError, StalledError
from infra.broker.admin import set_group_offsets
from infra.broker.config import transactional_producer_config
from infra.settings import Settings
from tests.support.isolation import process_environment
from tests.support.shell_service import Recorder, RunningShell, committed, make_topic, send, written_lines
from tests.support.waiting import wait_for


def group(settings: Settings) -> str:
    return f"{settings.topics.prefix}group"


def write_in_transactions(settings: Settings, topic: str, transactions: int, *, abort: bool = False) -> None:
    """One message in each transaction: every other offset is a marker."""
    producer = Producer(transactional_producer_config(settings, f"{topic}-writer"))
    producer.init_transactions(30)
    for number in range(transactions):
        producer.begin_transaction()
        producer.produce(topic, str(number).encode(), partition=0)
        if abort:
            producer.flush()
            producer.abort_transaction(30)
        else:
            producer.commit_transaction(30)


def test_a_failing_handler_ends_the_service_and_nothing_behind_it_is_lost(settings: Settings) -> None:
    topic = make_topic(settings, "plain", 1, (group(settings),))
    send(settings, topic, 30)

    def fail(messages: object) -> None:
        raise RuntimeError("planted")

    recorder = Recorder(on_handle=fail)
    with RunningShell(settings, group(settings), [topic], recorder) as running:
        running.thread.join(60)
    assert str(running.error) == "planted"
    assert committed(settings, group(settings), topic) == 0
    after = Recorder()
    with RunningShell(settings, group(settings), [topic], after):
        wait_for(lambda: after.values() == list(range(30)))


def test_a_gap_ends_the_service(settings: Settings) -> None:
    topic = make_topic(settings, "plain", 1)
    send(settings, topic, 50)
    set_group_offsets(settings, group(settings), {(topic, 0): (30, "")})
    with RunningShell(settings, group(settings), [topic], Recorder(starts={(topic, 0): 20})) as running:
        running.thread.join(60)
    assert isinstance(running.error, GapError)
    assert "from 20 on" in str(running.error)


def test_offsets_taken_by_markers_and_aborted_messages_are_no_gap(settings: Settings) -> None:
    topic = make_topic(settings, "plain", 1, (group(settings),))
    write_in_transactions(settings, topic, 5)
    recorder = Recorder()
    with RunningShell(settings, group(settings), [topic], recorder) as running:
        wait_for(lambda: recorder.values() == list(range(5)) or running.error)
    assert running.error is None


def test_a_partition_that_stands_still_ends_the_service(settings: Settings) -> None:
    topic = make_topic(settings, "plain", 1, (group(settings),))
    send(settings, topic, 10)
    release = threading.Event()

    def block(_: object) -> None:
        release.wait(60)

    recorder = Recorder(on_handle=block)
    options = {"stall_after_s": 2.0, "stop_patience_s": 2.0}
    with RunningShell(settings, group(settings), [topic], recorder, **options) as running:
        running.thread.join(60)
        release.set()
    assert isinstance(running.error, StalledError)


@pytest.mark.slow
def test_markers_behind_the_last_message_are_no_stall(settings: Settings) -> None:
    topic = make_topic(settings, "transactional", 1, (group(settings),))
    write_in_transactions(settings, topic, 3)
    write_in_transactions(settings, topic, 3, abort=True)
    recorder = Recorder()
    options = {"stall_after_s": 4.0, "contiguous": False, "read_committed": True}
    with RunningShell(settings, group(settings), [topic], recorder, **options) as running:
        wait_for(lambda: len(recorder.seen) == 3)
        running.thread.join(10)
        assert running.thread.is_alive()
    assert running.error is None


@pytest.mark.slow
def test_after_a_quiet_time_a_round_still_has_the_whole_limit(settings: Settings) -> None:
    topic = make_topic(settings, "plain", 1, (group(settings),))
    send(settings, topic, 1)
    recorder, slow = Recorder(), threading.Event()

    def on_handle(_: object) -> None:
        if slow.is_set():
            threading.Event().wait(1.5)  # some looks of the watchdog, far less than the limit

    recorder.on_handle = on_handle
    with RunningShell(settings, group(settings), [topic], recorder, stall_after_s=5.0) as running:
        wait_for(lambda: recorder.values() == [0])
        running.thread.join(7)  # longer than the limit
        slow.set()
        send(settings, topic, 1, first=1)
        wait_for(lambda: recorder.values() == [0, 1] or not running.thread.is_alive())
        assert running.thread.is_alive()
    assert running.error is None


@pytest.mark.slow
def test_a_wait_for_a_server_is_no_stall_and_holds_the_partitions(settings: Settings) -> None:
    topic = make_topic(settings, "plain", 1, (group(settings),))
    send(settings, topic, 10)
    back = threading.Event()

    class Away(Exception):
        """Planted."""

    recorder = Recorder()

    def ask() -> None:
        if not back.is_set():
            raise Away("planted")

    def on_handle(_: object) -> None:
        assert recorder.patience is not None
        recorder.patience.persist("the test", (Away,), ask)

    recorder.on_handle = on_handle
    with RunningShell(settings, group(settings), [topic], recorder, stall_after_s=4.0) as running:
        wait_for(lambda: running.shell.patience.waiting_for == "the test")
        running.thread.join(9)
        assert running.thread.is_alive()
        back.set()
        wait_for(lambda: recorder.values() == list(range(10)))
    assert [name for name, _ in recorder.calls].count("open") == 1


@pytest.mark.slow
def test_two_instances_share_and_a_kept_partition_keeps_its_place(settings: Settings) -> None:
    topic = make_topic(settings, "plain", 4, (group(settings),))
    for partition in range(4):
        send(settings, topic, 500, partition=partition)
    first, second = Recorder(), Recorder()
    with RunningShell(settings, group(settings), [topic], first) as one:
        wait_for(lambda: len(first.seen) == 2_000)
        with RunningShell(settings, group(settings), [topic], second) as two:
            wait_for(lambda: len({key for name, key in second.calls if name == "open"}) == 2, 60)
            moved = {key[1] for name, key in second.calls if name == "open"}  # type: ignore[index]
            wait_for(lambda: len({key for name, key in first.calls if name == "close"}) == 2, 60)
            for partition in range(4):
                send(settings, topic, 100, partition=partition, first=500)
            wait_for(lambda: len(first.seen) == 2_200, 60)
            wait_for(lambda: len(second.seen) == 1_200, 60)
        assert two.error is None
        wait_for(lambda: len([1 for name, _ in first.calls if name == "open"]) == 6, 60)
    assert one.error is None
    for partition in range(4):
        values = first.values(partition)
        if partition in moved:
            assert second.values(partition) == list(range(600))
        else:
            assert values == list(range(600)), "nothing twice and nothing lost on a kept partition"


def start_process(settings: Settings, topic: str, output: Path) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-m", "tests.support.shell_service", group(settings), topic, str(output)]
    return subprocess.Popen(argv, env=process_environment(settings), stderr=subprocess.DEVNULL)


def offsets(output: Path) -> list[int]:
    return [json.loads(line)[2] for line in written_lines(output)]


def test_killed_the_successor_goes_on_and_sigterm_ends_cleanly(settings: Settings, tmp_path: Path) -> None:
    topic, output = make_topic(settings, "plain", 1, (group(settings),)), tmp_path / "offsets"
    send(settings, topic, 500)
    process = start_process(settings, topic, output)
    wait_for(lambda: len(offsets(output)) == 500, 60)
    process.kill()
    process.wait()
    send(settings, topic, 100, first=500)
    process = start_process(settings, topic, output)
    try:
        wait_for(lambda: len(offsets(output)) == 600 or process.poll() is not None, 60)
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(60)
    assert code == 0
    assert offsets(output) == list(range(600))
