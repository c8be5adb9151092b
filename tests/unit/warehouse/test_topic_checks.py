"""Which checkpoint belongs to which topic, and what a repair makes of those that don't."""

import pytest

from infra.warehouse.checkpoints import Checkpoint, revision_of
from infra.warehouse.errors import TopicMismatch
from infra.warehouse.topic_checks import TopicState, find_fault, plan_repair, verify_topic


def checkpoint(effect: int = 50, snapshot: int = 40, topic_id: str = "a") -> Checkpoint:
    return Checkpoint(
        service="features",
        topic="bars.v1",
        partition=2,
        topic_id=topic_id,
        generation=3,
        first_generation=1,
        epoch=7,
        effect_offset=effect,
        snapshot_offset=snapshot,
        snapshot=b"state",
    )


def topic(low: int = 0, high: int = 100, committed: int | None = 40, topic_id: str = "a") -> TopicState:
    return TopicState(topic_id=topic_id, low=low, high=high, committed=committed)


@pytest.mark.parametrize(
    ("kept", "now", "fault"),
    [
        (checkpoint(), topic(), None),
        (checkpoint(), topic(high=50), None),  # everything read, nothing waiting
        (checkpoint(), topic(low=40), None),  # all that is needed is just there
        (checkpoint(), topic(committed=None), None),  # the group has committed nothing yet
        (checkpoint(), topic(committed=12), None),  # Kafka's offset is only a lower bound
        (checkpoint(0, 0), topic(high=0, committed=0), None),  # an empty topic
        (checkpoint(), topic(topic_id="b"), "recreated"),
        (checkpoint(), topic(topic_id="b", low=45), "recreated"),  # the id decides before offsets do
        (checkpoint(), topic(high=49), "truncated"),
        (checkpoint(), topic(low=41), "expired"),
        (checkpoint(), topic(committed=41), "restored"),
    ],
)
def test_faults(kept: Checkpoint, now: TopicState, fault: str | None) -> None:
    assert find_fault(kept, now, kept.snapshot_offset) == fault
    if fault is None:
        verify_topic(kept, now)
    else:
        with pytest.raises(TopicMismatch, match=r"signaltape repair --service features --topic bars\.v1"):
            verify_topic(kept, now)


def test_a_service_without_snapshots_needs_only_what_has_no_effects() -> None:
    assert find_fault(checkpoint(), topic(low=50, committed=50), 50) is None
    assert find_fault(checkpoint(), topic(low=51), 50) == "expired"


@pytest.mark.parametrize(
    ("now", "effect", "snapshot", "keep", "new_log"),
    [
        (topic(topic_id="b", high=10, committed=None), 0, 0, False, True),
        (topic(high=30), 0, 0, False, True),  # shortened: offsets count other messages now
        (topic(low=60), 60, 60, False, False),
        (topic(committed=45), 50, 40, True, False),  # what was written after the copy is written again
    ],
)
def test_plans(now: TopicState, effect: int, snapshot: int, *, keep: bool, new_log: bool) -> None:
    plan = plan_repair(checkpoint(), now, 40)
    assert (plan.effect_offset, plan.snapshot_offset) == (effect, snapshot)
    assert (plan.keep_snapshot, plan.new_log, plan.topic_id) == (keep, new_log, now.topic_id)


def test_revisions_order_by_generation_then_offset() -> None:
    assert revision_of(1, 0) == (1 << 40) + 1
    assert revision_of(1, 2**39) < revision_of(2, 0)
    assert revision_of(2, 5) < revision_of(2, 6)
