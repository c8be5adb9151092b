"""The information coefficient of signals, against returns counted one by one."""

import math
from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from pipeline.drift.coefficient_mean import MeanCoefficient
from pipeline.drift.results import Insufficient
from pipeline.trading.coefficient import ScoreRecord, SessionCoefficient
from pipeline.trading.score_ring import ScoreRing
from pipeline.trading.section import Section, scores_of
from schemas.intervals import DAY, session_of
from schemas.predictions import PredictionBatch
from tests.support.trading_market import BEGIN, Said, at, bars_of, section, section_at, split_of

pytestmark = pytest.mark.unit


def pairs_of(sections: list[Section], ring: ScoreRing | None = None) -> list[tuple[int, int, float, float]]:
    """(completed at, predicted at, score, log return) of every pair, sorted."""
    ring = ring or ScoreRing()
    return sorted(
        (one.event_time, time, score, value)
        for one in sections
        for times, scores, returns in ring.add(one)
        for time, score, value in zip(times.tolist(), scores.tolist(), returns.tolist(), strict=True)
    )


def counted(sections: list[Section]) -> list[tuple[int, int, float, float]]:
    """The same by a walk over each symbol's own bars, prices divided by the factors to come."""
    bars: dict[str, list[tuple[int, float]]] = defaultdict(list)
    factors: dict[str, dict[int, float]] = defaultdict(dict)
    said: dict[tuple[str, int], tuple[float, int]] = {}
    for one in sections:
        for split in one.splits:
            if not bars[split.symbol] or bars[split.symbol][-1][0] <= split.effective_time:
                factors[split.symbol].setdefault(split.effective_time, split.factor)
        for batch in one.bars:
            for row, symbol in enumerate(batch.symbols):
                bars[symbol].append((one.event_time, float(batch.close[row])))
        for columns in one.signals:
            for signal in columns:
                if bars[signal.symbol] and bars[signal.symbol][-1][0] == one.event_time:
                    said[signal.symbol, one.event_time] = (signal.score, signal.horizon)
    found = []
    for (symbol, time), (score, horizon) in said.items():
        mine = bars[symbol]
        begin = next(place for place, bar in enumerate(mine) if bar[0] == time)
        if begin + horizon < len(mine):
            end, price = mine[begin + horizon]
            between = math.prod(f for effective, f in factors[symbol].items() if time <= effective < end)
            found.append((end, time, score, math.log(price * between / mine[begin][1])))
    return sorted(found)


@st.composite
def histories(draw: st.DrawFn) -> list[Section]:
    found = []
    for bar in range(draw(st.integers(2, 12))):
        names = draw(st.lists(st.sampled_from("ABC"), unique=True))
        rows = {symbol: (10.0, draw(st.sampled_from([8.0, 10.0, 12.5]))) for symbol in names}
        said = {
            symbol: Said(signal="long", score=draw(st.floats(-1, 1)), horizon=draw(st.sampled_from([1, 2, 5])))
            for symbol in draw(st.lists(st.sampled_from("ABC"), unique=True))
        }
        splits = [split_of("A", 2.0, at(draw(st.integers(0, 12))))] if draw(st.integers(0, 4)) == 0 else []
        found.append(section(bar, rows, said, splits=splits))
    return found


@settings(max_examples=60, deadline=None)
@given(histories())
def test_pairs_are_those_counted_one_by_one(history: list[Section]) -> None:
    found, expected = pairs_of(history), counted(history)
    assert [one[:3] for one in found] == [one[:3] for one in expected]
    np.testing.assert_allclose([one[3] for one in found], [one[3] for one in expected], rtol=0, atol=1e-12)


def walk(sessions: int, bars: int, names: int, *, seed: int = 3, horizon: int = 1) -> list[Section]:
    """Scores that know a part of the next return."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(0, 0.01, (sessions * bars, names))
    prices = 50 * np.exp(np.cumsum(steps, axis=0))
    found = []
    for number in range(sessions * bars):
        now = BEGIN + (number // bars) * DAY + (number % bars) * 60_000_000_000
        rows = {f"S{place:02d}": (1.0, price) for place, price in enumerate(prices[number])}
        ahead = steps[number + 1] if number + 1 < len(steps) else steps[number]
        scores = ahead + rng.normal(0, 0.03, names)
        said = {
            symbol: Said(signal="long", score=float(score), horizon=horizon)
            for symbol, score in zip(rows, scores, strict=True)
        }
        found.append(section_at(now, rows, said))
    return found


def test_a_session_is_the_mean_of_its_cross_sections() -> None:
    sections = walk(12, 6, 30)
    record = ScoreRecord()
    for one in sections:
        record.add(one)
    by_session: dict[int, dict[int, list[tuple[float, float]]]] = defaultdict(lambda: defaultdict(list))
    for end, time, score, value in counted(sections):
        by_session[session_of(end)][time].append((score, value))
    expected = [
        np.mean([spearmanr(*zip(*pairs, strict=True)).statistic for pairs in times.values()])
        for times in by_session.values()
    ]
    found = record.sessions()
    np.testing.assert_allclose([one.value for one in found], expected, rtol=1e-12)
    assert [(one.times, one.times_short, one.names, one.pairs) for one in found] == [(5, 0, 30, 150)] + [
        (6, 0, 30, 180)
    ] * 11
    mean = record.mean()
    assert isinstance(mean, MeanCoefficient)
    assert mean.value == pytest.approx(np.mean(expected))
    assert (mean.days, mean.overlap) == (12, 0)
    assert 0.15 < mean.value < 0.45


def test_labels_that_reach_into_other_sessions_widen_the_error() -> None:
    record = ScoreRecord()
    for one in walk(30, 2, 25, horizon=4):
        record.add(one)
    mean = record.mean()
    assert isinstance(mean, MeanCoefficient)
    assert mean.overlap == 2


def test_the_order_of_symbols_and_batches_does_not_matter() -> None:
    plain, mixed = ScoreRecord(), ScoreRecord()
    for one in walk(3, 4, 24):
        plain.add(one)
        (batch,), (said,) = one.bars, one.signals
        names = batch.symbols[::-1]
        rows = {symbol: (1.0, float(price)) for symbol, price in zip(batch.symbols, batch.close, strict=True)}
        bars = tuple(bars_of(one.event_time, rows, order=part) for part in (names[:7], names[7:]))
        order = np.arange(len(said))[::-1]
        back = replace(
            said, symbol=tuple(said.symbol[row] for row in order), score=said.score[order], term=said.term[order]
        )
        mixed.add(replace(one, bars=bars, signals=(back,)))
    assert mixed.sessions() == plain.sessions()


def test_too_few_names_is_no_coefficient() -> None:
    record = ScoreRecord()
    for one in walk(2, 3, 5):
        record.add(one)
    short = Insufficient(n=5, minimum=20, reason="too few names")
    first, second = record.sessions()
    assert first == SessionCoefficient(session=first.session, value=short, times=0, times_short=2, names=5, pairs=10)
    assert second.value == short
    reason = "too few names with a score at one bar time"
    assert record.mean() == Insufficient(n=5, minimum=20, reason=reason)


def predicted(one: Section, model: str, scores: list[float], *, role: str = "live") -> PredictionBatch:
    """A call over the symbols of a section's batch; its first row was answered by the fallback."""
    n = len(scores)
    return PredictionBatch(
        source_partition=0, source_position=(0, 0, 0), strategy="test", model=model, model_version=1, model_sha256="",
        role=role, feature_set="core", set_version=1, set_hash="", interval="1m", horizon=1,
        event_time=one.event_time, model_latency=0, deadline_missed=False, breaker_open=False,
        symbols=one.bars[0].symbols, score=np.array(scores), confidence=np.zeros(n),
        status=np.array([1] + [0] * (n - 1), np.uint8), direction=np.zeros(n, np.uint8),
        outcome=np.zeros(n, np.uint8),
    )  # fmt: skip


def test_scores_of_predictions_take_the_place_of_those_of_signals() -> None:
    """Serving models only, without fallbacks; of two for one symbol the first by name."""
    sections = [
        section(bar, {"A": (1, 10 + bar), "B": (1, 10 + bar)}, {"A": Said(signal="long", score=9.0)}) for bar in (0, 1)
    ]
    calls = [
        predicted(sections[0], "second", [0.1, 0.2]),
        predicted(sections[0], "first", [0.3, 0.4]),
        predicted(sections[0], "another", [0.5, 0.6], role="shadow"),
    ]
    ring = ScoreRing()
    ring.add(sections[0], scores_of(calls))
    ((times, scores, _),) = ring.add(sections[1], ())
    assert (times.tolist(), scores.tolist()) == ([at(0)], [0.4])
