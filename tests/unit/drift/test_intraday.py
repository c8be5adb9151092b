"""Hours of an open session: values against scipy, late rows left out, and no trace of the interleaving."""

from collections.abc import Callable
from dataclasses import dataclass, field

import msgpack
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from pipeline.drift.config import DriftConfig
from pipeline.drift.metric import DriftMetric
from pipeline.drift.monitor import DriftMonitor, SessionReport
from pipeline.drift.monitor_state import restore, snapshot
from pipeline.drift.population_stability import reference_of
from pipeline.drift.sessions import SessionGate
from pipeline.drift.training_reference import TrainingReference
from schemas.bars import Watermark
from schemas.features import ReturnBatch
from schemas.intervals import DAY, HOUR, MINUTE
from schemas.link import Link
from schemas.predictions import PredictionBatch
from tests.support.drift_logs import Lane, Message
from tests.support.drift_run import interleaved

pytestmark = pytest.mark.unit
FIRST, OPEN, STEP, BARS, PARTITIONS, SYMBOLS = 20_000, 14 * HOUR, 15 * MINUTE, 14, 2, 50
REFERENCE = reference_of(np.random.default_rng(5).normal(size=2_000))
CONFIG = DriftConfig(partitions=PARTITIONS)
INTRADAY = ("ic_intraday", "psi_intraday")


@dataclass(kw_only=True)
class Market:
    """Bars of a quarter of an hour on three days, horizon 2. ``late``: (topic, bar's time, partition) whose record
    comes a bar later, once the hour is over; ``again``: predictions written a second time then, with other scores.
    """

    late: frozenset[tuple[str, int, int]] = frozenset()
    again: frozenset[tuple[int, int]] = frozenset()
    interval: str = "15m"
    lanes: dict[Lane, list[Message]] = field(default_factory=dict)
    scores: dict[tuple[int, int], float] = field(default_factory=dict)
    labels: dict[tuple[int, int], tuple[int, float]] = field(default_factory=dict)
    count: int = 0
    last: dict[int, tuple[int, int]] = field(default_factory=dict)

    def build(self) -> "Market":
        rng = np.random.default_rng(3)
        self.lanes = {(topic, p): [] for topic in ("predictions", "returns") for p in range(PARTITIONS)}
        for day in range(3):
            times = [(FIRST + day) * DAY + OPEN + (number + 1) * STEP for number in range(BARS)]
            waiting: dict[int, list[Callable[[], None]]] = {}
            for number, time in enumerate(times):
                for partition in range(PARTITIONS):
                    ids = [one for one in range(SYMBOLS) if one % PARTITIONS == partition]
                    scores = rng.normal(size=len(ids))
                    self.scores.update({(time, one): x for one, x in zip(ids, scores.tolist(), strict=True)})
                    writes = [("predictions", self._predictions(time, partition, ids, scores))]
                    if number >= 2:
                        before = times[number - 2]
                        known = np.array([self.scores[before, one] for one in ids])
                        values = 0.3 * known + rng.normal(size=len(ids))
                        rows = zip(ids, values.tolist(), strict=True)
                        self.labels.update({(before, one): (time, x) for one, x in rows})
                        writes.append(("returns", self._returns(time, before, partition, ids, values)))
                    for topic, write in writes:
                        if (topic, time, partition) in self.late:
                            waiting.setdefault(number + 1, []).append(write)
                        else:
                            write()
                    if (time, partition) in self.again:
                        waiting.setdefault(number + 1, []).append(self._predictions(time, partition, ids, -scores))
                self._watermark(time, "advance", time)
                for write in waiting.pop(number, []):
                    write()
            assert not waiting
            self._watermark(times[-1], "final", None)
        return self

    def in_time(self, topic: str, time: int, symbol: int) -> bool:
        return (topic, time, symbol % PARTITIONS) not in self.late

    def _link(self, partition: int) -> Link:
        self.count += 1
        link = Link(position=(self.count, 0), last_part=0, previous=self.last.get(partition))
        self.last[partition] = (self.count, 0)
        return link

    def _watermark(self, time: int, state: str, partition_time: int | None) -> None:
        for (topic, partition), log in self.lanes.items():
            link = self._link(partition) if topic == "returns" else None
            log.append(Watermark(feed="f", event_time=time, state=state, link=link, partition_time=partition_time))

    def _predictions(self, time: int, partition: int, ids: list[int], scores: np.ndarray) -> Callable[[], None]:
        zeros = np.zeros(len(ids), np.uint8)
        batch = PredictionBatch(
            source_partition=partition, source_position=(time, 0), strategy="alpha", model="ridge", model_version=3,
            model_sha256="0" * 64, role="live", feature_set="core", set_version=1, set_hash="h",
            interval=self.interval, horizon=2, event_time=time, model_latency=1, deadline_missed=False,
            breaker_open=False, symbols=tuple(f"S{one:02d}" for one in ids), score=scores,
            confidence=np.full(len(ids), 0.5), status=zeros, direction=zeros, outcome=zeros,
        )  # fmt: skip
        return lambda: self.lanes["predictions", partition].append(batch)

    def _returns(self, time: int, before: int, partition: int, ids: list[int], x: np.ndarray) -> Callable[[], None]:
        return lambda: self.lanes["returns", partition].append(
            ReturnBatch(
                link=self._link(partition),
                interval=self.interval,
                horizon=2,
                event_time=time,
                available_time=time,
                kind="live",
                symbols=tuple(f"S{one:02d}" for one in ids),
                prediction_time=np.full(len(ids), before),
                log_return=x,
            )
        )


def run(market: Market, *, seed: int = 0, stop_every: int = 0) -> tuple[list[SessionReport], DriftMonitor]:
    """Feed a random interleaving of the lanes; with `stop_every`, go through a snapshot each so many messages."""
    known = TrainingReference(sketch=REFERENCE)
    return interleaved(market.lanes, CONFIG, known, seed=seed, stop_every=stop_every)


def hourly(reports: list[SessionReport], name: str) -> dict[int, DriftMetric]:
    found = [one for report in reports for one in report.metrics if one.metric == name]
    return {one.until: one for one in found if one.until is not None}


def expected_ic(market: Market) -> dict[int, float]:
    """Last instant of an hour → mean over prediction times of scipy's Spearman, of the rows that were in time."""
    hours: dict[int, dict[int, list[tuple[float, float]]]] = {}
    for (before, symbol), (time, value) in market.labels.items():
        if market.in_time("returns", time, symbol) and market.in_time("predictions", before, symbol):
            pairs = hours.setdefault(-(-time // HOUR) * HOUR, {}).setdefault(before, [])
            pairs.append((market.scores[before, symbol], value))
    return {
        until: float(np.mean([spearmanr(*zip(*pairs, strict=True)).statistic for pairs in times.values()]))
        for until, times in hours.items()
    }


def expected_psi(market: Market) -> dict[int, float]:
    shares = np.array(REFERENCE.counts) / sum(REFERENCE.counts)
    hours: dict[int, list[float]] = {}
    for (time, symbol), score in market.scores.items():
        if market.in_time("predictions", time, symbol):
            hours.setdefault(-(-time // HOUR) * HOUR, []).append(score)
    result = {}
    for until, scores in hours.items():
        actual = np.histogram(scores, np.array([-np.inf, *REFERENCE.edges, np.inf]))[0] / len(scores)
        actual = np.maximum(actual, 1e-6)
        result[until] = float(np.sum((actual - shares) * np.log(actual / shares)))
    return result


def bar(day: int, number: int) -> int:
    return (FIRST + day) * DAY + OPEN + (number + 1) * STEP


@pytest.fixture(scope="module")
def market() -> Market:
    """In time but for a record of predictions, one of labels, and a second answer to a bar that was answered."""
    late = frozenset({("predictions", bar(0, 3), 1), ("returns", bar(1, 7), 0)})
    return Market(late=late, again=frozenset({(bar(1, 3), 0)})).build()


def test_values_equal_those_computed_from_the_raw_rows(market: Market) -> None:
    reports, monitor = run(market)
    ics, psis = (hourly(reports, name) for name in INTRADAY)
    assert {at: one.value for at, one in ics.items() if one.value is not None} == pytest.approx(expected_ic(market))
    assert {at: one.value for at, one in psis.items()} == pytest.approx(expected_psi(market), rel=1e-9)
    assert len(psis) == 3 * 4  # half past five is within the fourth hour
    assert {at % DAY // HOUR for at in psis} == {15, 16, 17, 18}
    assert monitor.hours.left_out == 3 * SYMBOLS // PARTITIONS
    assert monitor.counts.late == 0


def test_the_session_counts_what_its_hours_left_out(market: Market) -> None:
    reports, _ = run(market)
    sizes = {r.session: m.sample_size for r in reports for m in r.metrics if m.metric == "ic"}
    labels = {FIRST + day: (BARS - 2) * SYMBOLS for day in range(3)}
    assert sizes == labels
    taken = sum(one.sample_size for one in hourly(reports, "ic_intraday").values())
    assert taken == sum(labels.values()) - 2 * SYMBOLS // PARTITIONS


def test_hours_close_before_their_session_and_raise_nothing(market: Market) -> None:
    reports, _ = run(market)
    ends = [(report.session + 1) * DAY if report.until is None else report.until for report in reports]
    assert ends == sorted(ends)
    assert not any(report.alerts for report in reports if report.until is not None)
    assert all(m.metric in INTRADAY for report in reports if report.until is not None for m in report.metrics)
    assert not {m.metric for report in reports if report.until is None for m in report.metrics} & set(INTRADAY)


def test_an_hour_is_told_while_its_session_is_open(market: Market) -> None:
    monitor = DriftMonitor(CONFIG)
    monitor.learn(("ridge", 3), TrainingReference(sketch=REFERENCE))
    until = FIRST * DAY + OPEN + HOUR
    reports: list[SessionReport] = []
    for lane, log in market.lanes.items():  # lane after lane, each up to the end of the first hour
        for message in log:
            reports.extend(monitor.step(lane, message))
            if isinstance(message, Watermark) and message.event_time == until:
                break
    assert [(report.session, report.until) for report in reports] == [(FIRST, until)]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1), stop_every=st.integers(0, 40))
def test_interleaving_and_restarts_change_no_bit(market: Market, seed: int, stop_every: int) -> None:
    """Which step closes an hour depends on the interleaving; what it closes with does not."""
    expected, monitor = run(market)
    found, after = run(market, seed=seed, stop_every=stop_every)
    assert found == expected
    assert snapshot(after) == snapshot(monitor)


def test_daily_bars_have_no_hours() -> None:
    reports, monitor = run(Market(interval="1d", late=frozenset({("predictions", bar(0, 3), 1)})).build())
    assert len(reports) == 3
    assert not any(m.metric in INTRADAY for report in reports for m in report.metrics)
    assert monitor.hours.left_out == 0


def test_memory_is_given_back_as_hours_close(market: Market) -> None:
    _, monitor = run(market)
    assert monitor.ledger.snapshot()["hours"] == []
    assert monitor.hours.snapshot()["scores"] == []
    monitor.hours.forget(FIRST + 30)
    assert monitor.hours.snapshot()["late"] == []


def test_a_state_without_hours_is_read_without(market: Market) -> None:
    """Hours that were written before come from rows that the new state never saw: it begins with the next rows."""
    half = {lane: log[: len(log) // 2] for lane, log in market.lanes.items()}
    _, monitor = run(Market(lanes=half))
    state = msgpack.unpackb(snapshot(monitor), strict_map_key=False)
    del state["hours"], state["ledger"]["hours"]
    after = restore(CONFIG, msgpack.packb(state | {"version": 3}))
    assert after.gate.snapshot() == monitor.gate.snapshot()
    assert after.hours.gate.closable is None
    reports = [
        report
        for lane, log in market.lanes.items()
        for message in log[len(log) // 2 :]
        for report in after.step(lane, message)
    ]
    assert {report.session for report in reports if report.until is None} == {FIRST + 1, FIRST + 2}
    last = hourly(reports, "ic_intraday")[(FIRST + 2) * DAY + 18 * HOUR].value
    assert last == pytest.approx(expected_ic(market)[(FIRST + 2) * DAY + 18 * HOUR])


@pytest.mark.parametrize(
    ("mark", "released"),
    [
        # a promise up to just before the full hour leaves it open; the full hour belongs to it
        (Watermark(feed="f", event_time=9, state="advance", partition_time=5 * HOUR - 1), 3),
        (Watermark(feed="f", event_time=9, state="advance", partition_time=5 * HOUR), 4),
        # final of the last feed: all hours of the day are over; timed out: those that ended before
        (Watermark(feed="f", event_time=DAY + 5 * HOUR, state="final", partition_time=None), 47),
        (Watermark(feed="f", event_time=DAY + 5 * HOUR + 1, state="timed_out", partition_time=None), 28),
    ],
)
def test_release_of_hours(mark: Watermark, released: int) -> None:
    gate = SessionGate([("returns", 0)], unit=HOUR)
    gate.advance(("returns", 0), mark)
    assert gate.closable == released
