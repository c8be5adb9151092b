"""Alerts that can't be stored or acted on."""

from typing import Any

import pytest

from pipeline.guard.alert_check import alert_fault
from tests.support.guard_facts import alert


def test_an_ordinary_alert_has_no_fault() -> None:
    assert alert_fault(alert(evidence={"mean": 0.01, "names": ["a", "b"]})) == ""


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"alert_id": ""}, "alert_id is empty"),
        ({"severity": "fatal"}, "severity is 'fatal'"),
        ({"strategy": "a\0"}, "NUL"),
        ({"evidence": {"k": ["x", {"y": "\0"}]}}, "NUL"),
        ({"evidence": {"\0": 1}}, "NUL"),
        ({"subject": "s" * 513}, "subject has over 512"),
        ({"session": -1}, "session -1"),
        ({"session": 2**40}, "can't be"),
    ],
)
def test_a_fault_is_named(fields: dict[str, Any], why: str) -> None:
    assert why in alert_fault(alert(**fields))
