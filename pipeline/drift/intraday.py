"""Figures of each hour of an open session, beside those of the session: a look at the day while it goes on."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pipeline.drift.config import DriftConfig
from pipeline.drift.ledger import CrossSection, Matured, give_up_time
from pipeline.drift.metric import DriftMetric, Place
from pipeline.drift.report import coefficient_metric, stability_metric
from pipeline.drift.score_counts import ScoreCounts
from pipeline.drift.series import Series, series_from
from pipeline.drift.sessions import Lane, SessionGate
from pipeline.drift.training_reference import TrainingReference
from schemas.features import ReturnBatch
from schemas.intervals import DAY, HOUR, INTERVALS, session_of

#: Hours of a session day.
HOURS = DAY // HOUR
COEFFICIENT, STABILITY = "ic_intraday", "psi_intraday"


def hour_of(event_time: int) -> int:
    """Hours since the Unix epoch, UTC; as with sessions, what is stamped on the full hour belongs to the one before.

    >>> hour_of(2 * HOUR), hour_of(2 * HOUR + 1)
    (1, 2)
    """
    return (event_time - 1) // HOUR


class IntradayHours:
    """What each hour brought, by (series, hour). Only for bars shorter than a day; nothing is alerted from it.

    An hour closes once every lane has released it. Rows that come for an hour that their own lane has released are
    left out of every hour's figures and counted; for the session they count. So these figures, too, are functions of
    the logs alone.
    """

    def __init__(self, lanes: Iterable[Lane]) -> None:
        self.gate = SessionGate(lanes, unit=HOUR)
        self.scores = ScoreCounts()
        self.left_out = 0
        #: Predictions that were left out: their labels are too.
        self._late: dict[Series, dict[int, set[str]]] = {}

    def covers(self, series: Series) -> bool:
        """True if the series has hours at all."""
        return INTERVALS[series.interval] < DAY

    def leave_out(self, series: Series, event_time: int, symbols: Sequence[str], known: set[str]) -> None:
        """Count late predictions, and remember those that are not ``known`` from a record that was in time."""
        self.left_out += len(symbols)
        late = set(symbols) - known
        if late:
            self._late.setdefault(series, {}).setdefault(event_time, set()).update(late)

    def hour_for(self, lane: Lane, batch: ReturnBatch) -> int | None:
        """Hour that a batch of labels counts for; None where it counts for the session only."""
        if INTERVALS[batch.interval] >= DAY:
            return None
        if self.gate.is_late(lane, batch.event_time):
            self.left_out += len(batch.symbols)
            return None
        return hour_of(batch.event_time)

    def close(
        self,
        hour: int,
        matured: Mapping[Series, Matured],
        reference: Callable[[Series], TrainingReference],
        config: DriftConfig,
    ) -> tuple[DriftMetric, ...]:
        """Reduce an hour to metrics, in a fixed order, and forget it; ``matured`` is what the ledger has for it."""
        counted = self.scores.close(hour)
        until = (hour + 1) * HOUR
        metrics: list[DriftMetric] = []
        for series in sorted(counted.keys() | matured.keys()):
            place = Place(strategy=series.strategy, subject=series.subject, session=session_of(until), until=until)
            got = self._in_time(series, matured.get(series, Matured(cross_sections=(), expired=0)))
            metrics.append(coefficient_metric(place, got, config, name=COEFFICIENT))
            sketch, minimum = reference(series).sketch, config.minimum_names
            metrics.append(stability_metric(place, counted.get(series), sketch, minimum=minimum, name=STABILITY))
        return tuple(metrics)

    def forget(self, session: int) -> None:
        """Drop what no label can follow any more once ``session`` has closed."""
        kept = {
            series: {at: names for at, names in times.items() if at > give_up_time(series, session)}
            for series, times in self._late.items()
        }
        self._late = {series: times for series, times in kept.items() if times}

    def snapshot(self) -> dict[str, Any]:
        """State as plain values, in a fixed order."""
        return {
            "gate": sorted(self.gate.snapshot()),
            "scores": self.scores.snapshot(),
            "left_out": self.left_out,
            "late": [
                (series.key, sorted((at, sorted(names)) for at, names in times.items()))
                for series, times in sorted(self._late.items(), key=lambda item: item[0])
            ],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over a snapshot over the same lanes; raises ValueError for other lanes."""
        self.gate.restore(state["gate"])
        self.scores = ScoreCounts.restore(state["scores"])
        self.left_out = state["left_out"]
        self._late = {series_from(tuple(key)): {at: set(names) for at, names in times} for key, times in state["late"]}

    def _in_time(self, series: Series, matured: Matured) -> Matured:
        """What matured, without predictions that were left out."""
        late = self._late.get(series)
        if not late:
            return matured
        sections = [_without(section, late.get(section.prediction_time, set())) for section in matured.cross_sections]
        return replace(matured, cross_sections=tuple(section for section in sections if section.symbols))


def _without(section: CrossSection, names: set[str]) -> CrossSection:
    if names.isdisjoint(section.symbols):
        return section
    kept = np.array([symbol not in names for symbol in section.symbols])
    return replace(
        section,
        symbols=tuple(symbol for symbol in section.symbols if symbol not in names),
        scores=section.scores[kept],
        log_returns=section.log_returns[kept],
    )
