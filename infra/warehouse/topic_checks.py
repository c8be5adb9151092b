"""Does a checkpoint belong to the topic as it is now, and if not, what does repairing it mean?"""

from dataclasses import dataclass
from typing import Literal

from infra.warehouse.checkpoints import Checkpoint
from infra.warehouse.connection import Connection
from infra.warehouse.errors import TopicMismatch
from infra.warehouse.queries import queries

Fault = Literal["recreated", "truncated", "expired", "restored"]


@dataclass(frozen=True, kw_only=True)
class TopicState:
    """A partition of a topic as the broker has it. committed: the group's offset in Kafka, None if it has none."""

    topic_id: str
    low: int
    high: int
    committed: int | None = None


@dataclass(frozen=True, kw_only=True)
class RepairPlan:
    """What a checkpoint becomes; `new_log`: the offsets count in another log than before."""

    fault: Fault | None
    topic_id: str
    effect_offset: int
    snapshot_offset: int
    keep_snapshot: bool
    new_log: bool


def find_fault(checkpoint: Checkpoint, topic: TopicState, resume: int) -> Fault | None:
    """Compare a checkpoint with its topic; `resume` is the first offset that the service has to read."""
    if checkpoint.topic_id != topic.topic_id:
        return "recreated"
    if max(resume, checkpoint.effect_offset) > topic.high:
        return "truncated"
    if resume < topic.low:
        return "expired"
    if topic.committed is not None and topic.committed > resume:
        return "restored"
    return None


def verify_topic(checkpoint: Checkpoint, topic: TopicState, resume: int | None = None) -> None:
    """Raise TopicMismatch, with the repair command, if the checkpoint does not belong to the topic as it is.

    `resume`: where the service reads on, by default the snapshot's offset.
    """
    start = checkpoint.snapshot_offset if resume is None else resume
    fault = find_fault(checkpoint, topic, start)
    if fault is None:
        return
    reasons = {
        "recreated": f"the topic was recreated: its id is {topic.topic_id}, the checkpoint's {checkpoint.topic_id}",
        "truncated": f"the topic ends at {topic.high}, before the checkpoint's {max(start, checkpoint.effect_offset)}",
        "expired": f"the topic begins at {topic.low}; what the checkpoint needs from {start} on has expired",
        "restored": f"the database was restored from before: Kafka has the group at {topic.committed},"
        f" the checkpoint at {start}",
    }
    raise TopicMismatch(
        f"{checkpoint.service} cannot go on with {checkpoint.topic} partition {checkpoint.partition}: {reasons[fault]}."
        f" To accept this: stop the service, then `signaltape repair --service {checkpoint.service}"
        f" --topic {checkpoint.topic}`"
    )


def plan_repair(checkpoint: Checkpoint, topic: TopicState, resume: int) -> RepairPlan:
    """Decide what the checkpoint becomes; rows written before stay as they are.

    A restored database is consistent in itself (rows, offsets and snapshot were written together): reading on from
    its own offsets writes again what it lost. For another or shortened log the service starts anew at its begin.
    """
    fault = find_fault(checkpoint, topic, resume)
    if fault is None or fault == "restored":
        return RepairPlan(
            fault=fault,
            topic_id=topic.topic_id,
            effect_offset=checkpoint.effect_offset,
            snapshot_offset=checkpoint.snapshot_offset,
            keep_snapshot=True,
            new_log=False,
        )
    return RepairPlan(
        fault=fault,
        topic_id=topic.topic_id,
        effect_offset=topic.low,
        snapshot_offset=topic.low,
        keep_snapshot=False,
        new_log=fault != "expired",
    )


def apply_repair(connection: Connection, checkpoint: Checkpoint, plan: RepairPlan) -> int:
    """Write the plan, with a new epoch, so that a process that still runs finds itself stale; the new generation."""
    values = {
        "service": checkpoint.service,
        "topic": checkpoint.topic,
        "partition": checkpoint.partition,
        "topic_id": plan.topic_id,
        "new_log": plan.new_log,
        "effect_offset": plan.effect_offset,
        "snapshot_offset": plan.snapshot_offset,
        "keep_snapshot": plan.keep_snapshot,
    }
    row = connection.execute(queries("checkpoints")["repair"], values).fetchone()
    if row is None:
        raise TopicMismatch(f"{checkpoint.service} has no checkpoint for {checkpoint.topic}: run `signaltape init`")
    return int(row[0])
