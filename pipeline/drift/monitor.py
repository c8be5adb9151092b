"""Drift monitoring as a function of two logs: predictions and returns in, metrics and alerts by session out."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.chain import Fence
from pipeline.drift.business import BusinessDays
from pipeline.drift.config import DriftConfig
from pipeline.drift.course import Course
from pipeline.drift.feature_days import FeatureDays, SetDay, SetKey
from pipeline.drift.intraday import HOURS, IntradayHours, hour_of
from pipeline.drift.judgement import Observed, judge
from pipeline.drift.ledger import LabelLedger, Matured
from pipeline.drift.metric import DriftMetric
from pipeline.drift.score_counts import DayCounts, ScoreCounts
from pipeline.drift.series import Series, series_of
from pipeline.drift.sessions import Lane, SessionGate, lanes_of
from pipeline.drift.shadow_counts import ShadowCounts
from pipeline.drift.training_reference import TrainingReference
from schemas.alerts import Alert
from schemas.bars import Watermark
from schemas.features import ReturnBatch
from schemas.intervals import session_end, session_of
from schemas.predictions import STATUSES, FeatureStats, PredictionBatch

_OK = STATUSES.index("ok")
#: Days after which a series is forgotten of which nothing came: versions come and go, and the state must not grow.
FORGOTTEN_AFTER = 90


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionReport:
    """Everything that closing one session day yielded, in a fixed order; with ``until`` (ns UTC), one hour of it."""

    session: int
    metrics: tuple[DriftMetric, ...]
    alerts: tuple[Alert, ...]
    until: int | None = None


@dataclass(kw_only=True, slots=True)
class Counts:
    """Rows that had no effect, and why: of a closed session, of kind correction, and messages taken before."""

    late: int = 0
    corrections: int = 0
    repeated: int = 0


class DriftMonitor:
    """Takes the messages of every lane, each lane in its log order, in any interleaving of the lanes.

    A session's metrics and alerts are a function of the logs alone (see ``SessionGate``, ``LabelLedger``); the
    state after the same messages is the same to the last bit, whatever the interleaving was.

    Before ``step``, ask ``unknown_model`` and answer with ``learn``: the monitor does no look-ups itself.
    """

    def __init__(self, config: DriftConfig) -> None:
        self.config = config
        self.counts = Counts()
        self.gate = SessionGate(lanes_of(config.partitions))
        self.fences = {lane: Fence() for lane in lanes_of(config.partitions) if lane[0] == "returns"}
        self.ledger = LabelLedger()
        self.scores = ScoreCounts()
        self.shadows = ShadowCounts()
        self.features = FeatureDays()
        self.business = BusinessDays()
        self.hours = IntradayHours(lanes_of(config.partitions))
        self.references: dict[tuple[str, int], TrainingReference] = {}
        self.closed_scores: dict[Series, DayCounts] = {}
        self.courses: dict[Series, Course] = {}

    def unknown_model(self, message: object) -> tuple[str, int] | None:
        """(name, version) of a model whose training reference must be learnt before ``step``."""
        if not isinstance(message, PredictionBatch):
            return None
        key = (message.model, message.model_version)
        return None if key in self.references else key

    def learn(self, model: tuple[str, int], reference: TrainingReference) -> None:
        """Tell the training reference of a model version; what it does not have is insufficient."""
        self.references[model] = reference

    def step(self, lane: Lane, message: object) -> tuple[SessionReport, ...]:
        """Take the next message of a lane; return the hours and sessions that it closed, oldest first.

        Message types without a meaning here are let pass. Raises ``ChainGap`` where ``returns`` misses a link: they
        are written at least once, so what was taken before is counted and dropped.
        """
        fence = self.fences.get(lane)
        if fence is not None and isinstance(message, ReturnBatch | Watermark):
            if message.link is None:
                raise ValueError(f"a {message.TYPE} in {lane[0]}[{lane[1]}] has no link into its chain")
            if fence.position is None and self.config.adopt_chains:
                fence.position = message.link.previous
            if not fence.take(message.link):
                self.counts.repeated += 1
                return ()
        if isinstance(message, PredictionBatch):
            self._predictions(lane, message)
        elif isinstance(message, ReturnBatch):
            self._labels(lane, message)
        elif isinstance(message, FeatureStats):
            if self.gate.is_late(lane, session_end(message.session)):
                self.counts.late += 1
            else:
                self.features.add(message)
        elif isinstance(message, Watermark):
            if lane[0] == "predictions" and not self.gate.is_late(lane, message.event_time):
                self.business.mark(lane[1], message)
            self.gate.advance(lane, message)
            self.hours.gate.advance(lane, message)
            return self._close_sessions()
        return ()

    def _predictions(self, lane: Lane, batch: PredictionBatch) -> None:
        """Count the model's own scores, on both sides of each shadow, and let them wait for their labels."""
        if self.gate.is_late(lane, batch.event_time):
            self.counts.late += len(batch.symbols)
            return
        self.shadows.add(batch)
        self.business.add(batch)
        series = series_of(batch)
        own = np.flatnonzero(batch.status == _OK)
        symbols = batch.symbols if len(own) == len(batch.symbols) else tuple(batch.symbols[i] for i in own.tolist())
        scores = batch.score[own]
        reference = self.references[batch.model, batch.model_version].sketch
        day = self.scores.add((series, session_of(batch.event_time)), symbols, scores, reference=reference)
        excluded = len(batch.symbols) - len(own)
        day.excluded += excluded
        if self.hours.covers(series) and self.hours.gate.is_late(lane, batch.event_time):
            known = self.ledger.waiting_at(series, batch.event_time)
            self.hours.leave_out(series, batch.event_time, symbols, known)
        elif self.hours.covers(series):
            place = (series, hour_of(batch.event_time))
            self.hours.scores.add(place, symbols, scores, reference=reference).excluded += excluded
        self.ledger.predictions(series, batch.event_time, symbols, scores)

    def _labels(self, lane: Lane, batch: ReturnBatch) -> None:
        """Keep first labels; a corrected one comes too late to be told apart from its session's close."""
        if batch.kind != "live":
            self.counts.corrections += len(batch.symbols)
        elif self.gate.is_late(lane, batch.event_time):
            self.counts.late += len(batch.symbols)
        else:
            self.ledger.labels(batch, hour=self.hours.hour_for(lane, batch))

    def _close_sessions(self) -> tuple[SessionReport, ...]:
        """Close every hour and session with data that all lanes have released, oldest first, the hour first."""
        reports = [report for session in self._closable_sessions() for report in self._close_with_hours(session)]
        last = self.hours.gate.closable
        return tuple(reports) if last is None else (*reports, *self._close_hours(last))

    def _closable_sessions(self) -> list[int]:
        last = self.gate.closable
        if last is None:
            return []
        sessions = self.scores.sessions(last) | self.ledger.sessions(last) | self.shadows.sessions(last)
        sessions |= self.features.sessions(last) | self.business.sessions(last)
        return sorted(sessions)

    def _close_with_hours(self, session: int) -> tuple[SessionReport, ...]:
        """Hours look at labels that the session's close takes away."""
        hours = self._close_hours((session + 1) * HOURS - 1)
        closed = self._close(session)
        self.hours.forget(session)
        return (*hours, closed)

    def _close_hours(self, last: int) -> tuple[SessionReport, ...]:
        """Close every hour with data up to ``last``."""
        hours = sorted(self.hours.scores.sessions(last) | self.ledger.hours(last))
        return tuple(report for hour in hours for report in self._close_hour(hour))

    def _close_hour(self, hour: int) -> tuple[SessionReport, ...]:
        metrics = self.hours.close(hour, self.ledger.close_hour(hour), self._reference, self.config)
        if not metrics:  # labels of predictions that are not there
            return ()
        return (SessionReport(session=metrics[0].session, metrics=metrics, alerts=(), until=metrics[0].until),)

    def _close(self, session: int) -> SessionReport:
        """Reduce one session to metrics and let the policy look at them."""
        days = self.scores.close(session)
        matured = {series: got for series, got in self.ledger.close(session).items() if got.cross_sections}
        sets = self.features.close(session)
        metrics: list[DriftMetric] = []
        alerts: list[Alert] = []
        for series in sorted(days.keys() | matured.keys()):
            observed = self._observed(series, session, days.get(series), matured.get(series), sets)
            found, raised = self._judge(series, observed)
            metrics.extend(found)
            alerts.extend(raised)
        business = self.business.close(session, minimum=self.config.minimum_names)
        for metric, alert in [*self.shadows.close(session), *business]:
            metrics.append(metric)
            alerts.extend(alert)
        self._forget(session)
        return SessionReport(session=session, metrics=tuple(metrics), alerts=tuple(alerts))

    def _observed(
        self,
        series: Series,
        session: int,
        day: DayCounts | None,
        matured: Matured | None,
        sets: Mapping[SetKey, SetDay],
    ) -> Observed:
        """What a session brought for one series."""
        features = self._reference(series).features
        key = None if features is None else (features.feature_set, features.set_version, series.interval)
        before = self.closed_scores.get(series)
        if day is not None and len(day.names) >= self.config.minimum_names:  # as a replay of what is stored has it
            self.closed_scores[series] = day
        return Observed(
            session=session,
            day=day,
            before=before,
            matured=matured or Matured(cross_sections=(), expired=0),
            features=None if key is None else sets.get(key),
        )

    def _judge(self, series: Series, observed: Observed) -> tuple[tuple[DriftMetric, ...], tuple[Alert, ...]]:
        """Metrics and alerts of one series."""
        reference = self._reference(series)
        course = self.courses.get(series) or Course(watch=self.config.policy.watch(reference))
        if (series.model, series.version) in self.references:
            self.courses[series] = course
        return judge(series, observed, reference, course, self.config)

    def _forget(self, session: int) -> None:
        """Drop series that have been silent for long, and what was learnt of their models."""
        gone = [series for series, course in self.courses.items() if session - course.last > FORGOTTEN_AFTER]
        for series in gone:
            del self.courses[series]
            self.closed_scores.pop(series, None)
        for series in gone:
            self._unlearn((series.model, series.version))

    def _unlearn(self, model: tuple[str, int]) -> None:
        """Drop a model's reference unless a series of it is followed or has scores in an open session."""
        if all((one.model, one.version) != model for one in (*self.courses, *self.scores.series())):
            self.references.pop(model, None)

    def _reference(self, series: Series) -> TrainingReference:
        """Reference of a series' model; an empty one where labels mature of a model not seen since an old state."""
        return self.references.get((series.model, series.version), TrainingReference())
