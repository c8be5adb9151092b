"""Pausing, resuming, cancelling, and the pace: with a clock and a folder, without servers."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.settings import Settings
from pipeline.replay.naming import ReplayName
from schemas.intervals import SECOND
from signaltape.replay import managing
from signaltape.replay.errors import ReplayCancelled, ReplayRefused
from signaltape.replay.place import replays_folder
from signaltape.replay.record import Claim, ReplayRecord, claimed, leave_wish, read_record, records
from signaltape.replay.steering import Steering

NAME = ReplayName("one")
REQUEST = {"from": "a", "to": "b", "symbols": [], "speed": "max", "source": "store", "model": None}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


@pytest.fixture
def claim(settings: Settings) -> Iterator[Claim]:
    with claimed(settings, ReplayRecord(ident="one", request=dict(REQUEST), created_at="now")) as made:
        made.note(state="running")
        yield made


@pytest.fixture
def in_the_background() -> Iterator[Callable[[Callable[[], object]], threading.Thread]]:
    started: list[threading.Thread] = []

    def start(work: Callable[[], object]) -> threading.Thread:
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        started.append(thread)
        return thread

    yield start
    for thread in started:
        thread.join(30)
        assert not thread.is_alive()


def test_a_pause_holds_until_it_is_resumed(
    settings: Settings, claim: Claim, in_the_background: Callable[[Callable[[], object]], threading.Thread]
) -> None:
    told: list[str] = []
    steering = Steering(claim, "max", told.append)
    leave_wish(settings, NAME, "pause")
    thread = in_the_background(lambda: steering.wait_for(1))
    assert managing.pause(settings, NAME).state == "paused"
    assert thread.is_alive()
    assert managing.resume(settings, NAME).state == "running"
    thread.join(30)
    assert told == ["paused", "resumed"]


def test_a_cancelled_replay_ends_where_it_waits_for_its_pace(settings: Settings, claim: Claim) -> None:
    steering = Steering(claim, "1x")
    steering.wait_for(SECOND)
    leave_wish(settings, NAME, "cancel")
    with pytest.raises(ReplayCancelled):
        steering.wait_for(3_000 * SECOND)


def test_the_pace_is_that_of_event_time(claim: Claim) -> None:
    import time

    steering = Steering(claim, "60x")
    begun = time.monotonic()
    for second in range(0, 37, 6):
        steering.wait_for(second * SECOND)
    assert 0.6 <= time.monotonic() - begun < 20.0  # of 36 seconds of event time


def test_an_id_is_held_by_one_and_its_death_shows(settings: Settings) -> None:
    record = ReplayRecord(ident="one", request=dict(REQUEST), created_at="now")
    with claimed(settings, record) as claim:
        claim.note(state="running", progress={"bars": 5})
        with pytest.raises(ReplayRefused, match="replay id one is in use"), claimed(settings, record):
            raise AssertionError
        found = read_record(settings, NAME)
        assert found is not None
        assert (found.state, found.progress) == ("running", {"bars": 5})
    found = read_record(settings, NAME)
    assert found is not None
    assert (found.state, found.detail) == ("died", "its process is gone; it was running")
    with pytest.raises(ReplayRefused, match="state: died"):
        managing.pause(settings, NAME)


def test_what_is_no_replay_is_not_listed(settings: Settings, claim: Claim) -> None:
    for name in ("Not.One", "empty"):
        (replays_folder(settings) / name).mkdir()
    (replays_folder(settings) / "file").write_text("x")
    assert [one.ident for one in records(settings)] == ["one"]
    with pytest.raises(ReplayRefused, match="there is no replay two"):
        managing.known(settings, ReplayName("two"))
