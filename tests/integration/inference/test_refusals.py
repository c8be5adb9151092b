"""What the inference process refuses, what it says then, and what the repair makes of it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition

from consumers.inference.commit_metadata import from_text
from consumers.inference.repair import repair
from infra.broker.admin import admin_client, group_offsets, set_group_offsets
from infra.broker.errors import BrokerError
from infra.broker.reading import read_topic
from infra.settings import Settings
from schemas.signals import Signal
from tests.support.content import committed_signals
from tests.support.feature_log import (
    PATIENT,
    FeatureLog,
    committed_offsets,
    expected_content,
    lag,
    published_content,
    register_model,
    wait_taken,
)
from tests.support.services import ServiceProcess, running
from tests.support.waiting import wait_for

MakeSettings = Callable[..., Settings]


@pytest.fixture
def log(make_settings: MakeSettings, tmp_path: Path) -> FeatureLog:
    """A log with one live model; tests write bars."""
    log = FeatureLog(make_settings(inference=PATIENT.model_dump()))
    register_model(log.settings, tmp_path / "model")
    log.control("activate", strategy="alpha", model="linear", model_version=1)
    return log


def write_bars(log: FeatureLog, first: int, last: int) -> None:
    for at in range(first, last):
        log.bar(at)
    log.mark(last)
    log.flush()


def group(settings: Settings) -> str:
    return f"{settings.topics.prefix}signaltape-inference"


def set_offsets(log: FeatureLog, places: dict[int, tuple[int, str]]) -> None:
    """Commit for the stopped service: its static member leaves with its session."""

    def done() -> bool:
        try:
            set_group_offsets(
                log.settings, group(log.settings), {(log.names.features, n): place for n, place in places.items()}
            )
        except BrokerError:
            return False
        return True

    wait_for(done, 30, "the group to be empty", interval_s=0.5)


def ends_with(log: FeatureLog, *words: str) -> None:
    """The process ends by itself with exit code 1, and its last words contain these."""
    process = ServiceProcess(log.settings, "inference")
    try:
        assert process.wait_exit(60) == 1, process.tail()
    finally:
        if process.poll() is None:
            process.kill()
    for word in words:
        assert word in process.tail(), process.tail()


def take(log: FeatureLog) -> None:
    with running(log.settings, "inference") as services:
        wait_taken(log.settings)
        assert services["inference"].stop() == 0


@pytest.mark.slow
def test_offset_without_metadata_is_refused_and_repaired(log: FeatureLog) -> None:
    write_bars(log, 0, 12)
    take(log)
    before = group_offsets(log.settings, group(log.settings), log.names.features, log.settings.topics.partitions)
    set_offsets(log, dict.fromkeys(log.partitions, (0, "")))
    ends_with(log, "carries no state", "signaltape repair --service inference")
    wait_for(lambda: _repaired(log), 30, "the repair", interval_s=0.5)
    after = group_offsets(log.settings, group(log.settings), log.names.features, log.settings.topics.partitions)
    for number in log.partitions:
        was, now = before[number], after[number]
        assert was is not None
        assert now is not None
        assert now[0] == was[0]
        assert from_text(now[1], "") == from_text(was[1], "")
    assert repair(log.settings) == []
    write_bars(log, 13, 30)
    take(log)
    assert published_content(log.settings) == expected_content(log)


def _repaired(log: FeatureLog) -> bool:
    try:
        return len(repair(log.settings)) == len(log.partitions)
    except BrokerError:
        return False


@pytest.mark.slow
def test_repair_in_the_middle_of_the_log(log: FeatureLog) -> None:
    """Killed under load, its commits lost: the repair finds how far it had come, and nothing is lost or repeated."""
    for at in range(30):
        log.bar(at)
        if at in (10, 20):
            log.control("pause" if at == 10 else "resume")
    log.flush()
    dying = ServiceProcess(log.settings, "inference", SIGNALTAPE_CRASH_AT="inference.3_produced:9")
    dying.wait_exit(60)
    assert lag(log.settings) > 0
    before = committed_offsets(log.settings)
    assert max(before.values()) > 8
    set_offsets(log, dict.fromkeys(log.partitions, (0, "lost")))
    wait_for(lambda: _repaired(log), 30, "the repair", interval_s=0.5)
    assert committed_offsets(log.settings) == before
    take(log)
    assert published_content(log.settings) == expected_content(log)


def test_gap_in_the_chain_stops_with_a_clear_error(log: FeatureLog) -> None:
    write_bars(log, 0, 3)
    take(log)
    log.skip_source()
    log.bar(5)
    log.flush()
    ends_with(log, "chain is broken", log.names.features)


def test_expired_offsets_refuse(log: FeatureLog) -> None:
    """The committed offset isn't in the topic any more."""
    write_bars(log, 0, 5)
    admin = admin_client(log.settings)  # must live until the futures are settled
    beyond = [TopicPartition(log.names.features, n, entries[-1].offset) for n, entries in log.written.items()]
    for future in admin.delete_records(beyond).values():
        future.result(30)
    ends_with(log, "isn't in the topic any more", "signaltape repair --service inference")
    assert committed_signals(log.settings) == []


def test_model_that_cannot_be_loaded_serves_nothing_until_it_can(log: FeatureLog) -> None:
    write_bars(log, 0, 4)
    path = next(log.settings.artifacts.glob("linear/1/model.onnx"))
    good = path.read_bytes()
    path.write_bytes(good + b"changed")
    process = ServiceProcess(log.settings, "inference")
    try:
        wait_for(lambda: "holding" in process.log.read_text(), 60, "the service to hold")
        assert not process.is_ready()
        assert "SHA-256" in process.tail()
        assert [m for _, m in committed_signals(log.settings) if isinstance(m, Signal)] == []
        path.write_bytes(good)
        wait_taken(log.settings)
        wait_for(process.is_ready, 30, "ready again")
        assert process.stop() == 0
    finally:
        if process.poll() is None:
            process.kill()
    assert published_content(log.settings) == expected_content(log)


def test_what_is_no_feature_message_is_dead_lettered_and_nothing_else_is_lost(log: FeatureLog) -> None:
    log.bar(0)
    log.junk(0, b"\xc1 no MessagePack")
    log.bar(1)
    log.flush()
    take(log)
    assert published_content(log.settings) == expected_content(log)
    letters = list(read_topic(log.settings, log.names.dlq(log.names.features)))
    assert [letter.value for letter in letters] == [b"\xc1 no MessagePack"]
    assert dict(letters[0].headers)["__connect.errors.exception.class.name"] == b"undecodable"


def test_second_process_of_the_same_instance_ends_the_first(log: FeatureLog) -> None:
    """Although nothing flows: the broker fences the member, before any transaction could be."""
    write_bars(log, 0, 3)
    first = ServiceProcess(log.settings, "inference").wait_ready()
    wait_taken(log.settings)
    second = ServiceProcess(log.settings, "inference")
    try:
        assert first.wait_exit(60) == 1
        assert "another process runs under this instance number" in first.tail()
        write_bars(log, 5, 20)
        wait_taken(log.settings)
        assert second.stop() == 0
    finally:
        for process in (first, second):
            if process.poll() is None:
                process.kill()
    assert published_content(log.settings) == expected_content(log)


@pytest.mark.slow
def test_two_instances_share_the_partitions(log: FeatureLog) -> None:
    write_bars(log, 0, 10)
    first, second = (ServiceProcess(log.settings, "inference", instance) for instance in (0, 1))
    try:
        first.wait_ready()
        second.wait_ready()
        write_bars(log, 11, 30)
        wait_taken(log.settings)
        second.kill()  # the first takes over its partitions after the session timeout
        write_bars(log, 31, 50)
        wait_taken(log.settings)
        assert first.stop() == 0
    finally:
        for process in (first, second):
            if process.poll() is None:
                process.kill()
    assert published_content(log.settings) == expected_content(log)


@pytest.mark.slow
def test_one_that_was_taken_for_dead_adds_nothing(log: FeatureLog) -> None:
    """Frozen with a transaction all but committed, until another instance has done its work; then it goes on."""
    write_bars(log, 0, 30)
    frozen = ServiceProcess(log.settings, "inference", SIGNALTAPE_CRASH_AT="inference.4_offsets:3:freeze")
    second = None
    try:
        wait_for(frozen.is_frozen, 60, "the first to freeze")
        assert lag(log.settings) > 0
        second = ServiceProcess(log.settings, "inference", 1)
        wait_taken(log.settings)
        frozen.resume()
        assert frozen.wait_exit(60) == 1, frozen.tail()
        assert "another process runs under the transactional id" in frozen.tail()
        write_bars(log, 31, 40)
        wait_taken(log.settings)
        assert second.stop() == 0
    finally:
        for process in (frozen, second):
            if process is not None and process.poll() is None:
                process.kill()
    assert published_content(log.settings) == expected_content(log)


def test_signals_as_json(make_settings: MakeSettings, tmp_path: Path) -> None:
    settings = make_settings(inference=PATIENT.model_copy(update={"signal_format": "json"}).model_dump())
    log = FeatureLog(settings)
    register_model(settings, tmp_path / "model")
    log.control("activate", strategy="alpha", model="linear", model_version=1)
    write_bars(log, 0, 3)
    take(log)
    assert published_content(settings) == expected_content(log)
