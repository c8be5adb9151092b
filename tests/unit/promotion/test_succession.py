"""Successions on literal histories."""

import pytest

from pipeline.succession import order_of_effect, successions
from schemas.control import ControlEvent


def event(offset: int, action: str, model: str, at: int = 0, strategy: str = "alpha") -> ControlEvent:
    name, _, version = model.partition(":")
    return ControlEvent(
        event_id=str(offset), action=action, effective_from=at, issued_at=0, issued_by="t", strategy=strategy,
        model=name, model_version=int(version or 0), control_offset=offset,
    )  # fmt: skip


def history(*swaps: str) -> list[ControlEvent]:
    """``a:1`` activates, ``<a:1`` rolls back."""
    return [
        event(number, "rollback" if one.startswith("<") else "activate", one.lstrip("<"))
        for number, one in enumerate(swaps)
    ]


@pytest.mark.parametrize(
    ("swaps", "line", "predecessor"),
    [
        (("m:1",), "m:1", None),
        (("m:1", "m:2"), "m:1 m:2", "m:1"),
        # a rollback cuts the line: the next one goes further back, not forward again
        (("m:1", "m:2", "<m:1"), "m:1", None),
        (("m:1", "m:2", "m:3", "<m:2"), "m:1 m:2", "m:1"),
        (("m:1", "m:2", "m:3", "<m:1"), "m:1", None),
        # promoted again after a rollback: a new place in the line
        (("m:1", "m:2", "<m:1", "m:2"), "m:1 m:2", "m:1"),
        (("m:1", "m:2", "m:1"), "m:1 m:2 m:1", "m:2"),
        # the same one twice is one place
        (("m:1", "m:1"), "m:1", None),
        # back to a model that the line doesn't know
        (("m:1", "<m:7"), "m:1 m:7", "m:1"),
        # another model altogether
        (("m:1", "other:4"), "m:1 other:4", "m:1"),
    ],
)
def test_line(swaps: tuple[str, ...], line: str, predecessor: str | None) -> None:
    found = successions(history(*swaps))["alpha"]
    assert " ".join(map(str, found.line)) == line
    assert (None if found.predecessor is None else str(found.predecessor)) == predecessor


def test_live_one_and_its_last_two_predecessors_are_kept() -> None:
    found = successions(history("m:1", "m:2", "m:3", "m:4", "m:5"))["alpha"]
    assert sorted(map(str, found.kept)) == ["m:3", "m:4", "m:5"]
    back = successions(history("m:1", "m:2", "m:3", "m:4", "m:5", "<m:2"))["alpha"]
    assert sorted(map(str, back.kept)) == ["m:1", "m:2", "m:4", "m:5"]


def test_strategies_are_apart_and_without_events_there_are_none() -> None:
    events = [event(0, "activate", "m:1"), event(1, "activate", "m:2", strategy="beta"), event(2, "pause", "")]
    assert {name: str(one.live) for name, one in successions(events).items()} == {"alpha": "m:1", "beta": "m:2"}
    assert successions([]) == {}


def test_order_is_that_of_effect() -> None:
    events = [
        event(0, "activate", "m:1", 0),
        event(1, "activate", "m:3", 300),  # asked for early, acts late
        event(2, "activate", "m:2", 100),
        event(3, "activate", "m:9", 50),  # lost its race: acted from 250
        event(4, "shadow", "m:4", 0),  # not seen yet
        event(5, "activate", "", 10),  # names no model: can't be obeyed
    ]
    ordered = order_of_effect(events, {0: 10, 3: 250})
    assert [one.control_offset for one in ordered] == [0, 2, 3, 1, 4]


def test_event_seen_to_act_from_the_first_bar_comes_first() -> None:
    """A log without bars: version 1 asked for a later bar, version 2 for none and was seen to act from 0."""
    events = [event(0, "activate", "m:1", 1000), event(1, "activate", "m:2")]
    ordered = order_of_effect(events, {0: 1000, 1: 0})
    assert [one.model_version for one in ordered] == [2, 1]
    assert [one.model_version for one in order_of_effect(events, {0: 1000})] == [1, 2]
