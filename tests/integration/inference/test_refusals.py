"""What the inference process refuses, what it says then, and what the repair makes of it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition

from consumers.inference.commit_metadata import from_text
from consumers.inference.errors import CommitRefused
from consumers.inference.repair import repair
from infra.broker.admin import admin_client, group_offsets, low_high_offsets, set_group_offsets
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
    expire(log.settings, log.names.features, {n: entries[-1].offset for n, entries in log.written.items()})
    ends_with(log, "isn't in the topic any more", "signaltape repair --service inference")
    assert committed_signals(log.settings) == []
    with pytest.raises(CommitRefused, match=r"features.*needs it from 0 on.*new prefix"):
        repair(log.settings)


def test_an_expired_snapshot_is_refused_and_no_repair_hides_it(log: FeatureLog) -> None:
    write_bars(log, 0, 12)
    take(log)
    ends = {number: high for number, (_, high) in low_high_offsets(log.settings, log.names.predictions).items()}
    expire(log.settings, log.names.predictions, ends)
    ends_with(log, "router's state starts at", "signaltape repair --service inference")
    with pytest.raises(CommitRefused, match=r"predictions.*new prefix"):
        repair(log.settings)


def test_quiet_topics_may_expire_below_a_running_service(make_settings: MakeSettings, tmp_path: Path) -> None:
    """Its offset follows to the end, past a dead letter; its state is kept young; a partition without bars has none."""
    log = FeatureLog(make_settings(inference=PATIENT.model_dump() | {"snapshot_age_s": 0.5}))
    register_model(log.settings, tmp_path / "model")
    log.control("activate", strategy="alpha", model="linear", model_version=1)
    log.mark(0)
    barless = log.partitions[-1]
    log.partitions = log.partitions[:-1]
    for at in range(4):
        log.bar(at)
    log.junk(0, b"\xc1 no MessagePack")
    log.send()
    with running(log.settings, "inference") as services:
        wait_taken(log.settings)
        before = snapshots(log)
        wait_for(lambda: all(now > before[n] for n, now in snapshots(log).items()), 30, "younger snapshots", 0.1)
        assert services["inference"].stop() == 0
    kept = snapshots(log)
    expire(log.settings, log.names.features, ends(log.settings, log.names.features))
    expire(log.settings, log.names.predictions, {**kept, barless: ends(log.settings, log.names.predictions)[barless]})
    for at in range(4, 8):
        log.bar(at)
    log.mark(8)
    log.send()
    take(log)
    expected = expected_content(log)["predictions"]
    for number, found in published_content(log.settings)["predictions"].items():
        assert found == expected[number][len(expected[number]) - len(found) :]
        assert len(found) == (5 if number in log.partitions else 0)
    assert published_content(log.settings)["signals"] == expected_content(log)["signals"]
    expire(log.settings, log.names.predictions, ends(log.settings, log.names.predictions))
    ends_with(log, "the router's state starts at", "retention is too short")


def snapshots(log: FeatureLog) -> dict[int, int]:
    """Where each partition's router snapshot lies in ``predictions``, as its offset commit says; bars have come."""
    found = group_offsets(log.settings, group(log.settings), log.names.features, log.settings.topics.partitions)
    return {n: from_text(found[n][1], "").snapshot for n in log.partitions}  # type: ignore[index]


def ends(settings: Settings, topic: str) -> dict[int, int]:
    return {number: high for number, (_, high) in low_high_offsets(settings, topic).items()}


def expire(settings: Settings, topic: str, up_to: dict[int, int]) -> None:
    """Remove what lies below these offsets, as retention does."""
    admin = admin_client(settings)  # must live until the futures are settled
    for future in admin.delete_records([TopicPartition(topic, n, offset) for n, offset in up_to.items()]).values():
        future.result(30)


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
        wait_taken(log.settings, 120)
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
        wait_taken(log.settings, 120)
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
