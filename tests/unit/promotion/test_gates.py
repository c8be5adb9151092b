"""Gates, one by one, and what opens them."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from infra.warehouse.model_comparisons import Comparison
from infra.warehouse.model_stages import Approval, StageRecord
from pipeline.deployments import ModelRef
from schemas.control import ControlEvent
from signaltape.model_tests import ModelTestReport, Outcome, Verdict
from signaltape.promotion.errors import GateClosed
from signaltape.promotion.gates import Gate, comparison_gate, model_tests_gate, pass_through, shadow_bars_gate
from signaltape.promotion.stages import cause_of, records_of

NEW, OLD = ModelRef(name="m", version=2), ModelRef(name="m", version=1)
REPORT = ModelTestReport(
    model="m:2", sha256="a" * 64, numerics="", rows=64, seed=1,
    tests=(Outcome(name="shape", verdict=Verdict.PASSED, detail="as it should be"),),
)  # fmt: skip
FAILED = Outcome(name="latency", verdict=Verdict.FAILED, detail="p99 of 120 ms", value=120.0, limit=100.0)
MISSING = Outcome(name="reliability", verdict=Verdict.NOT_APPLICABLE, detail="no labels")
COMPARED = Comparison(
    challenger=NEW, champion=OLD, strategy="alpha", source="live", data="1m", data_from=1, data_to=2,
    decision="promote", detail={"reasons": ["rank_ic better"]}, by_whom="t", comparison_id=7,
)  # fmt: skip


@pytest.mark.parametrize(
    ("report", "sha256", "passed", "said"),
    [
        (REPORT, "a" * 64, True, "all passed over 64 rows"),
        (replace(REPORT, tests=(*REPORT.tests, MISSING)), "a" * 64, True, "all passed"),
        (replace(REPORT, tests=(*REPORT.tests, FAILED)), "a" * 64, False, "50% passed; latency: p99 of 120 ms"),
        (replace(REPORT, tests=(MISSING,)), "a" * 64, False, "no test could be made"),
        (REPORT, "b" * 64, False, "the tests are of another file"),
        (None, "a" * 64, False, "never tested"),
    ],
)
def test_model_tests(report: ModelTestReport | None, sha256: str, passed: bool, said: str) -> None:
    gate = model_tests_gate(report, sha256)
    assert gate.passed is passed
    assert said in gate.detail


@pytest.mark.parametrize(
    ("found", "champion", "passed", "said"),
    [
        (COMPARED, OLD, True, "comparison 7 with m:1 (live): promote"),
        (replace(COMPARED, decision="review"), OLD, False, "review: rank_ic better"),
        (replace(COMPARED, decision="reject", detail={}), OLD, False, "comparison 7 with m:1 (live): reject"),
        (None, OLD, False, "never compared with m:1"),
        (None, None, True, "no model is live"),
    ],
)
def test_verdict(found: Comparison | None, champion: ModelRef | None, passed: bool, said: str) -> None:
    gate = comparison_gate(found, champion)
    assert gate.passed is passed
    assert said in gate.detail


@pytest.mark.parametrize(("answered", "wanted", "passed"), [(0, 0, True), (4, 5, False), (5, 5, True), (6, 5, True)])
def test_shadow_bars(answered: int, wanted: int, passed: bool) -> None:
    assert shadow_bars_gate(answered, wanted).passed is passed


OPEN, CLOSED = Gate(name="a", passed=True, detail="fine"), Gate(name="b", passed=False, detail="not yet")


def test_force_is_needed_for_closed_gates_only() -> None:
    assert pass_through(NEW, [OPEN], force=True, reason="") is False
    assert pass_through(NEW, [OPEN, CLOSED], force=True, reason="because") is True
    with pytest.raises(GateClosed, match=r"m:2 is not promoted: b: not yet\. To do it all the same: --force --reason"):
        pass_through(NEW, [OPEN, CLOSED], force=False, reason="because")
    with pytest.raises(GateClosed, match="needs --reason"):
        pass_through(NEW, [CLOSED], force=True, reason=" ")


def event(number: int, action: str, version: int, strategy: str = "alpha", cause: str = "") -> ControlEvent:
    return ControlEvent(
        event_id=f"e{number}", action=action, effective_from=0, issued_at=number * 1_000, issued_by="ann",
        reason="why", cause=cause, strategy=strategy, model="m", model_version=version, control_offset=number,
    )  # fmt: skip


def told(records: list[StageRecord]) -> list[tuple[int, str, str, str, bool]]:
    return [(one.ref.version, one.stage, one.strategy, one.other, one.forced) for one in records]


def test_records_follow_from_events() -> None:
    given = Approval(
        approval_id="x", action="promote", strategy="alpha", ref=NEW, replaces="m:1", forced=False, reason="r",
        verdict={"gates": []}, by_whom="ann",
    )  # fmt: skip
    events = [
        event(1, "activate", 1),
        event(2, "activate", 1, "beta"),
        event(3, "activate", 2, cause=cause_of("x")),  # beta still has 1
        event(4, "rollback", 1),
        event(5, "activate", 3, "beta"),  # alpha still has 1
        event(6, "activate", 3),
    ]
    found = list(records_of(events, frozenset({"e2"}), {"x": given}))
    assert told(found) == [
        (1, "production", "alpha", "", True),
        (2, "production", "alpha", "m:1", False),
        (1, "production", "alpha", "m:2", True),
        (2, "archived", "alpha", "m:1", False),
        (3, "production", "beta", "m:1", True),
        (3, "production", "alpha", "m:1", True),
        (1, "archived", "alpha", "m:3", False),
    ]
    assert found[1].verdict == {"gates": []}
    assert found[3].reason == "rolled back to m:1"
    assert found[0].at == datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC)
