"""What the API says of a dependency that neither answers nor refuses."""

import threading

import pytest

from infra.errors import OperatorError
from infra.telemetry.health import Health
from signaltape.http.backend import report
from tests.support.waiting import wait_for

pytestmark = pytest.mark.unit


def said(health: Health) -> tuple[bool, str]:
    found = health.report()[1]["checks"].get("postgres", {"ok": None, "detail": ""})
    return found["ok"], found["detail"]


def test_one_that_hangs_is_away_until_it_answers() -> None:
    health, answers = Health(), threading.Event()
    report(health, "postgres", lambda: None)
    assert said(health) == (True, "")
    look = threading.Thread(target=report, args=(health, "postgres", answers.wait, 0.05))
    look.start()
    wait_for(lambda: not said(health)[0], 30, "the report")
    assert said(health) == (False, "no answer within 0.05 s")
    answers.set()
    look.join(30)
    assert said(health) == (True, "")


def test_one_that_refuses_says_why() -> None:
    def refuse() -> None:
        raise OperatorError("Postgres does not answer at localhost")

    health = Health()
    report(health, "postgres", refuse)
    assert said(health) == (False, "Postgres does not answer at localhost")
