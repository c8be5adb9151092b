"""A planted fault, and what was found of it, as text."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from signaltape.demo.change_text import labelled

_NAMED = 3


def fault_lines(fault: dict[str, Any]) -> Iterator[str]:
    """The fault, then each alert: when it came, evidence, estimated onset, budget, advice, and the guard's step."""
    healthy, faulty = fault["sessions"]["before"], fault["sessions"]["faulty"]
    yield f"a fault in daily bars, strategy {fault['strategy']}, model {fault['model']} (SIMULATED)"
    begins = f"from {_date(fault['begins'])} on: {healthy} sessions without, then {faulty} with it"
    yield from labelled("planted", f"{fault['what']}, {begins}")
    for alert in fault["alerts"]:
        yield from labelled(f"ALERT {alert['severity']}", *_alert(alert))
        yield from labelled("  guard", *_guard(alert, fault["guard"]["severity"]))
    if not fault["alerts"]:
        yield from labelled("alerts", "none")


def verdict(fault: dict[str, Any]) -> str:
    """One line at the report's end."""
    if not fault["detected"]:
        return "FAULT NOT DETECTED: no alert from its begin on led to a step of the guard; see the drift agent's log"
    first = next(one for one in fault["alerts"] if one["in_session"] > 0 and one["step"] and one["step"]["rung"])
    step = first["step"]
    did = (
        f"the guard would {step['rung']} (dry run)" if step["state"] == "dry_run" else f"{step['rung']} {step['state']}"
    )
    return f"FAULT DETECTED: {first['rule']} ({first['severity']}) {_when(first['in_session'])}; {did}"


def _alert(alert: dict[str, Any]) -> Iterator[str]:
    evidence = alert["evidence"]
    yield f"{alert['rule']} on {_date(alert['event_time'] - 1)}, {_when(alert['in_session'])}: {_finding(alert)}"
    if "e_value" in evidence:
        budget = alert["false_alarm_budget"]
        often = "" if budget is None else f", a threshold for at most {budget:g} false alarms a year"
        yield f"e-value {evidence['e_value']:,.0f} against {evidence['e_threshold']:,.0f}{often}"
    if alert["onset"] is not None:
        yield f"estimated onset {_date(alert['onset'])}, {_apart(alert['onset_error_sessions'])}"
    yield f"suggested: {alert['suggested_action']}"


def _finding(alert: dict[str, Any]) -> str:
    evidence = alert["evidence"]
    if "mean_since_onset" in evidence:
        return (
            f"mean rank IC since onset {evidence['mean_since_onset']:+.3f}, held out {evidence['held_out_ic']:+.3f},"
            f" to be kept {evidence['threshold']:+.3f}"
        )
    if "members" in evidence:
        listed = evidence["members"][:_NAMED]
        more = evidence["members_total"] - len(listed)
        return "; ".join(f"{one['name']} {one['says']}" for one in listed) + (f"; and {more} more" if more else "")
    return str(alert["message"])


def _guard(alert: dict[str, Any], severity: str) -> Iterator[str]:
    step = alert["step"]
    if step is None:
        yield f"no step: it takes one from {severity} on"
        return
    if step["rung"]:
        state = "dry run, nothing was changed" if step["state"] == "dry_run" else step["state"]
        yield f"{step['rung']}: {step['words']} ({state})"
    else:
        yield f"no step ({step['code']}): {step['reason']}"
    for rung, why in step["passed_over"]:
        yield f"not {rung}: {why}"


def _when(in_session: int) -> str:
    if in_session > 0:
        return f"{_sessions(in_session)} into the fault"
    return f"FALSE ALARM, {_sessions(1 - in_session)} before the fault"


def _apart(sessions: int) -> str:
    if sessions == 0:
        return "the fault's first session"
    return f"{_sessions(abs(sessions))} {'after' if sessions > 0 else 'before'} the planted one"


def _sessions(count: int) -> str:
    return f"{count} session{'s' * (count != 1)}"


def _date(time: int) -> str:
    return datetime.fromtimestamp(time // 1_000_000_000, UTC).strftime("%Y-%m-%d")
