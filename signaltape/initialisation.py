"""Making a place to run in: topics, tables, checkpoints and explicit group offsets. What exists is never changed."""

from collections.abc import Mapping
from dataclasses import dataclass

from consumers.inference import commit_metadata
from infra.broker.admin import all_offsets, create_topics, ensure_group_offsets, group_offsets, topic_ids
from infra.errors import OperatorError
from infra.restore_mark import require_whole
from infra.settings import Settings
from infra.warehouse import Connection, connect, migrate
from infra.warehouse.checkpoints import ensure_rows, read_checkpoints
from schemas.topics import TopicNames

#: Service → topics (names of the topic table) that its consumer group reads.
GROUP_TOPICS: Mapping[str, tuple[str, ...]] = {
    "ingest": ("bars-in", "control"),
    "features": ("bars",),
    "inference": ("features",),
    "drift": ("predictions", "returns"),
    "store": ("predictions", "signals", "control"),
    "responder": ("alerts",),
}
#: Services that keep their offsets in the warehouse, together with what they write there.
CHECKPOINTED = ("features", "drift", "store", "responder")
#: Services that act on what is new: what is there before they first are is none of their business.
_FROM_NOW_ON = ("responder",)
_READ = tuple(sorted({topic for topics in GROUP_TOPICS.values() for topic in topics}))


class InitError(OperatorError):
    """What is there can't be completed without losing or repeating something; the message says what to do."""


@dataclass(frozen=True, kw_only=True)
class InitReport:
    """What was made by this run; all empty if everything was there. ``notice``: what to know about the database."""

    topics: tuple[str, ...]
    migrations: tuple[str, ...]
    checkpoints: int
    offsets: int
    notice: str | None


@dataclass(frozen=True, kw_only=True)
class _Topic:
    """A topic as the broker has it: ``low`` and ``high`` are the first and the next offset by partition."""

    name: str
    topic_id: str
    low: dict[int, int]
    high: dict[int, int]


def group_of(settings: Settings, service: str) -> str:
    """Return the name of a service's consumer group."""
    return f"{settings.topics.prefix}signaltape-{service}"


def initialise(settings: Settings) -> InitReport:
    """Make what is missing, in an order that a crash at any place leaves completable by another run.

    1. topics (one that exists with another number of partitions is refused);
    2. tables;
    3. checkpoints, at the first offset of each partition (of alerts: at the end, old ones are not acted on);
    4. group offsets, at the checkpoint where the service keeps one. A group without offsets reads nothing: services
       refuse to guess where to start.

    Raises HalfRestored, before anything is made, where a restore into the home folder was broken off.
    """
    require_whole(settings.home)
    created = create_topics(settings)
    migrated = migrate(settings)
    topics = _describe(settings)
    with connect(settings, name="signaltape-init") as connection:
        checkpoints = _ensure_checkpoints(connection, topics)
        starts = {service: _starts(connection, service, topics) for service in GROUP_TOPICS}
    _refuse_lost_inference_offsets(settings, topics)
    offsets = sum(
        ensure_group_offsets(settings, group_of(settings, service), places) for service, places in starts.items()
    )
    return InitReport(
        topics=tuple(created),
        migrations=migrated.applied,
        checkpoints=checkpoints,
        offsets=offsets,
        notice=migrated.notice,
    )


def _describe(settings: Settings) -> dict[str, _Topic]:
    names = TopicNames(settings.topics.prefix)
    full = {topic: names.of(topic) for topic in _READ}
    ids = topic_ids(settings, list(full.values()))
    bounds_of = all_offsets(settings, list(full.values()))
    found = {}
    for topic, name in full.items():
        bounds = bounds_of[name]
        low = {partition: places[0] for partition, places in bounds.items()}
        high = {partition: places[1] for partition, places in bounds.items()}
        found[topic] = _Topic(name=name, topic_id=ids[name], low=low, high=high)
    return found


def _ensure_checkpoints(connection: Connection, topics: Mapping[str, _Topic]) -> int:
    made = 0
    for service in CHECKPOINTED:
        for topic in (topics[name] for name in GROUP_TOPICS[service]):
            starts = topic.high if service in _FROM_NOW_ON else topic.low
            made += ensure_rows(connection, service, topic.name, topic.topic_id, starts)
    return made


def _starts(
    connection: Connection, service: str, topics: Mapping[str, _Topic]
) -> dict[tuple[str, int], tuple[int, str]]:
    """Return (topic, partition) → (offset, metadata) at which a group without offsets begins."""
    metadata = commit_metadata.initial() if service == "inference" else ""
    starts = {}
    for topic in (topics[name] for name in GROUP_TOPICS[service]):
        known = read_checkpoints(connection, service, topic.name) if service in CHECKPOINTED else {}
        for partition, low in topic.low.items():
            offset = known[partition].snapshot_offset if partition in known else low
            starts[topic.name, partition] = (offset, metadata)
    return starts


def _refuse_lost_inference_offsets(settings: Settings, topics: Mapping[str, _Topic]) -> None:
    """Raise ``InitError`` where the inference group has lost its offsets: starting anew would repeat signals."""
    source, written = topics["features"], topics["predictions"]
    known = group_offsets(settings, group_of(settings, "inference"), source.name, len(source.low))
    lost = [partition for partition, place in known.items() if place is None and written.high[partition] > 0]
    if lost:
        raise InitError(
            f"group {group_of(settings, 'inference')} has no offsets on partitions {lost} of {source.name}, but"
            f" {written.name} holds what it wrote: starting anew would repeat signals."
            " Run `signaltape repair --service inference`"
        )
