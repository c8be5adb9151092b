"""Policy ``classic``: fixed thresholds and rules over consecutive days, as many desks run them.

Simple and widely known, and loud: with 50 names and a true IC of 0.04, a day's IC is below 0.01 on 42 % of days. It
promises nothing about false alarms; ``signaltape drift backtest-policy`` measures them.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import orjson

from pipeline.drift.day import FeatureDay, SeriesDay
from pipeline.drift.policies.consecutive_days import Fired, Rule, Run, Runs, apply_rules
from pipeline.drift.policies.finding import Finding, Member
from pipeline.drift.training_reference import TrainingReference
from schemas.fields import I8Array


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassicPolicy:
    """``rules`` look at a series' own metrics, ``feature_rules`` at a metric of each feature."""

    name: str = "classic"
    rules: tuple[Rule, ...]
    feature_rules: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        names = [rule.name for rule in (*self.rules, *self.feature_rules)]
        if len(set(names)) < len(names):
            raise ValueError(f"policy {self.name}: two rules have one name ({', '.join(sorted(names))})")

    @property
    def fingerprint(self) -> str:
        """Digest of all settings."""
        return hashlib.sha256(orjson.dumps(asdict(self))).hexdigest()[:16]

    def watch(self, reference: TrainingReference) -> "ClassicWatch":
        """Begin to watch a series; the thresholds are the same for every model."""
        return ClassicWatch(self, features=len(reference.features.names) if reference.features else 0)

    def scaled(self, factor: float, centres: Mapping[str, float]) -> "ClassicPolicy":
        """The same rules with thresholds ``factor`` (above 0) times as far out, by one rule for each kind of metric.

        A p-value's threshold is raised to the power; another lower threshold t becomes c + factor · (t - c), where c is
        the metric's mean while nothing is wrong, from ``centres``; an upper one is multiplied. Raises ValueError where
        a centre is missing or not on the healthy side.
        """

        def moved(rule: Rule) -> Rule:
            if rule.side == "above":
                return replace(rule, threshold=rule.threshold * factor)
            if rule.metric.endswith("_p"):
                return replace(rule, threshold=rule.threshold**factor)
            centre = centres.get(rule.metric)
            if centre is None or not centre > rule.threshold:
                raise ValueError(f"rule {rule.name}: {rule.metric} has no centre above {rule.threshold:g}: {centre}")
            return replace(rule, threshold=centre + factor * (rule.threshold - centre))

        return replace(self, rules=tuple(map(moved, self.rules)), feature_rules=tuple(map(moved, self.feature_rules)))


class ClassicWatch:
    """The runs of one series."""

    def __init__(self, policy: ClassicPolicy, *, features: int) -> None:
        self._policy = policy
        self._runs: Runs = {}
        self._feature_runs = {rule.name: FeatureRuns(rule, features) for rule in policy.feature_rules}

    def look(self, day: SeriesDay) -> tuple[Finding, ...]:
        """Take the next session of the series."""
        self._runs, fired = apply_rules(self._runs, day.session, day.values, self._policy.rules)
        found = [_finding(one) for one in fired]
        if day.features is not None:
            for runs in self._feature_runs.values():
                found.extend(runs.look(day.session, day.features))
        return tuple(found)

    def firing(self, session: int) -> frozenset[str]:
        """Rules whose run has reached its days; a run ends by a session with data, so that ``session`` says nothing."""
        days = {name: run.days for name, run in self._runs.items()}
        reached = [rule.name for rule in self._policy.rules if days.get(rule.name, 0) >= rule.days]
        return frozenset([*reached, *(name for name, runs in self._feature_runs.items() if runs.reached)])

    def snapshot(self) -> Any:
        """State as plain values."""
        runs = sorted((rule, run.days, run.first) for rule, run in self._runs.items())
        return [runs, {name: runs.snapshot() for name, runs in self._feature_runs.items()}]

    def restore(self, state: Any) -> None:
        """Take over a snapshot of the same policy."""
        runs, features = state
        self._runs = {rule: Run(days=days, first=first) for rule, days, first in runs}
        for name, one in features.items():
            self._feature_runs[name].restore(one)


class FeatureRuns:
    """Runs of one rule over every feature; all features that reach it on one day make one finding.

    While any feature is beyond the rule, further ones join without a finding of their own.
    """

    def __init__(self, rule: Rule, features: int) -> None:
        self._rule = rule
        self._days: I8Array = np.zeros(features, np.int64)
        self._first: I8Array = np.zeros(features, np.int64)

    @property
    def reached(self) -> bool:
        """True while any feature is beyond the rule for as many days as it asks for."""
        return bool((self._days >= self._rule.days).any())

    def look(self, session: int, day: FeatureDay) -> list[Finding]:
        """Take a session's values; those that are not known neither count nor reset."""
        rule, values = self._rule, day.values.get(self._rule.metric)
        if values is None:
            return []
        known = day.known & np.isfinite(values)
        was_open = self.reached
        holds = values < rule.threshold if rule.side == "below" else values > rule.threshold
        self._first = np.where(known & holds & (self._days == 0), session, self._first)
        self._days = np.where(known, np.where(holds, self._days + 1, 0), self._days)
        over = np.flatnonzero(known & (self._days == rule.days)).tolist()
        if was_open or not over:
            return []
        members = tuple(Member(name=day.names[at], value=float(values[at]), onset=int(self._first[at])) for at in over)
        pick = max if rule.side == "above" else min
        worst = pick(members, key=lambda member: (member.value, member.name))
        return [
            Finding(
                rule=rule.name, metric=rule.metric, severity=rule.severity, action=rule.action, session=session,
                value=worst.value, threshold=rule.threshold, side=rule.side, onset=worst.onset, days=rule.days,
                members=members,
            )
        ]  # fmt: skip

    def snapshot(self) -> Any:
        """State as plain values."""
        return [self._days.tolist(), self._first.tolist()]

    def restore(self, state: Any) -> None:
        """Inverse of ``snapshot``."""
        self._days, self._first = (np.array(column, np.int64) for column in state)


def _finding(fired: Fired) -> Finding:
    rule = fired.rule
    return Finding(
        rule=rule.name, metric=rule.metric, severity=rule.severity, action=rule.action, session=fired.session,
        value=fired.value, threshold=rule.threshold, side=rule.side, onset=fired.run.first, days=fired.run.days,
    )  # fmt: skip
