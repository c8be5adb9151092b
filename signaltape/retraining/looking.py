"""Reads what monitoring found about a strategy, and asks every trigger."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.scoring.registry import ModelRegistry
from infra.settings import Settings
from infra.warehouse.connection import Connection, Warehouse
from infra.warehouse.models import ModelMetric
from infra.warehouse.retraining import alert_rows, answered_alerts, database_clock, last_made, metric_rows
from pipeline.deployments import ModelRef
from pipeline.retraining.alarmed import severe_alerts
from pipeline.retraining.decision import Decision, decide
from pipeline.retraining.degraded import METRIC as IC
from pipeline.retraining.degraded import degraded
from pipeline.retraining.drifted import METRIC as FEATURE_PSI
from pipeline.retraining.drifted import drifted_features
from pipeline.retraining.facts import Baseline, Trigger
from schemas.intervals import DAY, session_of

#: Metrics of a model on its test rows that a live IC is compared with, the best one first.
_BASELINES = ("cross_section_rank_ic", "rank_ic")
#: How far back an IC is read: the longest horizon, 20 daily bars, needs 100 sessions.
_MEMORY_DAYS = 400
#: An alert that nobody took up for so long is no reason any more.
_ALERT_DAYS = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What was found about one strategy at ``now`` (ns UTC, the database's clock), and what follows from it."""

    strategy: str
    live: ModelRef
    now: int
    triggers: Sequence[Trigger]
    decision: Decision

    def document(self) -> dict[str, Any]:
        """Plain values."""
        triggers = [
            {"name": one.name, "verdict": one.verdict, "detail": one.detail, "evidence": _plain(one.evidence)}
            for one in self.triggers
        ]
        return {
            "strategy": self.strategy, "live": str(self.live), "action": self.decision.action,
            "reason": self.decision.reason, "triggers": triggers,
        }  # fmt: skip


def look(settings: Settings, strategy: str, live: ModelRef, forced: str) -> Look:
    """Ask every trigger about a strategy's live model. Raises UnknownModel, WarehouseUnavailable; writes nothing."""
    rules = settings.retraining.rules()
    baseline = baseline_of(ModelRegistry(settings).get_model(live.name, live.version).metrics)

    def read(connection: Connection) -> Look:
        now = database_clock(connection)
        last = session_of(now) - 1
        lately = now - (rules.stale_sessions + 1) * DAY
        rows = metric_rows(connection, strategy, FEATURE_PSI, lately)
        rows += metric_rows(connection, strategy, IC, now - _MEMORY_DAYS * DAY)
        alerts = alert_rows(connection, strategy, rules.severity, now - _ALERT_DAYS * DAY)
        answered = answered_alerts(connection, strategy)
        triggers = (
            drifted_features(rows, live, last, rules),
            degraded(rows, live, baseline, last, rules),
            severe_alerts(alerts, live, answered, rules),
        )
        made = last_made(connection, strategy)
        decision = decide(triggers, forced=forced, now=now, last_made=made, rules=rules)
        return Look(strategy=strategy, live=live, now=now, triggers=triggers, decision=decision)

    with Warehouse(settings, "signaltape-retraining") as warehouse:
        return warehouse.run(read)


def baseline_of(metrics: Sequence[ModelMetric]) -> Baseline | None:
    """The live IC's counterpart among a model's metrics on test rows, None if it has none."""
    found = {one.metric: one.value for one in metrics if one.dataset == "test"}
    name = next((name for name in _BASELINES if name in found), None)
    return None if name is None else Baseline(metric=name, dataset="test", value=found[name])


def _plain(evidence: Mapping[str, Any]) -> dict[str, Any]:
    return dict(evidence)
