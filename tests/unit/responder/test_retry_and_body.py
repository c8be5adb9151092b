"""When a delivery is tried again, and what is sent."""

import json

import pytest

from pipeline.delivery import RetryRule, body_of
from tests.support.guard_facts import alert

RULE = RetryRule(attempts=4, first_s=0.5, longest_s=1.5)


@pytest.mark.parametrize(
    ("attempt", "pause"),
    [(1, 0.5), (2, 1.0), (3, 1.5), (4, None), (5, None)],  # doubled, cut at the longest, over after the last
)
def test_pauses(attempt: int, pause: float | None) -> None:
    assert RULE.pause_after(attempt) == pause


def test_a_long_row_of_attempts_does_not_overflow() -> None:
    assert RetryRule(attempts=10_000, first_s=1.0, longest_s=60.0).pause_after(9_999) == 60.0


def test_attempts_count_from_one() -> None:
    with pytest.raises(ValueError, match="counted from 1"):
        RULE.pause_after(0)


def test_a_body_is_the_alert_as_on_its_topic() -> None:
    body = json.loads(body_of(alert(evidence={"mean": 0.01}), 32_768))
    assert (body["type"], body["alert_id"], body["evidence"]) == ("Alert", "a20000", {"mean": 0.01})


def test_a_long_alert_loses_its_evidence_first_and_then_its_texts() -> None:
    long = alert(evidence={"numbers": list(range(20_000))}, message="m" * 1_000)
    body = body_of(long, 32_768)
    found = json.loads(body)
    assert len(body) <= 32_768
    assert found["evidence"]["evidence_omitted_bytes"] > 32_768
    assert found["message"] == "m" * 1_000
    longer = alert(message="\x01" * 4_000, suggested_action="\x02" * 4_000)  # six bytes each in JSON
    assert len(body_of(longer, 32_768)) <= 32_768


def test_what_can_not_be_cut_is_an_error_that_names_the_limit() -> None:
    with pytest.raises(ValueError, match="the limit is 50"):
        body_of(alert(), 50)
