"""Whether a strategy's output looks alive: signals and confidences of each session day, as a function of the log."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.drift.business_rules import Judged, Output, OutputCourse, OutputDay, OutputSession
from schemas.bars import Watermark
from schemas.intervals import session_of
from schemas.predictions import OUTCOMES, SERVING_ROLES, STATUSES, PredictionBatch

_OK, _SKIPPED = STATUSES.index("ok"), STATUSES.index("skipped")
_EMITTED = OUTCOMES.index("emitted")
#: Outcomes of rows that could have been a signal of this strategy and were none. Not ``unchanged``: with emission on
#: change only, the direction last emitted stands, and saying nothing is what was asked for.
_HELD = tuple(OUTCOMES.index(name) for name in ("suppressed", "filtered"))
#: Confidences are added as integers of this part, so that their order does not matter.
_PART = 1 << 40


@dataclass(kw_only=True, slots=True)
class _Marks:
    """Of one session: (partition, feed) → event time at which the feed timed out there, None if it goes on."""

    timed_out: dict[tuple[int, str], int | None] = field(default_factory=dict)


class BusinessDays:
    """Output by (strategy and interval, session). Any interleaving of lanes leads to the same state and results.

    Only what live models and arms did counts. What the log can't show (a process that is dead, a feed that fell
    silent just now) is left to rules on the wall clock: ``infra/prometheus/rules/liveness.yml``.
    """

    def __init__(self) -> None:
        self._days: dict[tuple[Output, int], OutputDay] = {}
        self._marks: dict[int, _Marks] = {}
        self._courses: dict[Output, OutputCourse] = {}

    def add(self, batch: PredictionBatch) -> None:
        """Take a record of predictions."""
        if batch.role not in SERVING_ROLES or not batch.symbols:
            return
        output = Output(strategy=batch.strategy, interval=batch.interval)
        day = self._days.setdefault((output, session_of(batch.event_time)), OutputDay())
        emitted = batch.outcome == _EMITTED
        held = np.isin(batch.outcome, _HELD) | (batch.status == _SKIPPED)
        sent, kept = int(emitted.sum()), int(held.sum())
        before = day.bars.get(batch.event_time, (0, 0))
        day.bars[batch.event_time] = (before[0] + sent, before[1] + kept)
        for code, count in enumerate(np.bincount(batch.outcome, minlength=len(OUTCOMES)).tolist()):
            day.outcomes[code] += count
        own = batch.confidence[batch.status == _OK]
        day.confidence += int(np.rint(own * _PART).astype(np.int64).sum())
        day.answered += len(own)
        for symbol, signals in zip(batch.symbols, emitted.tolist(), strict=True):
            day.signals[symbol] = day.signals.get(symbol, 0) + signals

    def mark(self, partition: int, watermark: Watermark) -> None:
        """Take a watermark of a partition of ``predictions``: it tells which feeds fell silent, and which came back."""
        marks = self._marks.setdefault(session_of(watermark.event_time), _Marks())
        stopped = watermark.event_time if watermark.state == "timed_out" else None
        marks.timed_out[partition, watermark.feed] = stopped

    def sessions(self, last: int) -> set[int]:
        """Sessions up to ``last`` that have bars; one without any is no session, and nothing is said about it."""
        return {session for _, session in self._days if session <= last}

    def close(self, session: int, *, minimum: int) -> list[Judged]:
        """Return and forget a session's figures, each with the alerts that it raised, in a fixed order."""
        marks = self._marks.get(session, _Marks())
        self._marks = {at: found for at, found in self._marks.items() if at > session}
        stopped: dict[str, int] = {}
        for (_, feed), at in marks.timed_out.items():
            if at is not None:
                stopped[feed] = max(at, stopped.get(feed, at))
        closed = {output: day for (output, at), day in self._days.items() if at == session}
        self._days = {key: day for key, day in self._days.items() if key[1] != session}
        judged: list[Judged] = []
        for output in sorted(closed):
            course = self._courses.setdefault(output, OutputCourse())
            day = closed[output]
            mean = day.confidence / _PART / day.answered if day.answered else None
            one = OutputSession(
                output=output, session=session, day=day, course=course, stopped=stopped, minimum=minimum
            )
            judged += one.judge(mean)
        return judged

    def firing(self) -> Iterator[tuple[str, str, str]]:
        """(strategy, subject, rule) of every spell that is open."""
        for output, course in self._courses.items():
            for rule in course.spells:
                yield output.strategy, output.subject, rule

    def snapshot(self) -> dict[str, Any]:
        """State as plain values, in a fixed order."""
        return {
            "days": [
                (output.strategy, output.interval, session, sorted((at, *rows) for at, rows in day.bars.items()),
                 day.outcomes, str(day.confidence), day.answered, sorted(day.signals.items()))
                for (output, session), day in sorted(self._days.items(), key=lambda item: item[0])
            ],
            "marks": [
                (session, sorted((*place, at) for place, at in marks.timed_out.items()))
                for session, marks in sorted(self._marks.items())
            ],
            "courses": [
                (output.strategy, output.interval, course.silence, course.since, sorted(course.spells.items()),
                 sorted((symbol, *norm) for symbol, norm in course.norms.items()))
                for output, course in sorted(self._courses.items(), key=lambda item: item[0])
            ],
        }  # fmt: skip

    @classmethod
    def restore(cls, state: dict[str, Any]) -> "BusinessDays":
        """Inverse of ``snapshot``."""
        held = cls()
        for strategy, interval, session, bars, outcomes, confidence, answered, signals in state["days"]:
            held._days[Output(strategy=strategy, interval=interval), session] = OutputDay(
                bars={at: (sent, kept) for at, sent, kept in bars}, outcomes=list(outcomes),
                confidence=int(confidence), answered=answered, signals=dict(signals),
            )  # fmt: skip
        for session, marks in state["marks"]:
            held._marks[session] = _Marks(timed_out={(partition, feed): at for partition, feed, at in marks})
        for strategy, interval, silence, since, spells, norms in state["courses"]:
            held._courses[Output(strategy=strategy, interval=interval)] = OutputCourse(
                silence=silence, since=since, spells=dict(spells),
                norms={symbol: (sessions, norm, last) for symbol, sessions, norm, last in norms},
            )  # fmt: skip
        return held
