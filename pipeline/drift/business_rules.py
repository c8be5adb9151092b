"""Rules about a strategy's output (D6): no signal, low confidence, far more signals of a symbol than usual."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.drift.metric import DriftMetric
from schemas.alerts import Alert
from schemas.ids import alert_id
from schemas.intervals import DAY, INTERVALS, MINUTE, SECOND, session_end
from schemas.predictions import OUTCOMES

POLICY = "business"
#: No signal for so long, or for so many intervals, whichever is more.
SILENCE, SILENT_INTERVALS = 10 * MINUTE, 3
LEAST_CONFIDENCE = 0.5
#: +300 % is four times the norm. Below so many signals in a session even Poisson noise around a small norm gets there.
TIMES_NORM, LEAST_SIGNALS = 4.0, 20
#: Sessions before a symbol has a norm, over how many it looks back, and how long a symbol that is gone is remembered.
NORM_SESSIONS, NORM_MEMORY, FORGOTTEN_AFTER = 5, 20, 60
#: Symbols that an alert names.
_NAMED = 10

#: A figure of a session, and the alerts that it raised.
Judged = tuple[DriftMetric, tuple[Alert, ...]]


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Output:
    """Signals of one strategy on one interval."""

    strategy: str
    interval: str

    @property
    def subject(self) -> str:
        """Name in metrics and alerts."""
        return f"signals/{self.interval}"


@dataclass(kw_only=True, slots=True)
class OutputDay:
    """One session: ``bars`` is event time → (rows emitted, rows that could have been), ``outcomes`` rows by code.

    ``confidence`` is the exact sum over the ``answered`` rows, in 2⁻⁴⁰; ``signals`` counts by symbol, zeros included.
    """

    bars: dict[int, tuple[int, int]] = field(default_factory=dict)
    outcomes: list[int] = field(default_factory=lambda: [0] * len(OUTCOMES))
    confidence: int = 0
    answered: int = 0
    signals: dict[str, int] = field(default_factory=dict)


@dataclass(kw_only=True, slots=True)
class OutputCourse:
    """What carries over from session to session.

    ``silence`` is the trading time (ns) without a signal so far, since event time ``since``; ``spells`` is rule →
    first session in a row in which it held; ``norms`` is symbol → (sessions, mean signals a session, last session).
    """

    silence: int = 0
    since: int | None = None
    spells: dict[str, int] = field(default_factory=dict)
    norms: dict[str, tuple[int, float, int]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Silence:
    """Longest trading time (ns) without a signal that a session saw, and whether it was too long."""

    longest: int
    since: int
    until: int
    too_long: bool


def longest_silence(day: OutputDay, course: OutputCourse, interval: int) -> Silence | None:
    """Walk through a session's bars; None if no bar had a row that was emitted or could have been.

    The clock runs from bar to bar of a session: a pause between two bars counts, the night does not (the first bar
    counts one interval). So daily bars need three sessions in a row, and bars that stopped and came back are seen.
    Bars whose rows were all paused by an operator or merged into another strategy's signal stop the clock.
    """
    limit = max(SILENCE, SILENT_INTERVALS * interval)
    found: Silence | None = None
    before: int | None = None
    for at in sorted(day.bars):
        emitted, held = day.bars[at]
        step, before = (interval if before is None else at - before), at
        if not emitted and not held:
            course.silence, course.since = 0, None
            continue
        since = at - step if course.since is None else course.since
        silence = course.silence + step
        # A signal ends the silence: at the very limit it is in time, and what was too long before was said before.
        too_long = course.silence < limit < silence if emitted else silence >= limit
        if found is None or (too_long, silence) > (found.too_long, found.longest):
            found = Silence(longest=silence, since=since, until=at, too_long=too_long)
        course.silence, course.since = (0, at) if emitted else (silence, since)
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class _Rule:
    """What an alert says of itself whatever the numbers are."""

    name: str
    severity: str
    action: str


# fmt: off
_NO_SIGNAL = _Rule(
    name="no_signal", severity="severe",
    action="look at what became of the rows (evidence), then at feeds and processes: docs/runbook.md")
_LOW_CONFIDENCE = _Rule(
    name="low_confidence", severity="warning",
    action="check the calibration of the model, and whether its inputs are those of its training")
_BURST = _Rule(
    name="signal_burst", severity="warning",
    action="compare with the market; if it was calm, hold these symbols and look at their features")
# fmt: on


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class OutputSession:
    """One output on one session day, with what carried over. ``minimum`` is how many answered rows a mean needs.

    ``stopped`` is feed → event time at which it timed out without coming back in the session.
    """

    output: Output
    session: int
    day: OutputDay
    course: OutputCourse
    stopped: Mapping[str, int]
    minimum: int

    def judge(self, mean_confidence: float | None) -> list[Judged]:
        """Figures and alerts in a fixed order; the course moves on by one session."""
        silence = longest_silence(self.day, self.course, INTERVALS[self.output.interval])
        judged = [] if silence is None else [self._silence(silence)]
        return [*judged, self._confidence(mean_confidence), self._bursts()]

    def _silence(self, silence: Silence) -> Judged:
        last = max(self.day.bars)
        feeds = sorted(feed for feed, at in self.stopped.items() if last <= at)
        limit = max(SILENCE, SILENT_INTERVALS * INTERVALS[self.output.interval])
        rows = {f"rows_{name}": self.day.outcomes[code] for code, name in enumerate(OUTCOMES)}
        detail: dict[str, Any] = {
            "limit_s": limit // SECOND, "since": silence.since, "until": silence.until, "last_bar": last,
            "feeds_timed_out": feeds, **rows,
        }  # fmt: skip
        seconds = silence.longest / SECOND
        wrong = silence.too_long or bool(feeds)
        figure = self._figure("silence_s", "silent" if wrong else "speaking", seconds, len(self.day.bars), detail)
        if silence.too_long:
            what, onset = f"no signal for {seconds:.0f} s of trading time", silence.since
        else:
            what, onset = "the bars stopped and stayed away", last
        return figure, self._alerts(_NO_SIGNAL, figure, what if wrong else "", onset)

    def _confidence(self, mean: float | None) -> Judged:
        detail: dict[str, Any] = {"limit": LEAST_CONFIDENCE, "minimum": self.minimum}
        answered = self.day.answered
        if mean is None or answered < self.minimum:
            detail["reason"] = "too few rows that a model answered"
            return self._figure("mean_confidence", "insufficient", None, answered, detail), ()
        low = mean < LEAST_CONFIDENCE
        figure = self._figure("mean_confidence", "low" if low else "fine", mean, answered, detail)
        what = f"mean confidence {mean:.4f} is below {LEAST_CONFIDENCE:g}" if low else ""
        return figure, self._alerts(_LOW_CONFIDENCE, figure, what)

    def _bursts(self) -> Judged:
        """Compare with the norms of the sessions before, then let the norms learn this one."""
        norms, signals = self.course.norms, self.day.signals
        judged = [
            (symbol, signals[symbol], norms[symbol][1])
            for symbol in sorted(signals)
            if symbol in norms and norms[symbol][0] >= NORM_SESSIONS
        ]
        bursts = [row for row in judged if row[1] >= LEAST_SIGNALS and row[1] > TIMES_NORM * row[2]]
        bursts.sort(key=lambda row: (-row[1], row[0]))
        self._learn()
        detail: dict[str, Any] = {
            "symbols_with_a_norm": len(judged), "least_signals": LEAST_SIGNALS,
            "worst": [{"symbol": symbol, "signals": count, "norm": norm} for symbol, count, norm in bursts[:_NAMED]],
        }  # fmt: skip
        if not judged:
            detail |= {"minimum": NORM_SESSIONS, "reason": "no symbol has a norm yet"}
            return self._figure("signal_bursts", "insufficient", None, 0, detail), ()
        verdict = "burst" if bursts else "usual"
        figure = self._figure("signal_bursts", verdict, float(len(bursts)), len(judged), detail)
        names = ", ".join(symbol for symbol, _, _ in bursts[:_NAMED])
        what = f"more than {TIMES_NORM:g} times the usual number of signals from {len(bursts)} symbols: {names}"
        return figure, self._alerts(_BURST, figure, what if bursts else "")

    def _learn(self) -> None:
        course, session = self.course, self.session
        for symbol, count in self.day.signals.items():
            sessions, norm, _ = course.norms.get(symbol, (0, 0.0, session))
            sessions = min(sessions + 1, NORM_MEMORY)
            course.norms[symbol] = (sessions, norm + (count - norm) / sessions, session)
        course.norms = {name: norm for name, norm in course.norms.items() if session - norm[2] <= FORGOTTEN_AFTER}

    def _figure(
        self, metric: str, verdict: str, value: float | None, size: int, detail: Mapping[str, Any]
    ) -> DriftMetric:
        return DriftMetric(
            policy=POLICY, strategy=self.output.strategy, subject=self.output.subject, metric=metric,
            session=self.session, verdict=verdict, value=value, sample_size=size, detail=detail,
        )  # fmt: skip

    def _alerts(self, rule: _Rule, figure: DriftMetric, what: str, onset: int | None = None) -> tuple[Alert, ...]:
        """One alert for one spell: sessions in a row (those with data) in which the rule holds (``what`` is said)."""
        spells, session, output = self.course.spells, self.session, self.output
        if not what:
            spells.pop(rule.name, None)
            return ()
        if spells.setdefault(rule.name, session) != session:
            return ()
        return (
            Alert(
                alert_id=alert_id(POLICY, rule.name, output.strategy, output.subject, session),
                policy=POLICY,
                rule=rule.name,
                severity=rule.severity,
                strategy=output.strategy,
                subject=output.subject,
                event_time=session_end(session),
                session=session,
                sample_size=figure.sample_size,
                window=(session * DAY, session_end(session)),
                onset=session * DAY if onset is None else onset,
                evidence={"metric": figure.metric, "value": figure.value, "interval": output.interval, **figure.detail},
                suggested_action=rule.action,
                message=f"{output.strategy}: {what} ({output.interval})",
            ),
        )
