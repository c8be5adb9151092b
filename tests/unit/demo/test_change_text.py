"""A change of model as the demonstration prints it: what went wrong on the way is said."""

from typing import Any

from signaltape.demo.change_text import change_lines

HOUR = 3_600 * 1_000_000_000


def change(**other: Any) -> dict[str, Any]:
    swap = {
        "action": "activate", "model": "trend:2", "replaces": "trend:1", "effective_from": 18 * HOUR,
        "received_on": [0, 1], "received_s": 0.214, "forced": False, "gates": [gate("comparison", passed=True)],
    }  # fmt: skip
    return {
        "strategy": "trend", "shadow": None, "comparison": None, "swaps": [swap],
        "served": {"0": [span("trend:1", 15, 17), span("trend:2", 18, 21)]},
        "live_at": [{"at": 19 * HOUR, "live": {"trend:2": [0, 1]}, "shadows": [], "final": True}],
    } | other  # fmt: skip


def gate(name: str, *, passed: bool) -> dict[str, Any]:
    return {"name": name, "passed": passed, "detail": ""}


def span(model: str, first: int, last: int) -> dict[str, Any]:
    return {"model": model, "first": first * HOUR, "last": last * HOUR, "bars": 60}


def text(**other: Any) -> str:
    return "\n".join(" ".join(line.split()) for line in change_lines(change(**other)))


def test_a_promotion_through_open_gates() -> None:
    said = text()
    assert "promoted trend:1 → trend:2 from the bar of 18:00 on, all gates open" in said
    assert "received on 2 partitions 0.21 s after it was issued" in said
    assert "partition 0 trend:1 15:00 to 17:00 · trend:2 18:00 to 21:00" in said
    assert "live-at 19:00 trend:2" in said


def test_closed_gates_are_named() -> None:
    gates = [gate("model_tests", passed=True), gate("comparison", passed=False), gate("shadow_bars", passed=False)]
    forced = change()["swaps"][0] | {"forced": True, "reason": "to show it", "gates": gates}
    assert "FORCED past comparison, shadow_bars reason: to show it" in text(swaps=[forced]).replace("\n", " ")


def test_partitions_that_disagree_and_answers_that_may_change_are_told() -> None:
    answer = {"at": 19 * HOUR, "live": {"trend:1": [0], "trend:2": [1]}, "shadows": ["trend:3"], "final": False}
    assert "live-at 19:00 trend:1 and trend:2, shadow trend:3 (not final)" in text(live_at=[answer])


def test_what_is_missing_is_no_zero() -> None:
    lost = change()["swaps"][0] | {"received_on": [], "received_s": None}
    said = text(swaps=[lost])
    assert "received nowhere" in said
    assert "shadow no bar was answered by a shadow" in said
    assert "compared never" in said


def test_no_line_is_wider_than_the_report() -> None:
    reasons = ["rank_ic not told apart: " + "+0.10579 -> +0.11844 " * 8]
    found = {"challenger": "trend:2", "champion": "trend:1", "rows": 57_370, "times": 115, "decision": "review"}
    assert max(map(len, change_lines(change(comparison=found | {"reasons": reasons})))) <= 100
