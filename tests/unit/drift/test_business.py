"""Business alerts from the log: silence, stopped bars, low confidence, bursts of a symbol."""

from dataclasses import dataclass, field

import msgpack
import numpy as np
import pytest

from pipeline.drift.business import BusinessDays
from pipeline.drift.business_rules import Judged
from schemas.alerts import Alert
from schemas.bars import Watermark
from schemas.intervals import DAY, HOUR, INTERVALS, MINUTE
from schemas.predictions import OUTCOMES, STATUSES, PredictionBatch

FIRST = 20_000
OPEN = 14 * HOUR


def batch(at: int, outcomes: str, *, interval: str = "1m", confidence: float = 0.6, role: str = "live",
          status: str = "ok") -> PredictionBatch:  # fmt: skip
    """One record; a letter for each row: e(mitted), u(nchanged), f(iltered), p(aused), m(erged), n(one)."""
    codes = {name[0]: code for code, name in enumerate(OUTCOMES)}
    n = len(outcomes)
    return PredictionBatch(
        source_partition=0, source_position=(1, 0), strategy="momentum", model="ridge", model_version=3,
        model_sha256="0" * 64, role=role, feature_set="core", set_version=1, set_hash="h", interval=interval, horizon=1,
        event_time=at, model_latency=1, deadline_missed=False, breaker_open=False,
        symbols=tuple(f"SYM{row:03}" for row in range(n)), score=np.zeros(n), confidence=np.full(n, confidence),
        status=np.full(n, STATUSES.index(status), np.uint8), direction=np.ones(n, np.uint8),
        outcome=np.array([codes[letter] for letter in outcomes], np.uint8),
    )  # fmt: skip


@dataclass
class Run:
    """Sessions closed one after the other, with a restart between them."""

    days: BusinessDays = field(default_factory=BusinessDays)
    judged: list[Judged] = field(default_factory=list)

    def session(self, number: int, bars: list[tuple[int, str]], **how: object) -> None:
        """Bars of a session: (time after its opening, outcomes)."""
        for after, outcomes in bars:
            self.days.add(batch((FIRST + number) * DAY + OPEN + after, outcomes, **how))  # type: ignore[arg-type]
        self.close(number)

    def close(self, number: int) -> None:
        self.days = BusinessDays.restore(msgpack.unpackb(msgpack.packb(self.days.snapshot())))
        for session in sorted(self.days.sessions(FIRST + number)):
            self.judged += self.days.close(session, minimum=1)

    def alerts(self, rule: str) -> list[Alert]:
        return [alert for _, raised in self.judged for alert in raised if alert.rule == rule]


def minutes(pattern: str, rows: int = 3) -> list[tuple[int, str]]:
    """One bar a minute; a dot is a minute without a bar."""
    return [(place * MINUTE, letter * rows) for place, letter in enumerate(pattern) if letter != "."]


@pytest.mark.parametrize(
    ("pattern", "interval", "silent"),
    [
        ("e" * 30, "1m", False),
        ("e" + "f" * 9 + "e", "1m", False),  # a signal at the very limit is in time
        ("e" + "f" * 10, "1m", True),  # no signal for exactly ten minutes
        ("e" + "f" * 5 + "e" + "f" * 5, "1m", False),
        ("e" + "." * 10 + "e", "1m", True),  # the bars stopped, and came back with a signal after eleven minutes
        ("e" + "." * 9 + "e", "1m", False),
        ("e" + "p" * 30, "1m", False),  # an operator's pause
        ("e" + "u" * 30, "1m", False),  # with emission on change, the direction last emitted stands
        ("e" + "m" * 30, "1m", False),  # another strategy's signal says it
        ("e....f....f....f", "5m", True),  # three intervals
        ("e....f....f....e", "5m", False),
    ],
)
def test_silence_in_a_session(pattern: str, interval: str, silent: bool) -> None:
    run = Run()
    run.session(0, minutes(pattern), interval=interval)
    assert bool(run.alerts("no_signal")) is silent


def test_rows_that_the_model_skipped_are_silence() -> None:
    run = Run()
    run.session(0, minutes("n" * 20), status="skipped")
    (alert,) = run.alerts("no_signal")
    assert alert.evidence["value"] == 20 * 60
    assert alert.evidence["rows_none"] == 60


def test_daily_bars_need_three_silent_sessions_and_closed_days_do_not_count() -> None:
    for days, expected in (([0, 1, 2], 0), ([0, 1, 2, 7], 1)):
        run = Run()
        for number in days:
            run.session(number, [(0, "e" if number == 0 else "f")], interval="1d")
        assert len(run.alerts("no_signal")) == expected
    (alert,) = run.alerts("no_signal")
    assert (alert.session, alert.onset) == (FIRST + 7, FIRST * DAY + OPEN)


def test_a_closed_market_and_a_spell() -> None:
    run = Run()
    run.session(0, minutes("e" * 20))
    for number in (1, 2):  # watermarks go on through two days without a bar
        run.days.mark(0, Watermark(feed="x", event_time=(FIRST + number) * DAY + OPEN, state="advance"))
        run.close(number)
    for number in (3, 4, 5, 6):
        run.session(number, minutes("e" * 20 if number == 5 else "f" * 20))
    assert [alert.session - FIRST for alert in run.alerts("no_signal")] == [3, 6]


@pytest.mark.parametrize(("back", "expected"), [(False, 1), (True, 0)])
def test_a_feed_that_timed_out(back: bool, expected: int) -> None:
    run = Run()
    last = FIRST * DAY + OPEN + 19 * MINUTE
    run.days.mark(1, Watermark(feed="x", event_time=last, state="timed_out"))
    if back:
        run.days.mark(1, Watermark(feed="x", event_time=last + MINUTE, state="open"))
    run.session(0, minutes("e" * 20))
    assert len(run.alerts("no_signal")) == expected


def test_mean_confidence() -> None:
    for confidence, expected in ((0.5, 0), (0.499, 1), (0.0, 1)):
        run = Run()
        run.session(0, minutes("e" * 5), confidence=confidence)
        assert len(run.alerts("low_confidence")) == expected
    run = Run()
    run.session(0, minutes("e" * 5), confidence=0.0, status="fallback")
    assert [figure.verdict for figure, _ in run.judged if figure.metric == "mean_confidence"] == ["insufficient"]


@pytest.mark.parametrize(
    ("usual", "today", "expected"),
    [
        (5, 21, 1),
        (5, 20, 0),  # exactly four times the norm
        (4, 19, 0),  # too few to be more than noise
        (0, 20, 1),
        (100, 390, 0),
    ],
)
def test_bursts_of_one_symbol(usual: int, today: int, expected: int) -> None:
    run = Run()
    for number, count in enumerate([usual] * 5 + [today]):
        run.session(number, [(k * MINUTE, "eu" if k < count else "uu") for k in range(max(count, 1))])
    alerts = run.alerts("signal_burst")
    assert len(alerts) == expected
    for alert in alerts:
        assert alert.evidence["worst"] == [{"symbol": "SYM000", "signals": today, "norm": float(usual)}]


def test_a_symbol_without_a_norm_is_insufficient_not_usual() -> None:
    run = Run()
    run.session(0, minutes("e" * 30))
    assert [figure.verdict for figure, _ in run.judged if figure.metric == "signal_bursts"] == ["insufficient"]


def test_shadows_say_nothing_and_order_does_not_matter() -> None:
    rng = np.random.default_rng(3)
    log = [batch(FIRST * DAY + OPEN + k * MINUTE, "eu", confidence=float(rng.random())) for k in range(40)]
    states = []
    for order in (range(40), rng.permutation(40).tolist()):
        days = BusinessDays()
        for place in order:
            days.add(log[place])
        states.append(msgpack.packb(days.snapshot()))
        days.add(batch(FIRST * DAY + OPEN, "uu", role="shadow"))
        assert msgpack.packb(days.snapshot()) == states[-1]
    assert states[0] == states[1]
    assert INTERVALS["1m"] == MINUTE
