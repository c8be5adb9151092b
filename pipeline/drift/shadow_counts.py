"""Whether each shadow answered what the live model answered: rows of one session day, counted on both sides.

The serving models' records name who was to shadow them, so a shadow that left no record at all is seen too.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.drift.metric import DriftMetric
from schemas.alerts import Alert
from schemas.ids import alert_id
from schemas.intervals import DAY, session_end, session_of
from schemas.predictions import STATUSES, PredictionBatch

POLICY = "shadow"
RULE = "shadow_count_differs"
METRIC = "shadow_count_difference"
_OK = STATUSES.index("ok")


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Shadowing:
    """One shadow (``name:version``) of one strategy on one interval."""

    strategy: str
    shadow: str
    interval: str

    @property
    def subject(self) -> str:
        """Name in metrics and alerts."""
        return f"shadow/{self.shadow}/{self.interval}"


@dataclass(kw_only=True, slots=True)
class Rows:
    """Rows on both sides, and of them those that the model itself answered (no fallback, not skipped)."""

    live: int = 0
    live_answered: int = 0
    shadow: int = 0
    shadow_answered: int = 0


class ShadowCounts:
    """Counts by (shadowing, session). ``spells``: since which session a shadow's count has differed."""

    def __init__(self) -> None:
        self._days: dict[tuple[Shadowing, int], Rows] = {}
        self._spells: dict[Shadowing, int] = {}

    def add(self, batch: PredictionBatch) -> None:
        """Take a record of predictions; those of live model and arm count for each shadow that they name."""
        session, rows = session_of(batch.event_time), len(batch.symbols)
        answered = int(np.count_nonzero(batch.status == _OK))
        if batch.role == "shadow":
            day = self._day(batch, f"{batch.model}:{batch.model_version}", session)
            day.shadow += rows
            day.shadow_answered += answered
        for shadow in batch.shadows or ():
            day = self._day(batch, shadow, session)
            day.live += rows
            day.live_answered += answered

    def sessions(self, last: int) -> set[int]:
        """Sessions up to ``last`` that have counts."""
        return {session for _, session in self._days if session <= last}

    def close(self, session: int) -> list[tuple[DriftMetric, tuple[Alert, ...]]]:
        """Return and forget a session's counts, each with the alert that it raised, in a fixed order.

        One alert for one spell: sessions in a row (those in which the shadow ran) whose counts differ.
        """
        closed = {key: rows for (key, at), rows in self._days.items() if at == session}
        self._days = {place: rows for place, rows in self._days.items() if place[1] != session}
        return [self._judge(key, closed[key], session) for key in sorted(closed) if closed[key].live]

    def firing(self) -> Iterator[tuple[str, str, str]]:
        """(strategy, subject, rule) of every spell that is open."""
        for key in self._spells:
            yield key.strategy, key.subject, RULE

    def snapshot(self) -> dict[str, Any]:
        """State as plain values, in a fixed order."""
        days = sorted(self._days.items(), key=lambda item: item[0])
        return {
            "days": [
                (*_place(key), session, rows.live, rows.live_answered, rows.shadow, rows.shadow_answered)
                for (key, session), rows in days
            ],
            "spells": [(*_place(key), first) for key, first in sorted(self._spells.items())],
        }

    @classmethod
    def restore(cls, state: dict[str, Any]) -> "ShadowCounts":
        """Inverse of ``snapshot``."""
        held = cls()
        for strategy, shadow, interval, session, live, live_answered, rows, answered in state["days"]:
            key = Shadowing(strategy=strategy, shadow=shadow, interval=interval)
            held._days[key, session] = Rows(
                live=live, live_answered=live_answered, shadow=rows, shadow_answered=answered
            )
        for strategy, shadow, interval, first in state["spells"]:
            held._spells[Shadowing(strategy=strategy, shadow=shadow, interval=interval)] = first
        return held

    def _day(self, batch: PredictionBatch, shadow: str, session: int) -> Rows:
        key = Shadowing(strategy=batch.strategy, shadow=shadow, interval=batch.interval)
        return self._days.setdefault((key, session), Rows())

    def _judge(self, key: Shadowing, rows: Rows, session: int) -> tuple[DriftMetric, tuple[Alert, ...]]:
        difference = rows.shadow_answered - rows.live_answered
        metric = DriftMetric(
            policy=POLICY,
            strategy=key.strategy,
            subject=key.subject,
            metric=METRIC,
            session=session,
            verdict="differs" if difference else "equal",
            value=float(difference),
            sample_size=rows.live_answered,
            detail={
                "live_rows": rows.live, "live_answered": rows.live_answered,
                "shadow_rows": rows.shadow, "shadow_answered": rows.shadow_answered,
            },
        )  # fmt: skip
        if not difference:
            self._spells.pop(key, None)
            return metric, ()
        first = self._spells.setdefault(key, session)
        return metric, (_alert(key, metric, session),) if first == session else ()


def _place(key: Shadowing) -> tuple[str, str, str]:
    return key.strategy, key.shadow, key.interval


def _alert(key: Shadowing, metric: DriftMetric, session: int) -> Alert:
    """The alert of the first session of a spell."""
    counts = metric.detail
    return Alert(
        alert_id=alert_id(POLICY, RULE, key.strategy, key.subject, session),
        policy=POLICY,
        rule=RULE,
        severity="warning",
        strategy=key.strategy,
        subject=key.subject,
        event_time=session_end(session),
        session=session,
        sample_size=metric.sample_size,
        window=(session * DAY, session_end(session)),
        onset=session * DAY,
        evidence={"metric": METRIC, "value": metric.value, "interval": key.interval, **counts},
        suggested_action="do not judge the shadow by this comparison: find out which rows one side did not answer",
        message=f"{key.strategy}: shadow {key.shadow} answered {counts['shadow_answered']} rows of {key.interval}, the "
        f"live side {counts['live_answered']} (recorded: {counts['shadow_rows']} and {counts['live_rows']})",
    )
