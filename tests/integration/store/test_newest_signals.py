"""The newest signals in Redis: never older than before, and those of the warehouse again after whatever was lost."""

import random
from collections.abc import Iterator
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from consumers.store.newest import NewestSignals
from infra.online import OnlineRestarted, OnlineUnavailable, SignalCache
from infra.online.signal_comparison import compare_signals, rebuild_signals
from infra.settings import Settings
from infra.warehouse import connect
from schemas.signals import Signal
from schemas.topics import TopicNames
from signaltape.cli.online import app
from signaltape.initialisation import initialise
from tests.integration.store.test_store import die, fill, running
from tests.support import store_messages as make
from tests.support.isolation import process_environment
from tests.support.providers import TestStack
from tests.support.waiting import wait_for


@pytest.fixture
def cache(settings: Settings) -> Iterator[SignalCache]:
    found = SignalCache(settings)
    yield found
    found.close()


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


def newest_seq(cache: SignalCache) -> dict[str, int]:
    """Symbol → seq; empty while Redis is away."""
    try:
        return {symbol: signal.seq for symbol, signal in cache.read("1m").items()}
    except OnlineUnavailable:
        return {}


def test_gives_back_what_was_written_and_the_newest_only(cache: SignalCache) -> None:
    signals = [make.signal(number, symbol=symbol) for number in range(5) for symbol in ("A", "Å:*", "BRK.B")]
    assert cache.write(signals) == 3
    assert cache.read("1m") == {symbol: make.signal(4, symbol=symbol) for symbol in ("A", "Å:*", "BRK.B")}
    assert cache.find("Å:*", "1m", 0) == (make.signal(4, symbol="Å:*"), False)
    assert cache.find("A", "1h", 0) == (None, False)
    cache.stale.mark([0], "away")
    assert cache.find("A", "1m", 0)[1]
    later = make.signal(5, symbol="Z")
    cache.write([later])
    assert cache.latest(1) == [later]
    assert len(cache.latest(9)) == 4


@pytest.mark.parametrize(
    ("event_time", "seq", "taken"),
    [(60, 0, True), (0, 8, True), (0, 7, True), (0, 6, False), (-60, 99, False)],
    ids=["later_bar", "same_bar_later_seq", "same_again", "same_bar_earlier_seq", "earlier_bar"],
)
def test_order_is_by_event_time_then_seq(cache: SignalCache, event_time: int, seq: int, *, taken: bool) -> None:
    held = make.signal(7)
    cache.write([held])
    other = replace(held, event_time=held.event_time + event_time * 10**9, seq=seq, signal="short")
    assert cache.write([other]) == int(taken)
    assert cache.read("1m")["A"].signal == ("short" if taken else "long")
    assert cache.write([make.signal(0)], force=True) == 1


def test_any_order_of_writes_ends_with_the_newest(cache: SignalCache) -> None:
    signals = [make.signal(number, symbol=f"S{number % 3}") for number in range(60)]
    random.Random(3).shuffle(signals)
    for at in range(0, 60, 7):
        cache.write(signals[at : at + 7])
    assert newest_seq(cache) == {"S0": 57, "S1": 58, "S2": 59}


def test_more_rows_than_one_call_takes(cache: SignalCache) -> None:
    assert cache.write(make.signal(1, symbol=f"S{number}") for number in range(2_500)) == 2_500
    assert [signal.symbol for signal in cache.latest(5_000)] == sorted(f"S{number}" for number in range(2_500))


def test_a_store_shows_what_it_stored_and_check_and_rebuild_know_it(
    place: Settings,
    names: TopicNames,
    writer: make.TransactionalWriter,
    cache: SignalCache,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill(writer, names, 0, 4)
    with running(place):
        wait_for(lambda: newest_seq(cache) == {"A0": 19, "A1": 19})
    for name, value in process_environment(place).items():
        monkeypatch.setenv(name, value)
    runner = CliRunner()
    assert runner.invoke(app, ["check"]).exit_code == 0
    strange = make.signal(3, symbol="stranger")
    cache.write([make.signal(3, symbol="A0"), strange], force=True)  # something older, something unknown
    cache.write([make.signal(99, partition=1, symbol="A1")])  # something newer that was never stored
    with connect(place) as connection:
        (line,) = compare_signals(connection, cache)
        assert (line.missing, line.different, line.extra) == (0, 2, 1)
        answer = runner.invoke(app, ["check"])
        assert answer.exit_code == 1
        assert "A0 has another signal in Redis" in answer.stdout
        assert rebuild_signals(connection, cache, lambda _: None) == 2
        assert all(line.equal for line in compare_signals(connection, cache))
    assert runner.invoke(app, ["check"]).exit_code == 0


def test_redis_away_the_store_goes_on_and_shows_the_newest_when_it_is_back(
    stack: TestStack, place: Settings, names: TopicNames, writer: make.TransactionalWriter, cache: SignalCache
) -> None:
    with running(place):
        fill(writer, names, 0, 1)
        wait_for(lambda: newest_seq(cache) == {"A0": 4, "A1": 4})
        stack.kill("redis")
        fill(writer, names, 5, 4)
        wait_for(lambda: stored(place) == 50, 60)
        stack.start_server("redis")
        wait_for(lambda: newest_seq(cache) == {"A0": 24, "A1": 24}, 30)
        wait_for(lambda: not cache.stale.any(), 30)
        # Emptied while nothing flows: the restart alone tells.
        cache.remove("1m", ["A0", "A1"])
        assert newest_seq(cache) == {}
        stack.restart("redis")
        wait_for(lambda: newest_seq(cache) == {"A0": 24, "A1": 24}, 30)


def stored(settings: Settings) -> int:
    with connect(settings) as connection:
        row = connection.execute("SELECT count(*) FROM signals").fetchone()
        return int(row[0]) if row else 0


def test_what_a_store_had_no_time_to_show_its_successor_shows(
    place: Settings, names: TopicNames, writer: make.TransactionalWriter, cache: SignalCache
) -> None:
    writer.write([(names.signals, 0, make.signal(number)) for number in range(5)])
    while stored(place) < 5:  # all in one round, unless the machine is slow
        die(place, "store.3_stored:1")
    assert newest_seq(cache).get("A", -1) < 4, "the last one that died showed nothing of what it stored"
    with running(place):
        wait_for(lambda: newest_seq(cache) == {"A": 4})


def test_a_partition_taken_over_is_stale_until_it_was_written_again(place: Settings, cache: SignalCache) -> None:
    """Redis shows what a predecessor left; the warehouse may know more."""
    cache.write([make.signal(1)])
    newest = NewestSignals(place)
    newest.take([0])
    assert cache.find("A", "1m", 0) == (make.signal(1), True)
    assert cache.find("B", "1m", 1) == (None, False)
    newest.catch_up()
    assert cache.find("A", "1m", 0) == (make.signal(1), False)
    newest.take([])
    assert not cache.stale.any()
    newest.close()


def test_a_restart_between_two_writes_is_noticed(stack: TestStack, cache: SignalCache) -> None:
    one: Signal = make.signal(1)
    cache.write([one])
    stack.restart("redis")

    def written() -> bool:
        try:
            cache.write([one])
        except OnlineRestarted:
            return True
        except OnlineUnavailable:
            return False
        raise AssertionError("the restart went unnoticed")

    wait_for(written)
    assert cache.write([one]) == 1
