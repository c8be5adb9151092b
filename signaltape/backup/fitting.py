"""Do the database, the log and the model files belong together? Asked before services run on what was restored.

Every kept position must lie in the log that is there: one beyond its end means that the database is newer than the
log, and messages that follow would be skipped; one before its beginning means that what comes next has expired.
Services refuse the same at their start, each its own; this says it for all at once, and also of a running pipeline.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from consumers.inference.commit_metadata import from_text
from consumers.inference.errors import CommitRefused
from consumers.ingest.position import standings
from infra.broker.admin import all_offsets, group_offsets
from infra.scoring.errors import ModelRefused
from infra.scoring.files import read_artifact
from infra.settings import Settings
from infra.warehouse.checkpoints import read_checkpoints
from infra.warehouse.connection import Connection, connect
from infra.warehouse.models import artifacts_of, list_models
from infra.warehouse.topic_checks import find_fault
from infra.warehouse.topic_states import topic_states
from schemas.topics import TopicNames
from signaltape.initialisation import CHECKPOINTED, GROUP_TOPICS, group_of


@dataclass(frozen=True, kw_only=True)
class Misfit:
    """Something that does not belong to the rest. where: a service and partition, or a model's file."""

    where: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class Fit:
    """What was looked at: positions of services in the log, and files of registered models."""

    positions: int
    artifacts: int
    misfits: tuple[Misfit, ...]


def check_fit(settings: Settings) -> Fit:
    """Compare every kept position with the log, and every model file with its registration; changes nothing.

    Positions are read before the ends of the log: where services run, the log can only have grown meanwhile.
    Raises BrokerError, TopicError, WarehouseUnavailable.
    """
    misfits: list[Misfit] = []
    with connect(settings, name="signaltape-backup-check") as connection:
        positions = 0
        for service in CHECKPOINTED:
            count, found = _checkpointed(settings, connection, service)
            positions += count
            misfits += found
        artifacts = 0
        for fault in _artifacts(settings, connection):
            artifacts += 1
            misfits += [] if fault is None else [fault]
    for fault in (*_inference(settings), *_ingest(settings)):
        positions += 1
        misfits += [] if fault is None else [fault]
    return Fit(positions=positions, artifacts=artifacts, misfits=tuple(misfits))


def _checkpointed(settings: Settings, connection: Connection, service: str) -> tuple[int, list[Misfit]]:
    """Services that keep their positions in the warehouse; the number of positions, and what is wrong with some."""
    topics = [TopicNames(settings.topics.prefix).of(name) for name in GROUP_TOPICS[service]]
    before = topic_states(settings, group_of(settings, service), topics)  # what Kafka has of the group, first
    kept = {topic: read_checkpoints(connection, service, topic) for topic in topics}
    ends = all_offsets(settings, topics)
    found, count = [], 0
    for (topic, partition), state in sorted(before.items()):
        where = f"{service} on {topic}[{partition}]"
        checkpoint = kept[topic].get(partition)
        count += 1
        if checkpoint is None:
            found.append(Misfit(where=where, detail="has no checkpoint: run `signaltape init`"))
            continue
        low, high = ends[topic][partition]
        now = type(state)(topic_id=state.topic_id, low=low, high=high, committed=state.committed)
        resume = checkpoint.snapshot_offset if service == "features" else checkpoint.effect_offset
        if (fault := find_fault(checkpoint, now, resume)) is not None:
            detail = f"{_WORDS[fault]} (log {low} to {high}, position {resume}, effects to {checkpoint.effect_offset})"
            found.append(Misfit(where=where, detail=detail))
    return count, found


_WORDS: Mapping[str, str] = {
    "recreated": "belongs to another topic of that name",
    "truncated": "lies beyond the end of the log: the database is newer than the log",
    "expired": "lies before the beginning of the log: what comes next is gone",
    "restored": "lies behind what Kafka has committed for the group: the database is older than the log's groups",
}


def _inference(settings: Settings) -> Iterator[Misfit | None]:
    """The inference consumer keeps all that it needs in its offset commits."""
    names = TopicNames(settings.topics.prefix)
    commits = group_offsets(settings, group_of(settings, "inference"), names.features, settings.topics.partitions)
    bounds = all_offsets(settings, [names.features, names.predictions, names.control])
    for partition, commit in sorted(commits.items()):
        where = f"inference on {names.features}[{partition}]"
        low, high = bounds[names.features][partition]
        try:
            known = from_text(None if commit is None else commit[1], where)
        except CommitRefused as error:
            yield Misfit(where=where, detail=str(error))
            continue
        offset = 0 if commit is None else commit[0]
        written_to, decided_to = bounds[names.predictions][partition][1], bounds[names.control][0][1]
        detail = ""
        if not low <= offset <= high:
            detail = f"its offset {offset} lies outside of the log ({low} to {high})"
        elif known.snapshot >= written_to:
            detail = f"its state lies at offset {known.snapshot} of {names.predictions}, which ends at {written_to}"
        elif known.received >= decided_to:
            detail = f"it has received control event {known.received}, but {names.control} ends at {decided_to}"
        yield Misfit(where=where, detail=detail) if detail else None


def _ingest(settings: Settings) -> Iterator[Misfit | None]:
    for (topic, partition), standing in standings(settings).items():
        fault = standing.fault()
        yield None if fault is None else Misfit(where=f"ingest on {topic}[{partition}]", detail=f"its offset: {fault}")


def _artifacts(settings: Settings, connection: Connection) -> Iterator[Misfit | None]:
    for row in list_models(connection):
        if row.removed_at is not None:
            continue
        for file in artifacts_of(connection, row.name, row.version):
            try:
                read_artifact(settings.artifacts, file.path, file.sha256)
            except ModelRefused as error:
                yield Misfit(where=f"model {row.name}:{row.version}", detail=str(error))
            else:
                yield None
