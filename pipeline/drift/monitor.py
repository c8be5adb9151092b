"""Drift monitoring as a function of two logs: predictions and returns in, metrics and alerts by session out."""

from dataclasses import dataclass, field

import numpy as np

from pipeline.chain import Fence
from pipeline.drift.classic import Runs, apply_rules
from pipeline.drift.config import DriftConfig
from pipeline.drift.ledger import LabelLedger, Matured
from pipeline.drift.population_stability import Reference
from pipeline.drift.report import DriftMetric, alert_of, coefficient_metric, mean_metric, stability_metric
from pipeline.drift.score_counts import DayCounts, ScoreCounts
from pipeline.drift.series import Series, series_of
from pipeline.drift.sessions import Lane, SessionGate, lanes_of
from pipeline.drift.shadow_counts import ShadowCounts
from schemas.alerts import Alert
from schemas.bars import Watermark
from schemas.features import ReturnBatch
from schemas.intervals import session_of
from schemas.predictions import STATUSES, PredictionBatch

_OK = STATUSES.index("ok")


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionReport:
    """Everything that closing one session day yielded, in a fixed order."""

    session: int
    metrics: tuple[DriftMetric, ...]
    alerts: tuple[Alert, ...]


@dataclass(kw_only=True, slots=True)
class Course:
    """How one series has fared: its runs by rule, and its daily ICs (session, value), oldest first."""

    runs: Runs = field(default_factory=dict)
    history: list[tuple[int, float]] = field(default_factory=list)


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
        self.references: dict[tuple[str, int], Reference | None] = {}
        self.courses: dict[Series, Course] = {}

    def unknown_model(self, message: object) -> tuple[str, int] | None:
        """(name, version) of a model whose training reference must be learnt before ``step``."""
        if not isinstance(message, PredictionBatch):
            return None
        key = (message.model, message.model_version)
        return None if key in self.references else key

    def learn(self, model: tuple[str, int], reference: Reference | None) -> None:
        """Tell the training reference of a model version; None where it has none (its PSI is then insufficient)."""
        self.references[model] = reference

    def step(self, lane: Lane, message: object) -> tuple[SessionReport, ...]:
        """Take the next message of a lane; return the sessions that it closed, oldest first.

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
        elif isinstance(message, Watermark):
            self.gate.advance(lane, message)
            return self._close_sessions()
        return ()

    def _predictions(self, lane: Lane, batch: PredictionBatch) -> None:
        """Count the model's own scores, on both sides of each shadow, and let them wait for their labels."""
        if self.gate.is_late(lane, batch.event_time):
            self.counts.late += len(batch.symbols)
            return
        self.shadows.add(batch)
        series = series_of(batch)
        own = np.flatnonzero(batch.status == _OK)
        symbols = batch.symbols if len(own) == len(batch.symbols) else tuple(batch.symbols[i] for i in own.tolist())
        scores = batch.score[own]
        reference = self.references[batch.model, batch.model_version]
        day = self.scores.add((series, session_of(batch.event_time)), symbols, scores, reference=reference)
        day.excluded += len(batch.symbols) - len(own)
        self.ledger.predictions(series, batch.event_time, symbols, scores)

    def _labels(self, lane: Lane, batch: ReturnBatch) -> None:
        """Keep first labels; a corrected one comes too late to be told apart from its session's close."""
        if batch.kind != "live":
            self.counts.corrections += len(batch.symbols)
        elif self.gate.is_late(lane, batch.event_time):
            self.counts.late += len(batch.symbols)
        else:
            self.ledger.labels(batch)

    def _close_sessions(self) -> tuple[SessionReport, ...]:
        """Close every session with data that all lanes have released, oldest first."""
        last = self.gate.closable
        if last is None:
            return ()
        sessions = self.scores.sessions(last) | self.ledger.sessions(last) | self.shadows.sessions(last)
        return tuple(self._close(session) for session in sorted(sessions))

    def _close(self, session: int) -> SessionReport:
        """Reduce one session to metrics and let the policy look at them."""
        days = self.scores.close(session)
        matured = {series: got for series, got in self.ledger.close(session).items() if got.cross_sections}
        metrics: list[DriftMetric] = []
        alerts: list[Alert] = []
        for series in sorted(days.keys() | matured.keys()):
            got = matured.get(series, Matured(cross_sections=(), expired=0))
            for metric, alert in self._judge(series, session, days.get(series), got):
                metrics.append(metric)
                alerts.extend(alert)
        for metric, alert in self.shadows.close(session):
            metrics.append(metric)
            alerts.extend(alert)
        return SessionReport(session=session, metrics=tuple(metrics), alerts=tuple(alerts))

    def _judge(
        self, series: Series, session: int, day: DayCounts | None, matured: Matured
    ) -> list[tuple[DriftMetric, tuple[Alert, ...]]]:
        """Metrics of one series with the alerts that each raised."""
        course = self.courses.setdefault(series, Course())
        coefficient = coefficient_metric(series, session, matured, self.config)
        if coefficient.value is not None:
            course.history = [*course.history, (session, coefficient.value)][-self.config.lookback :]
        mean = mean_metric(series, session, course.history)
        reference = self.references.get((series.model, series.version))
        stability = stability_metric(series, session, day, reference, minimum=self.config.minimum_names)
        metrics = {metric.metric: metric for metric in (coefficient, mean, stability)}
        measured = {name: metric.value for name, metric in metrics.items() if metric.value is not None}
        course.runs, findings = apply_rules(course.runs, session, measured)
        alerts = [
            (finding.rule.metric, alert_of(series, finding, metrics[finding.rule.metric], course.history))
            for finding in findings
            if series.acts
        ]
        return [
            (metric, tuple(alert for name, alert in alerts if name == metric.metric)) for metric in metrics.values()
        ]
