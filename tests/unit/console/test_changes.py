"""What can be asked for as a change, and figures of a version."""

from typing import Any

import pytest
from pydantic import ValidationError

from infra.warehouse.models import ModelMetric
from pipeline.deployments import ModelRef
from signaltape.console.changes.asked import Change, ChangeRequest
from signaltape.console.models.version import metric_table


@pytest.mark.parametrize(
    "asked",
    [
        {"action": "promote", "strategy": "alpha", "model": "daily:2"},
        {"action": "rollback", "strategy": "alpha"},
        {"action": "rollback", "strategy": "alpha", "model": "daily:2"},
        {"action": "pause"},
        {"action": "pause", "strategy": "alpha", "symbols": ["<b>", "A,B", "\u202ex"]},
        {"action": "resume", "symbols": ["A"]},
        {"action": "position_scale", "strategy": "alpha", "scale": 0.0},
    ],
)
def test_what_can_be_asked_for(asked: dict[str, Any]) -> None:
    change = Change.model_validate(asked)
    seen = change.seen(7)
    assert (seen.decision, seen.offset, seen.strategy) == (asked["action"], 7, asked.get("strategy", ""))
    assert seen.symbols == frozenset(asked.get("symbols", ()))
    assert change.ref == (ModelRef(name="daily", version=2) if "model" in asked else None)


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"action": "dance"}, "Input should be"),
        ({"action": "promote", "strategy": "alpha"}, "needs a model"),
        ({"action": "promote", "strategy": " ", "model": "daily:2"}, "needs a strategy"),
        ({"action": "rollback"}, "needs a strategy"),
        ({"action": "promote", "strategy": "alpha", "model": "daily"}, "must be NAME:VERSION"),
        ({"action": "promote", "strategy": "alpha", "model": "../x:1"}, "must be NAME:VERSION"),
        ({"action": "pause", "model": "daily:2"}, "only a promotion or rollback names one"),
        ({"action": "rollback", "strategy": "alpha", "symbols": ["A"]}, "concerns all symbols"),
        ({"action": "pause", "scale": 0.5}, "scale is what position_scale needs"),
        ({"action": "position_scale"}, "scale is what position_scale needs"),
        ({"action": "position_scale", "scale": 1.5}, "less than or equal to 1"),
        ({"action": "position_scale", "scale": float("nan")}, "Input should be"),
        ({"action": "pause", "strategy": "a\0b"}, "should match pattern"),
        ({"action": "pause", "symbols": ["S"] * 1_001}, "at most 1000 items"),
        ({"action": "pause", "surprise": 1}, "Extra inputs"),
    ],
)
def test_what_can_not(asked: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Change.model_validate(asked)


@pytest.mark.parametrize("reason", ["", "  x  ", "a\0bc", "x" * 401])
def test_reason_is_needed(reason: str) -> None:
    with pytest.raises(ValidationError, match="reason"):
        ChangeRequest.model_validate({"change": {"action": "pause"}, "seen": -1, "reason": reason})


def test_the_newest_value_of_a_metric_counts() -> None:
    def metric(dataset: str, name: str, value: float) -> ModelMetric:
        return ModelMetric(dataset=dataset, metric=name, value=value, higher_is_better=True)

    found = metric_table(
        [
            metric("test", "rank_ic", 0.01),
            metric("test", "rank_ic", 0.02),
            metric("test", "rank_ic_low", -0.01),
            metric("test", "rank_ic_high", 0.05),
            metric("train", "rank_ic", 0.3),
        ]
    )
    assert found["datasets"] == ["test", "train"]
    assert found["rows"] == [
        {
            "metric": "rank_ic",
            "higher_is_better": True,
            "values": {"test": [0.02, -0.01, 0.05], "train": [0.3, None, None]},
        }
    ]
    assert found["not_told_from_chance"] is True
    assert metric_table([])["not_told_from_chance"] is False
