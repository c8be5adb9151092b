"""Trigger: so many features are not distributed as in training any more."""

from collections.abc import Iterable

from pipeline.deployments import ModelRef
from pipeline.drift.metric import DriftMetric
from pipeline.retraining.facts import Trigger
from pipeline.retraining.rules import RetrainingRules

NAME, METRIC = "drifted_features", "feature_psi"


def drifted_features(rows: Iterable[DriftMetric], live: ModelRef, last: int, rules: RetrainingRules) -> Trigger:
    """Count features whose PSI on the newest session with any is above the rule's, and above what chance explains.

    The detail ``chance`` of a row says the latter: with 50 names a day, a tenth to a third of healthy features has a
    PSI above 0.2.

    ``last`` is the newest session that could have closed: a newest session more than ``stale_sessions`` before it says
    nothing about today. A feature that drifts in several intervals counts once. Subjects name the model
    whose training the feature is compared with: others than the live one don't count.
    """
    about = [row for row in rows if row.metric == METRIC and row.subject.startswith(f"feature/{live}/")]
    measured = [row for row in about if row.value is not None]
    newest = max((row.session for row in measured), default=None)
    if newest is None:
        return Trigger(name=NAME, verdict="insufficient", detail=f"no PSI of a feature in {len(about)} rows")
    evidence = {"session": newest, "threshold": rules.drifted_psi, "needed": rules.drifted_features}
    if last - newest > rules.stale_sessions:
        old = f"the newest PSI of a feature is {last - newest} sessions old, {rules.stale_sessions} are allowed"
        return Trigger(name=NAME, verdict="insufficient", detail=old, evidence=evidence)
    seen, beyond = set[str](), dict[str, float]()
    for row in measured:
        if row.session == newest and row.value is not None:
            name = feature_of(row.subject)
            seen.add(name)
            if row.value > max(rules.drifted_psi, row.detail.get("chance", 0.0)):
                beyond[name] = max(row.value, beyond.get(name, 0.0))
    drifted = dict(sorted(beyond.items()))
    said = f"{len(drifted)} of {len(seen)} features with PSI above {rules.drifted_psi:g}"
    if drifted:
        said += f": {', '.join(sorted(drifted, key=lambda name: (-drifted[name], name))[:5])}"
    return Trigger(
        name=NAME,
        verdict="fired" if len(drifted) >= rules.drifted_features else "quiet",
        detail=f"{said}; {rules.drifted_features} are needed",
        evidence=evidence | {"features": len(seen), "drifted": drifted},
    )


def feature_of(subject: str) -> str:
    """Set and name of a subject, without its model and its interval.

    >>> feature_of("feature/sim:2/core:1/1d/rsi_14")
    'core:1/rsi_14'
    """
    _, _, feature_set, _, name = subject.split("/", 4)
    return f"{feature_set}/{name}"
