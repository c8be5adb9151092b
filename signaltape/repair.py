"""`repair`: accept that a topic or the database is not what a service's checkpoints remember.

What may have happened is decided partition by partition (`infra.warehouse.topic_checks`): the topic was recreated,
shortened, or has expired, or the database was restored from before. Rows that were written stay.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from consumers.inference.commit_metadata import from_text
from consumers.inference.repair import repair as rebuild_inference
from consumers.ingest.repair import StillRunning
from consumers.ingest.repair import repair as rewind_ingest
from infra.broker.admin import group_offsets, low_high_offsets, set_group_offsets
from infra.errors import OperatorError
from infra.settings import Settings
from infra.warehouse import Connection, MissingCheckpoint, connect
from infra.warehouse.checkpoints import Checkpoint, read_checkpoints
from infra.warehouse.queries import queries
from infra.warehouse.round_writer import Place
from infra.warehouse.topic_checks import RepairPlan, apply_repair, plan_repair
from infra.warehouse.topic_states import topic_states
from schemas.topics import TopicNames
from signaltape.initialisation import CHECKPOINTED, GROUP_TOPICS, group_of
from signaltape.stopped import when_stopped

#: Services whose state lies in a snapshot behind the effects; the others go on from the effects themselves.
_WITH_SNAPSHOT = ("features",)


class RepairRefused(OperatorError):
    """Going on would lose something that can still be had; the message says what to do first."""


@dataclass(frozen=True, kw_only=True)
class RepairedPartition:
    """What was done: the fault found, and where the service reads on."""

    topic: str
    partition: int
    fault: str
    offset: int
    generation: int


def repair(
    settings: Settings, service: str, topic: str | None = None, *, discard: bool = False
) -> list[RepairedPartition]:
    """Repair a stopped service's partitions that are at fault, of one topic or all; those in order stay as they are.

    1. Find the faults.
    2. Where the feature agent must begin a new chain: check that the chain's readers have taken the old one to its
       end (`discard` gives up what they haven't).
    3. Set the group's offsets in Kafka. This fails while a member runs, before anything has changed.
    4. One transaction: checkpoints, with a new generation and epoch.

    A crash between 3 and 4 leaves the faults to be found again. Raises RepairRefused, BrokerError.
    """
    if service == "inference":
        return _repair_inference(settings)
    if service == "ingest":
        return _repair_ingest(settings, topic)
    if service not in CHECKPOINTED:
        raise RepairRefused(
            f"service {service!r} keeps no state that could disagree with a topic; known are "
            f"{', '.join((*CHECKPOINTED, 'inference', 'ingest'))}"
        )
    with connect(settings, name="signaltape-repair") as connection:
        plans = _plans(connection, settings, service, topic)
        if not plans:
            return []
        anew = sorted(place[1] for place, (_, plan) in plans.items() if not plan.keep_snapshot)
        followers = _chain_followers(settings, anew, discard=discard) if service == "features" and anew else {}
        offsets = {place: (plan.snapshot_offset, "") for place, (_, plan) in plans.items()}
        if service not in _WITH_SNAPSHOT:
            offsets = {place: (plan.effect_offset, "") for place, (_, plan) in plans.items()}
        when_stopped(lambda: set_group_offsets(settings, group_of(settings, service), offsets), service, RepairRefused)
        if followers:
            when_stopped(
                lambda: set_group_offsets(settings, group_of(settings, "inference"), followers),
                "inference",
                RepairRefused,
            )
        with connection.transaction():
            done = [_apply(connection, place, *plans[place]) for place in sorted(plans)]
            if followers or service == "drift":
                _forget_drift(connection, settings, forget=bool(anew))
    return done


def _plans(
    connection: Connection, settings: Settings, service: str, topic: str | None
) -> dict[Place, tuple[Checkpoint, RepairPlan]]:
    wanted = _wanted(settings, service, topic)
    states = topic_states(settings, group_of(settings, service), wanted)
    plans = {}
    for name in wanted:
        known = read_checkpoints(connection, service, name)
        for place, state in ((place, state) for place, state in states.items() if place[0] == name):
            if place[1] not in known:
                raise MissingCheckpoint(f"{service} has no checkpoint for {name}[{place[1]}]: run `signaltape init`")
            checkpoint = known[place[1]]
            resume = checkpoint.snapshot_offset if service in _WITH_SNAPSHOT else checkpoint.effect_offset
            plan = plan_repair(checkpoint, state, resume)
            if plan.fault is not None:
                plans[place] = (checkpoint, plan)
    return plans


def _wanted(settings: Settings, service: str, topic: str | None) -> list[str]:
    """The service's topics, or the one of them that was asked for."""
    names = TopicNames(settings.topics.prefix)
    topics = [names.of(name) for name in GROUP_TOPICS[service]]
    if topic is not None and topic not in topics:
        raise RepairRefused(f"{service} does not read {topic}; it reads {', '.join(topics)}")
    return topics if topic is None else [topic]


def _apply(connection: Connection, place: Place, checkpoint: Checkpoint, plan: RepairPlan) -> RepairedPartition:
    generation = apply_repair(connection, checkpoint, plan)
    return RepairedPartition(
        topic=place[0], partition=place[1], fault=str(plan.fault), offset=plan.effect_offset, generation=generation
    )


def _chain_followers(
    settings: Settings, partitions: Sequence[int], *, discard: bool
) -> Mapping[Place, tuple[int, str]]:
    """Commits with which the inference consumer follows a chain that begins anew, behind all of the old one."""
    names, group = TopicNames(settings.topics.prefix), group_of(settings, "inference")
    commits = group_offsets(settings, group, names.features, settings.topics.partitions)
    bounds = low_high_offsets(settings, names.features)
    found: dict[Place, tuple[int, str]] = {}
    for partition in partitions:
        commit, high = commits[partition], bounds[partition][1]
        where = f"{names.features}[{partition}]"
        metadata = from_text(None if commit is None else commit[1], where)
        behind = high - (0 if commit is None else commit[0])
        if behind and not discard:
            raise RepairRefused(
                f"{behind} messages of {where} were not taken by the inference consumer: let `signaltape run inference`"
                " and `signaltape run drift` finish and stop them, then repeat; or give them up with --discard"
            )
        anew = replace(metadata, standing=replace(metadata.standing, fence=None, partition_time=None), snapshot=-1)
        found[names.features, partition] = (high, anew.to_text())
    return found


def _forget_drift(connection: Connection, settings: Settings, *, forget: bool) -> None:
    """The drift agent's memory follows the chain of `returns` as well: it begins anew with it."""
    names = TopicNames(settings.topics.prefix)
    if not forget:
        return
    connection.execute(queries("repair")["forget drift state"], {"key": f"{settings.topics.prefix}monitor"})
    topics = [names.predictions, names.returns]
    connection.execute(queries("repair")["new drift generation"], {"topics": topics})


def _repair_inference(settings: Settings) -> list[RepairedPartition]:
    topic = TopicNames(settings.topics.prefix).features
    done = when_stopped(lambda: rebuild_inference(settings), "inference", RepairRefused)
    return [
        RepairedPartition(topic=topic, partition=one.partition, fault="no state", offset=one.offset, generation=0)
        for one in done
    ]


def _repair_ingest(settings: Settings, topic: str | None) -> list[RepairedPartition]:
    topics = _wanted(settings, "ingest", topic)
    try:
        done = rewind_ingest(settings, topics)
    except StillRunning as error:
        raise RepairRefused(str(error)) from error
    return [
        RepairedPartition(topic=one.place[0], partition=one.place[1], fault=one.fault, offset=one.offset, generation=0)
        for one in done
    ]
