"""``get_signal`` on a running pipeline: cached, computed and fallback, and why."""

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from consumers.inference.models import LoadedModels
from infra.online import OnlineRestarted, OnlineStore, SignalCache
from infra.scoring.registry import ModelRegistry
from infra.service_settings import InferenceSettings
from schemas.intervals import MINUTE, SECOND
from schemas.signals import Signal
from signaltape.client import Control, SignalAnswer, SignalReader
from signaltape.serving.choosing import Wanted
from signaltape.serving.control_view import ControlView
from signaltape.serving.errors import ServingError
from signaltape.serving.prediction import Predictions
from signaltape.serving.runtime import load_models
from tests.support.providers import TestStack
from tests.support.serving_world import HORIZON, STRATEGY, ServingWorld, register
from tests.support.waiting import wait_for


@pytest.fixture(scope="module")
def view(world: ServingWorld) -> Iterator[ControlView]:
    found = ControlView(world.settings)
    yield found
    found.close()


@pytest.fixture(scope="module")
def reader(world: ServingWorld, view: ControlView) -> Iterator[SignalReader]:
    with SignalReader(settings=world.settings, view=view) as found:
        yield found


@pytest.fixture
def slow(world: ServingWorld, view: ControlView) -> Iterator[SignalReader]:
    """A reader whose deadline has passed before its model answers."""
    hurried = LoadedModels(ModelRegistry(world.settings), InferenceSettings(deadline_ms=1e-6, breaker_misses=2))
    with SignalReader(settings=world.settings, view=view, models=hurried) as found:
        yield found


@pytest.fixture
def newest(world: ServingWorld, cache: SignalCache) -> Iterator[dict[str, Signal]]:
    """What the pipeline sent last, by symbol; the cache is put back afterwards."""
    found = cache.read("1m")
    assert set(found) == set(world.table.symbol.tolist())
    yield found
    with contextlib.suppress(OnlineRestarted):  # it is written all the same
        cache.write(found.values(), force=True)


def without_place(signal: Signal) -> Signal:
    """What a computed signal shares with the one that was sent: all but its number and partition."""
    return replace(signal, seq=-1, source=(-1, signal.source[1]))


def test_the_newest_signal_is_cached(reader: SignalReader, newest: dict[str, Signal]) -> None:
    for symbol, signal in newest.items():
        answer = reader.get_signal(symbol)
        assert (answer.source, answer.signal, answer.code, answer.stale) == ("cached", signal, "", False)
        assert answer.age_s is not None
        assert 0 <= answer.age_s < 600
        scale = {"long": 1.0, "short": -1.0, "flat": 0.0}[signal.signal]
        assert answer.suggested_position == pytest.approx(scale * max(0.0, 2 * signal.confidence - 1))
    assert {signal.event_time for signal in reader.latest(100, "1m")} >= {max(s.event_time for s in newest.values())}


def test_what_is_not_cached_is_computed_to_the_same_bits(
    reader: SignalReader, cache: SignalCache, newest: dict[str, Signal], world: ServingWorld
) -> None:
    """The symbols whose newest bar made a signal: the models' word on the same features is that very signal."""
    cache.remove("1m", list(newest))
    same = 0
    for symbol, sent in newest.items():
        answer = reader.get_signal(symbol)
        assert answer.signal is not None
        assert (answer.source, answer.code, answer.signal.event_time) == ("computed", "", world.last)
        if sent.event_time == world.last:
            assert answer.signal == without_place(sent)
            same += 1
    assert same > len(newest) // 2


def test_an_expired_signal_is_not_handed_out(
    reader: SignalReader, cache: SignalCache, newest: dict[str, Signal]
) -> None:
    symbol, sent = next(iter(newest.items()))
    for expires_at, source in ((time.time_ns() + MINUTE, "cached"), (time.time_ns() - 1, "computed")):
        cache.write([replace(sent, expires_at=expires_at)], force=True)
        assert reader.get_signal(symbol).source == source
    at = time.time_ns()
    cache.write([replace(sent, expires_at=at)], force=True)
    assert reader.get_signal(symbol, now=at - 1).source == "cached"
    assert reader.get_signal(symbol, now=at).source == "computed", "it holds up to, not at, its end"


def test_features_that_are_too_old_are_refused(
    reader: SignalReader, newest: dict[str, Signal], world: ServingWorld
) -> None:
    end = world.last + HORIZON * MINUTE
    answer = reader.get_signal(next(iter(newest)), now=end)
    assert (answer.source, answer.signal, answer.code) == ("fallback", None, "stale_features")
    assert answer.age_s == HORIZON * 60
    assert reader.get_signal(next(iter(newest)), now=end - 1).source in ("cached", "computed")


def test_a_missed_deadline_falls_back_to_what_was_sent_last(
    slow: SignalReader, cache: SignalCache, newest: dict[str, Signal], world: ServingWorld
) -> None:
    symbol, sent = next((symbol, one) for symbol, one in newest.items() if one.event_time == world.last)
    cache.write([replace(sent, expires_at=time.time_ns() - 1)], force=True)
    answer = slow.get_signal(symbol)
    assert (answer.source, answer.code) == ("fallback", "deadline_missed")
    assert answer.signal is not None
    assert (answer.signal.reason, answer.signal.confidence, answer.signal.score) == ("fallback", 0.0, sent.score)
    assert answer.suggested_position == 0.0
    # Nothing was ever said of this symbol, as far as this reader knows: the fallback has nothing either.
    cache.remove("1m", [symbol])
    nothing = slow.get_signal(symbol)
    assert (nothing.source, nothing.signal, nothing.code) == ("fallback", None, "deadline_missed")
    assert slow.get_signal(symbol).code == "breaker_open"


def test_an_old_last_word_is_no_fallback(
    slow: SignalReader, cache: SignalCache, newest: dict[str, Signal], world: ServingWorld
) -> None:
    symbol, sent = next(iter(newest.items()))
    old = replace(sent, event_time=world.last - 6 * MINUTE, expires_at=world.last)
    cache.write([old], force=True)
    answer = slow.get_signal(symbol)
    assert (answer.signal, answer.code) == (None, "deadline_missed")


def test_unknown_symbols_and_intervals(reader: SignalReader) -> None:
    answer = reader.get_signal("NOBODY")
    assert (answer.source, answer.signal, answer.code) == ("fallback", None, "no_features")
    assert reader.get_signal("NOBODY", interval="1h").code == "no_live_model"
    for symbol in ("", "a\0b", "x" * 129, "\ud800"):
        with pytest.raises(ServingError, match="a symbol has 1 to 128 characters"):
            reader.get_signal(symbol)
    with pytest.raises(ServingError, match="interval '7m' is not known"):
        reader.get_signal("A", interval="7m")
    for symbol in ("*", "signals:newest:1m", "../../etc/passwd", "'; DROP TABLE signals; --", "\r\nSET x y", "🦆"):
        assert reader.get_signal(symbol).code == "no_features"


def test_two_models_speak_together(
    reader: SignalReader, cache: SignalCache, newest: dict[str, Signal], world: ServingWorld, tmp_path: Path
) -> None:
    """A second strategy goes live: what is computed then is merged, as the inference consumer merges it."""
    other = register(world.settings, tmp_path, "linear-beta", bias=0.001)
    Control(world.settings).issue(
        "activate", strategy="beta", model=other.name, model_version=other.version, reason="second"
    )
    symbol = next(iter(newest))
    cache.remove("1m", [symbol])
    both = (str(world.ref), str(other))
    answer = wait_for(lambda: spoken(reader, symbol, both), 30, "both models to speak")
    assert answer.signal is not None
    assert answer.signal.strategy == "alpha+beta"
    assert answer.source == "computed"


def spoken(reader: SignalReader, symbol: str, models: tuple[str, ...]) -> SignalAnswer | None:
    answer = reader.get_signal(symbol)
    return answer if answer.signal is not None and answer.signal.models == models else None


def test_a_pause_holds_cached_and_computed_back(
    reader: SignalReader, newest: dict[str, Signal], world: ServingWorld
) -> None:
    control, (one, two) = Control(world.settings), list(newest)[:2]
    control.issue("pause", symbols=(one,), reason="halted")
    wait_for(lambda: reader.get_signal(one).code == "paused", 30, "the pause")
    answer = reader.get_signal(one)
    assert (answer.source, answer.signal, answer.suggested_position) == ("fallback", None, None)
    assert "paused for this symbol" in answer.reason
    assert reader.get_signal(two).source == "cached"
    control.issue("resume", symbols=(one,), reason="over")
    wait_for(lambda: reader.get_signal(one).source == "cached", 30, "the resume")
    # One of two strategies: what both had said together is not handed out, the other one speaks alone.
    control.issue("pause", strategy=STRATEGY, reason="its model is odd")
    wait_for(lambda: reader.get_signal(two).source == "computed", 30, "the pause of one strategy")
    signal = reader.get_signal(two).signal
    assert signal is not None
    assert signal.models == ("linear-beta:1",)
    control.issue("resume", strategy=STRATEGY, reason="over")
    wait_for(lambda: reader.get_signal(two).source == "cached", 30, "the resume")


def test_a_pause_counts_where_the_bars_are_though_the_clock_is_behind(
    reader: SignalReader, cache: SignalCache, newest: dict[str, Signal], world: ServingWorld
) -> None:
    """What is computed of a bar is held back by the pause that acts on the next one, as what was sent of it is."""
    control, symbol, behind = Control(world.settings), next(iter(newest)), world.last - 5 * MINUTE
    cache.remove("1m", [symbol])
    assert reader.get_signal(symbol, now=behind).source == "computed"
    control.issue("pause", symbols=(symbol,), reason="halted", effective_from=world.last + 1)
    wait_for(lambda: reader.get_signal(symbol).code == "paused", 30, "the pause")
    answer = reader.get_signal(symbol, now=behind)
    assert (answer.code, answer.signal) == ("paused", None)
    control.issue("resume", symbols=(symbol,), reason="over", effective_from=world.last + 1)
    wait_for(lambda: reader.get_signal(symbol, now=behind).source == "computed", 30, "the resume")


def test_predictions_too_are_paused_where_their_bars_are(
    reader: SignalReader, view: ControlView, newest: dict[str, Signal], world: ServingWorld
) -> None:
    models, online = load_models(world.settings), OnlineStore(world.settings)
    predictions = Predictions(
        models=models, view=view, online=online, last_words=reader.last_words, fresh_bars=5
    )  # fmt: skip
    symbol, ahead = next(iter(newest)), time.time_ns() + 600 * MINUTE
    chosen = predictions.chosen(Wanted(interval="1m", strategy=STRATEGY), symbol)
    vector = online.read(chosen.terms.feature_set, chosen.terms.set_version, "1m", [symbol])
    later = replace(vector, event_time=np.array([ahead]))
    Control(world.settings).issue("pause", symbols=(symbol,), reason="ahead", effective_from=ahead + 1)
    wait_for(lambda: predictions.of_vector(later, chosen).paused, 30, "the pause of the bars ahead")
    assert not predictions.of_vector(vector, chosen).paused
    Control(world.settings).issue("resume", symbols=(symbol,), reason="over", effective_from=ahead + 1)
    wait_for(lambda: not predictions.of_vector(later, chosen).paused, 30, "the resume")
    online.close()


def test_many_threads_get_the_same_answers(reader: SignalReader, newest: dict[str, Signal]) -> None:
    faults: list[object] = []

    def ask() -> None:
        for symbol, signal in newest.items():
            answer = reader.get_signal(symbol)
            if answer.signal != signal:
                faults.append(answer)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert faults == []


def test_a_stale_mark_shows(
    reader: SignalReader, cache: SignalCache, newest: dict[str, Signal], view: ControlView, world: ServingWorld
) -> None:
    symbol = next(iter(newest))
    cache.stale.mark([view.partition(symbol)], "test")
    try:
        assert reader.get_signal(symbol).stale
    finally:
        cache.stale.clear([view.partition(symbol)])
    assert not reader.get_signal(symbol).stale
    online = OnlineStore(world.settings)
    online.mark_stale([0], "test")
    try:
        cache.remove("1m", [symbol])
        answer = reader.get_signal(symbol)
        assert (answer.source, answer.stale) == ("computed", True)
    finally:
        online.clear_stale([0])
        online.close()


def test_redis_away_is_said_and_passes(
    stack: TestStack, reader: SignalReader, newest: dict[str, Signal], world: ServingWorld
) -> None:
    symbol = next(iter(newest))
    stack.kill("redis")
    try:
        answer = reader.get_signal(symbol)
        assert (answer.source, answer.signal, answer.code) == ("fallback", None, "store_unavailable")
        # Now and then it is asked again, and the machine may have other things to do: most reads cost nothing.
        took = []
        for _ in range(9):
            begun = time.monotonic()
            reader.get_signal(symbol)
            took.append(time.monotonic() - begun)
        assert sorted(took)[4] < 0.5, "while it is away it isn't asked each time"
    finally:
        stack.start_server("redis")
    wait_for(lambda: reader.get_signal(symbol).source == "cached", 30, "the cache to be filled again")
    assert reader.get_signal(symbol, now=world.last + SECOND).age_s == 1.0
