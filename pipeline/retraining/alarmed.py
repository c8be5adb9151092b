"""Trigger: a severe alert about the live model that no cycle has answered yet."""

from collections.abc import Collection, Iterable

from pipeline.deployments import ModelRef
from pipeline.retraining.facts import AlertRow, Trigger
from pipeline.retraining.rules import RetrainingRules
from schemas.alerts import SEVERITIES

NAME = "severe_alert"
#: Policies whose alerts are no statement about a model: a feed that stopped is not mended by training on it.
NOT_ABOUT_MODELS = frozenset({"operations", "business", "shadow", "drill"})


def severe_alerts(
    alerts: Iterable[AlertRow], live: ModelRef, answered: Collection[str], rules: RetrainingRules
) -> Trigger:
    """Fires if an alert of at least the rule's severity is new. ``answered``: ids that an earlier cycle took up.

    Alerts are told apart by id, not by time: one that was stored late is new all the same. Those about another model
    than the live one, about none (``NOT_ABOUT_MODELS``), and those of a drill, don't count.
    """
    least = SEVERITIES.index(rules.severity)
    found = {
        one.alert_id: one
        for one in alerts
        if one.severity in SEVERITIES[least:] and one.alert_id not in answered and _counts(one, live)
    }
    evidence = {"alerts": sorted(found), "severity": rules.severity}
    if not found:
        return Trigger(
            name=NAME, verdict="quiet", detail=f"no new alert that is {rules.severity} or worse", evidence=evidence
        )
    newest = max(found.values(), key=lambda one: (one.session, one.alert_id))
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return Trigger(
        name=NAME,
        verdict="fired",
        detail=f"{newest.severity}: {newest.rule} on {newest.subject}{more}",
        evidence=evidence,
    )


def _counts(alert: AlertRow, live: ModelRef) -> bool:
    if alert.policy in NOT_ABOUT_MODELS or alert.evidence.get("drill"):
        return False
    if alert.subject.startswith("score/") and not alert.subject.startswith(f"score/{live}/"):
        return False
    model, version = alert.evidence.get("model"), alert.evidence.get("model_version")
    return model in (None, live.name) and version in (None, live.version)
