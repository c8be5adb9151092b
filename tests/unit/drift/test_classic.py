"""Rules over consecutive days, as a table: one row of daily values per case, and the days on which each rule fires."""

import pytest

from pipeline.drift.policies.classic import ClassicPolicy
from pipeline.drift.policies.consecutive_days import Rule, Run, Runs, apply_rules
from tests.support.policies import CLASSIC

pytestmark = pytest.mark.unit
NO_DATA = None
assert isinstance(CLASSIC, ClassicPolicy)
RULES = CLASSIC.rules


def fired(metric: str, days: list[float | None]) -> dict[str, list[int]]:
    """Rule → days (numbers in the row) on which it fired; each is fed through a new call, as after a restart."""
    runs: Runs = {}
    found: dict[str, list[int]] = {}
    for day, value in enumerate(days):
        runs, findings = apply_rules(runs, day, {} if value is None else {metric: value}, RULES)
        for finding in findings:
            assert finding.session == day
            assert finding.value == value
            found.setdefault(finding.rule.name, []).append(day)
    return found


@pytest.mark.parametrize(
    ("metric", "days", "expected"),
    [
        # healthy
        ("ic", [0.06, 0.05, 0.02, 0.02, 0.02, 0.02], {}),
        # four days are not five; the fifth is
        ("ic", [0.015] * 4, {}),
        ("ic", [0.015] * 5, {"ic_low_5_days": [4]}),
        # one alert for one spell
        ("ic", [0.015] * 12, {"ic_low_5_days": [4]}),
        # exactly at the threshold is not below it: the run ends and begins anew
        ("ic", [0.015] * 4 + [0.02] + [0.015] * 5, {"ic_low_5_days": [9]}),
        # days without data neither count nor reset
        ("ic", [0.015, NO_DATA, 0.015, NO_DATA, NO_DATA, 0.015, 0.015], {}),
        ("ic", [0.015, NO_DATA, 0.015, NO_DATA, NO_DATA, 0.015, 0.015, 0.015], {"ic_low_5_days": [7]}),
        ("ic", [-0.1, NO_DATA, -0.1, NO_DATA, -0.1], {"ic_very_low": [0], "ic_negative_3_days": [4]}),
        # a day of no data after the alert does not start a second spell
        ("ic", [0.005, NO_DATA, 0.005], {"ic_very_low": [0]}),
        # a second spell is a second alert
        ("ic", [0.005, 0.03, 0.005], {"ic_very_low": [0, 2]}),
        # zero is a value, not "no data": it is below .02 and .01, not below 0
        ("ic", [0.0, 0.0, 0.0, 0.0, 0.0], {"ic_very_low": [0], "ic_low_5_days": [4]}),
        # two negative days and a zero are not three negative days
        ("ic", [-0.1, -0.1, 0.0, -0.1], {"ic_very_low": [0]}),
        # all three at once
        ("ic", [-0.2] * 5, {"ic_very_low": [0], "ic_negative_3_days": [2], "ic_low_5_days": [4]}),
        # stability: strictly above
        ("psi", [0.10, 0.05], {}),
        ("psi", [0.11, 0.12, 0.09, 0.11], {"psi_moved": [0, 3]}),
        ("psi", [0.25], {"psi_moved": [0]}),
        ("psi", [0.26], {"psi_moved": [0], "psi_shifted": [0]}),
        ("psi", [0.2, 0.3, NO_DATA, 0.3, 0.2, 0.3], {"psi_moved": [0], "psi_shifted": [1, 5]}),
    ],
)
def test_rules(metric: str, days: list[float | None], expected: dict[str, list[int]]) -> None:
    assert fired(metric, days) == expected


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_each_rule_can_fire(rule: Rule) -> None:
    beyond = rule.threshold - 1e-9 if rule.side == "below" else rule.threshold + 1e-9
    assert fired(rule.metric, [beyond] * rule.days)[rule.name] == [rule.days - 1]
    assert rule.name not in fired(rule.metric, [rule.threshold] * (rule.days + 1))


def test_rules_are_those_of_the_policy() -> None:
    assert [(r.metric, r.side, r.threshold, r.days, r.severity) for r in RULES] == [
        ("ic", "below", 0.02, 5, "warning"),
        ("ic", "below", 0.01, 1, "severe"),
        ("ic", "below", 0.0, 3, "urgent"),
        ("psi", "above", 0.10, 1, "warning"),
        ("psi", "above", 0.25, 1, "severe"),
        ("sharpe_20", "below", 0.5, 10, "warning"),
        ("sharpe_20", "below", 0.0, 5, "severe"),
        ("hit_rate_degradation", "above", 0.05, 1, "warning"),
    ]
    assert [(r.metric, r.side, r.threshold, r.days, r.severity) for r in CLASSIC.feature_rules] == [
        ("feature_psi", "above", 0.2, 1, "warning"),
        ("feature_ks_p", "below", 0.05, 1, "warning"),
    ]


def test_a_finding_names_the_begin_of_its_run() -> None:
    runs, _ = apply_rules({}, 10, {"ic": -0.1}, RULES)
    runs, _ = apply_rules(runs, 11, {"ic": -0.1}, RULES)
    _, (finding,) = apply_rules(runs, 14, {"ic": -0.1}, RULES)
    assert finding.run == Run(days=3, first=10)


def test_one_metric_leaves_the_runs_of_the_other_alone() -> None:
    runs, _ = apply_rules({}, 1, {"ic": 0.005, "psi": 0.3}, RULES)
    after, found = apply_rules(runs, 2, {"psi": 0.0}, RULES)
    assert found == ()
    assert after == {"ic_low_5_days": Run(days=1, first=1), "ic_very_low": Run(days=1, first=1)}
