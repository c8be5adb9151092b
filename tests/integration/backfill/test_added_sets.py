"""A feature set added to a log under way: in the end everything equals one run that had the set from the start.

The log holds what makes that hard: a loaded history with a split, revisions (of a loaded bar, too), a late bar and a
late split with their repairs, and an agent that dies with features published that it has not stored.
"""

import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition

from consumers.feature_agent.takeover import Takeover
from consumers.shell import Patience
from infra.broker.admin import admin_client
from infra.broker.config import consumer_config
from infra.settings import Settings
from infra.stack import Endpoints
from infra.warehouse.active_lock import ActiveLock
from infra.warehouse.added_sets import SetsDiffer
from infra.warehouse.backfills import BackfillConflict, BackfillWriter
from infra.warehouse.connection import connect
from infra.warehouse.moments import to_moment
from schemas.bars import StateRepair
from schemas.topics import TopicNames
from signaltape.backfill import add_sets
from signaltape.backfill.errors import BackfillRefused
from signaltape.initialisation import group_of, initialise
from signaltape.reconcile import reconcile
from tests.support import isolation
from tests.support.added_sets import PARTITIONS, TIMES, bars, begin, contents, tell_first, tell_last
from tests.support.feature_runs import chain_of, effect_offsets, high_offsets, write_log
from tests.support.killed import exit_code_at
from tests.support.services import ServiceProcess
from tests.support.waiting import wait_for

#: Where the command is killed, one process after the other, until it is through.
KILLS = (
    "sets.3_encoded:2",
    "sets.3_chunk:3",
    "sets.3_retold:2",
    "sets.3_retold:7",
    "sets.5_taken",
    "sets.6_compared",
    "sets.7_joined",
)
FEATURES = {"round_messages": 20, "snapshot_messages": 60, "session_timeout_s": 2.5}


def world(settings: Settings, *sets: str) -> Settings:
    engine = settings.engine.model_copy(update={"feature_sets": sets})
    topics = settings.topics.model_copy(update={"partitions": PARTITIONS})
    return settings.model_copy(update={"engine": engine, "topics": topics})


@pytest.fixture(scope="module")
def uninterrupted(endpoints: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What a run leaves that has both sets from the start."""
    name, folder = isolation.unique_name(), tmp_path_factory.mktemp("uninterrupted")
    dsn = isolation.create_database(endpoints, name)
    base = isolation.isolated_settings(endpoints, folder / "home", dsn, f"{name}.", features=FEATURES)
    settings = world(base, "minimal", "core")
    begin(settings, folder)
    tell_first(settings)
    write_log(settings, bars(94, 97))  # type: ignore[arg-type]
    tell_last(settings)
    found = contents(settings)
    isolation.drop_database(endpoints, name)
    return found


@pytest.mark.slow
def test_killed_at_every_step_it_ends_as_if_the_set_had_been_there(
    make_settings: Callable[..., Settings], tmp_path: Path, uninterrupted: dict[str, list[str]]
) -> None:
    base = make_settings(features=FEATURES)
    before, after = world(base, "minimal"), world(base, "minimal", "core")
    begin(before, tmp_path)
    tell_first(before)
    write_log(before, bars(94, 97))  # type: ignore[arg-type]
    dying = ServiceProcess(before, "features", SIGNALTAPE_CRASH_AT="features.3_published:1")
    assert dying.wait_exit(60) == -signal.SIGKILL
    assert effect_offsets(before) != high_offsets(before), "published without the set, and not stored"
    refuse_agent(after, "feature set core was added.*signaltape backfill --from-topic")
    for place in KILLS:
        ended = exit_code_at(place, ["signaltape.backfill"], _add, after)
        assert ended == -signal.SIGKILL, place
    assert add_sets(after).done_before
    refuse_agent(before, r"processed with feature set core \(version \d+\), which the settings")
    tell_last(after)
    found = contents(after)
    for name, rows in uninterrupted.items():
        assert [one for one in rows if one not in found[name]] == [], name
        assert [one for one in found[name] if one not in rows] == [], name
        assert found[name] == rows, name
    assert len(chain_of(after, TopicNames(after.topics.prefix).features)) > 0, "readers find no gap"
    wrong = [line for line in reconcile(after).rows if not line.ok]
    assert [f"{line.stage}: {line.in_} {line.out} {line.detail}" for line in wrong] == []


def _add(settings: Settings) -> None:
    add_sets(settings, chunk=100, keep_every_s=0.0)


def refuse_agent(settings: Settings, message: str) -> None:
    takeover = Takeover(settings, Patience(threading.Event()))
    with pytest.raises(SetsDiffer, match=message):
        takeover.take(0)
    takeover.close()


@pytest.mark.slow
def test_what_retention_has_dropped_comes_from_the_stored_log(
    make_settings: Callable[..., Settings], tmp_path: Path, uninterrupted: dict[str, list[str]]
) -> None:
    """The topic's beginning is gone, corrections and states with it."""
    base = make_settings(features=FEATURES)
    before, after = world(base, "minimal"), world(base, "minimal", "core")
    begin(before, tmp_path)
    tell_first(before)
    topic = TopicNames(base.topics.prefix).bars
    left = [TopicPartition(topic, number, end - 4) for number, end in effect_offsets(before).items()]
    admin = admin_client(before)  # must live until the futures are settled
    for future in admin.delete_records(left).values():
        future.result(30)
    write_log(after, bars(94, 97))  # type: ignore[arg-type]
    report = add_sets(after, chunk=500)
    assert (report.sets, report.done_before, report.rows > 500, report.messages > 150) == (("core",), False, True, True)
    tell_last(after)
    found = contents(after)
    for name, rows in uninterrupted.items():
        assert found[name] == rows, name
    with connect(after) as connection:
        query = "SELECT DISTINCT feature_set, producer, kind FROM feature_events WHERE event_time < %s ORDER BY 1, 2, 3"
        makers = connection.execute(query, (to_moment(TIMES[85]),)).fetchall()
    assert ("core", "signaltape-backfill", "live") in makers
    assert [one for one in makers if one[0] == "minimal" and one[1] == "signaltape-backfill"] == []


def test_refused_until_nothing_can_go_wrong(
    make_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each refusal leaves everything as it was; the last call goes through."""
    base = make_settings()
    before, after = world(base, "minimal"), world(base, "minimal", "core")
    initialise(before)
    names = TopicNames(base.topics.prefix)
    refuse(after, "no feature agent has taken this log yet")
    takeover = Takeover(before, Patience(threading.Event()))
    for number in range(PARTITIONS):
        takeover.take(number)
    takeover.close()
    refuse(world(base, "core"), r"processed with feature set minimal \(version 2\)", SetsDiffer)

    load = BackfillWriter(after, "history")
    load.begin({}, 1, 1)
    refuse(after, "the load 'history' has not entered the log")
    load.connection.execute("DELETE FROM backfills")
    load.lock()
    refuse(after, "another backfill is running", BackfillConflict)
    load.close()

    member = Consumer(consumer_config(after, group_of(after, "features"), **{"group.id": group_of(after, "features")}))
    member.subscribe([names.bars])
    wait_for(lambda: member.poll(0.1) is None and bool(member.assignment()), 30, "the member to be in its group", 0.01)
    with monkeypatch.context() as patch:
        patch.setattr("signaltape.stopped._STOPPED_S", 0.2)
        refuse(after, "Is features .* still running")
    member.close()

    lock, never = ActiveLock(after, "repairs"), threading.Event()
    assert lock.acquire(never)
    refuse(after, "`signaltape run store` works off repairs with the former sets")
    lock.release()

    state = StateRepair(
        symbol="A", interval="1m", as_of_offset=0, last_event_time=60 * 10**9, available_time=60 * 10**9, state=b"x"
    )
    write_log(after, [(1, state)])
    refuse(after, r"bars.v1\[1\] has a state of A at offset 0 that the agent has not taken")
    refuse_agent(after, "feature set core was added")
    with connect(after) as connection:
        connection.execute("UPDATE checkpoints SET effect_offset = 1 WHERE service = 'features' AND partition = 1")
    assert add_sets(after).sets == ("core",)
    takeover = Takeover(after, Patience(threading.Event()))
    assert [takeover.take(number).next_offset for number in range(PARTITIONS)] == [0, 1]
    takeover.close()


def refuse(settings: Settings, message: str, kind: type[Exception] = BackfillRefused) -> None:
    with pytest.raises(kind, match=message):
        add_sets(settings)
