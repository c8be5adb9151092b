"""A planted fault as the demonstration prints it, and when the demonstration fails because of it."""

from typing import Any

import pytest

from signaltape.demo.fault_text import fault_lines, verdict
from signaltape.demo.report import passed

DAY = 86_400 * 1_000_000_000
BEGINS = 16_519 * DAY + 21 * DAY // 24  # 2015-03-25, 21:00

DERISK = {
    "mode": "dry_run", "state": "dry_run", "rung": "derisk", "words": "position_scale of daily from 1 to 0.5",
    "code": "",     "reason": "ic_fell (severe) on score/daily:2/1d/1/live", "passed_over": [],
}  # fmt: skip
REFUSED = DERISK | {"state": "refused", "rung": "", "words": "", "code": "cool_down", "reason": "3 sessions more"}


def fell(**other: Any) -> dict[str, Any]:
    return {
        "rule": "ic_fell", "severity": "severe", "event_time": 16_550 * DAY, "in_session": 20, "onset": 16_513 * DAY,
        "onset_error_sessions": -4, "false_alarm_budget": 0.5, "suggested_action": "reduce the position",
        "message": "m",
        "evidence": {
            "e_value": 592.4, "e_threshold": 504.0, "mean_since_onset": -0.0071, "held_out_ic": 0.1755,
            "threshold": 0.1316,
        },
        "step": DERISK,
    } | other  # fmt: skip


def moved(total: int) -> dict[str, Any]:
    members = [{"name": f"f{number}", "says": "wider: spread 0.64"} for number in range(total)]
    evidence = {"e_value": 1_121_936.0, "e_threshold": 81_900.0, "members": members, "members_total": total}
    return fell(rule="features_moved", severity="warning", evidence=evidence, step=None)


def fault(*alerts: dict[str, Any], detected: bool = True) -> dict[str, Any]:
    return {
        "strategy": "daily", "model": "daily:2", "what": "prices stand still", "begins": BEGINS, "detected": detected,
        "sessions": {"before": 60, "faulty": 60}, "alerts": list(alerts),
        "guard": {"mode": "dry_run", "severity": "severe"},
    }  # fmt: skip


def text(*alerts: dict[str, Any]) -> str:
    return " ".join(" ".join(line.split()) for line in fault_lines(fault(*alerts)))


def test_an_alert_with_evidence_onset_budget_advice_and_step() -> None:
    said = text(fell())
    assert "strategy daily, model daily:2 (SIMULATED)" in said
    assert "prices stand still, from 2015-03-25 on: 60 sessions without, then 60 with it" in said
    assert "ALERT severe ic_fell on 2015-04-24, 20 sessions into the fault" in said
    assert "mean rank IC since onset -0.007, held out +0.175, to be kept +0.132" in said
    assert "e-value 592 against 504, a threshold for at most 0.5 false alarms a year" in said
    assert "estimated onset 2015-03-19, 4 sessions before the planted one" in said
    assert "suggested: reduce the position" in said
    assert "guard derisk: position_scale of daily from 1 to 0.5 (dry run, nothing was changed)" in said


@pytest.mark.parametrize(
    ("apart", "said"),
    [
        (-1, "1 session before the planted one"),
        (0, "the fault's first session"),
        (2, "2 sessions after the planted one"),
    ],
)
def test_how_far_off_the_estimated_onset_is(apart: int, said: str) -> None:
    assert said in text(fell(onset_error_sessions=apart))


def test_an_alert_before_the_fault_is_called_false() -> None:
    assert "FALSE ALARM, 1 session before the fault" in text(fell(in_session=0))
    assert "FALSE ALARM, 6 sessions before the fault" in text(fell(in_session=-5))


def test_features_are_named_a_few_at_a_time() -> None:
    said = text(moved(5))
    assert "f0 wider: spread 0.64; f1 wider: spread 0.64; f2 wider: spread 0.64; and 2 more" in said
    assert "guard no step: it takes one from severe on" in said
    assert "more" not in text(moved(3))


def test_other_alerts_say_what_they_say() -> None:
    other = fell(evidence={"value": 11.0}, message="no label for 11 sessions", onset=None, false_alarm_budget=None)
    said = text(other)
    assert "no label for 11 sessions" in said
    assert "e-value" not in said
    assert "onset" not in said


def test_a_refused_step_and_rungs_passed_over_are_told() -> None:
    assert "guard no step (cool_down): 3 sessions more" in text(fell(step=REFUSED))
    passed_over = DERISK | {
        "rung": "rollback",
        "words": "back to daily:1",
        "passed_over": [["fallback", "none is set"]],
    }
    assert "rollback: back to daily:1 (dry run, nothing was changed) not fallback: none is set" in text(
        fell(step=passed_over)
    )


def test_the_verdict_names_the_alert_that_led_to_a_step() -> None:
    early = fell(in_session=-3)
    assert verdict(fault(early, moved(1), fell())) == (
        "FAULT DETECTED: ic_fell (severe) 20 sessions into the fault; the guard would derisk (dry run)"
    )


def test_a_fault_without_an_alert_says_so_and_fails() -> None:
    missed = fault(detected=False)
    assert verdict(missed).startswith("FAULT NOT DETECTED")
    assert "alerts none" in " ".join(" ".join(fault_lines(missed)).split())
    assert not passed({"reconciled": True, "fault": missed})
    assert not passed({"reconciled": False, "fault": fault(fell())})
    assert passed({"reconciled": True, "fault": fault(fell())})
    assert passed({"reconciled": True, "fault": None})


def test_no_line_is_wider_than_the_report() -> None:
    many = moved(3)
    many["evidence"]["members"] = [one | {"says": "wider: spread 0.64, " * 8} for one in many["evidence"]["members"]]
    lines = list(fault_lines(fault(fell(message="word " * 60, evidence={}), many)))
    assert max(map(len, [*lines, verdict(fault(fell())), verdict(fault(detected=False))])) <= 100
