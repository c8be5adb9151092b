"""Checkpoints: how far a service has got on each partition, and who may write there.

`effect_offset`: every message below it has all its effects. `snapshot_offset`: the kept state is the one before this
message. `epoch` is raised by each process that takes the partition, so that one that was replaced finds itself stale.
`generation` counts the logs that this database has seen; it is part of the revision of every derived row.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from psycopg.errors import LockNotAvailable

from infra.warehouse.connection import Connection
from infra.warehouse.errors import MissingCheckpoint, StaleEpoch, WarehouseError
from infra.warehouse.moments import to_moment
from infra.warehouse.queries import queries
from schemas.intervals import session_end, session_of

#: Rounds take well below a second: a successor waits this long for one of its predecessor's.
PREDECESSOR_S = 5
_log = logging.getLogger(__name__)
#: Bits of a derived row's revision that hold the source offset.
OFFSET_BITS = 40
_COLUMNS = (
    "topic_id",
    "generation",
    "first_generation",
    "epoch",
    "effect_offset",
    "snapshot_offset",
    "snapshot",
)


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """One row of `checkpoints`, as it was when the epoch was taken.

    first_generation: the one in which the topic as it is now was first seen.
    """

    service: str
    topic: str
    partition: int
    topic_id: str
    generation: int
    first_generation: int
    epoch: int
    effect_offset: int
    snapshot_offset: int
    snapshot: bytes | None


@dataclass(frozen=True, kw_only=True)
class KeptSnapshot:
    """A copy of an engine's state for cold starts: the state before `source_offset`, at `event_time` (ns UTC)."""

    partition: int
    source_offset: int
    event_time: int
    code_hash: str
    sets_hash: str
    generation: int
    snapshot: bytes


def revision_of(generation: int, source_offset: int) -> int:
    """Revision of a row derived from the message at `source_offset` in the log's `generation`.

    Generation 0 is backfill, which lies in no log: its rows have revision 0.
    """
    return 0 if generation == 0 else generation << OFFSET_BITS | (source_offset + 1)


def ensure_rows(
    connection: Connection, service: str, topic: str, topic_id: str, starts: Mapping[int, int] | Iterable[int]
) -> int:
    """Create the missing checkpoints and return how many; existing ones are left alone.

    `starts`: partitions, each with its first offset (0 where only partitions are given).
    """
    places = dict(starts) if isinstance(starts, Mapping) else dict.fromkeys(starts, 0)
    values = {"service": service, "topic": topic, "topic_id": topic_id}
    values |= {"partitions": list(places), "starts": list(places.values())}  # type: ignore[dict-item]
    return connection.execute(queries("checkpoints")["ensure"], values).rowcount


def take_epoch(connection: Connection, service: str, topic: str, partition: int) -> Checkpoint:
    """Take the partition: raise its epoch and return its checkpoint. Raises MissingCheckpoint before `signaltape init`.

    1. Wait for a transaction that writes under the epoch before, up to `PREDECESSOR_S`.
    2. One that takes longer belongs to a process that is frozen, maybe in the middle of a statement, where no timeout
       of the server's ends it. Its session is ended, which undoes its round; should it go on, it finds itself stale.
    3. Wait again; a lock that nobody of this service holds raises LockNotAvailable, like a server that is away.
    """
    place = {"service": service, "topic": topic, "partition": partition}
    take = queries("checkpoints")["take"]
    try:
        with connection.transaction():
            connection.execute(f"SET LOCAL lock_timeout TO '{PREDECESSOR_S}s'")  # 1.
            row = connection.execute(take, place).fetchone()
    except LockNotAvailable:
        ended = connection.execute(queries("checkpoints")["end predecessor"], place).rowcount  # 2.
        _log.warning("%s %s[%d]: sessions of a predecessor ended: %d", service, topic, partition, ended)
        with connection.transaction():
            connection.execute(f"SET LOCAL lock_timeout TO '{PREDECESSOR_S}s'")
            row = connection.execute(take, place).fetchone()  # 3.
    if row is None:
        raise MissingCheckpoint(f"{service} has no checkpoint for {topic} partition {partition}: run `signaltape init`")
    return Checkpoint(service=service, topic=topic, partition=partition, **dict(zip(_COLUMNS, row, strict=True)))


def read_checkpoints(connection: Connection, service: str, topic: str) -> dict[int, Checkpoint]:
    """The checkpoints of a service by partition, without taking them."""
    found = {}
    for row in connection.execute(queries("checkpoints")["read"], {"service": service, "topic": topic}):
        values = dict(zip(_COLUMNS, row[1:], strict=True))
        found[row[0]] = Checkpoint(service=service, topic=topic, partition=row[0], **values)
    return found


def advance(connection: Connection, service: str, topic: str, place: tuple[int, int], effect_offset: int) -> bool:
    """Move one partition, `place` = (partition, epoch), forward; see `advance_all`. False: it was there already."""
    return bool(advance_all(connection, service, topic, [(*place, effect_offset)]))


def advance_all(
    connection: Connection, service: str, topic: str, rounds: Sequence[tuple[int, int, int]]
) -> frozenset[int]:
    """Move `effect_offset` of each (partition, epoch, next offset) forward, inside the caller's transaction.

    Returns the partitions that moved. One that didn't is at or beyond its offset under the same epoch: its round was
    written before (an ambiguous commit that went through), and must not be written again. Raises StaleEpoch if
    another process has taken a partition since.
    """
    named = queries("checkpoints")
    rounds = sorted(rounds)
    place = {"service": service, "topic": topic, "partitions": [one[0] for one in rounds]}
    values = place | {"epochs": [one[1] for one in rounds], "offsets": [one[2] for one in rounds]}
    moved = frozenset(row[0] for row in connection.execute(named["advance"], values))
    if len(moved) < len(rounds):
        kept = {row[0]: row[1:] for row in connection.execute(named["position"], place)}
        for partition, epoch, _ in rounds:
            _require_epoch(f"{service} on {topic} partition {partition}", epoch, kept.get(partition))
    return moved


def save_snapshot(connection: Connection, taken: Checkpoint, snapshot_offset: int, snapshot: bytes) -> None:
    """Keep the state before `snapshot_offset`, durably; only then may the group's offset be committed to Kafka.

    Raises StaleEpoch if another process has taken the partition, WarehouseError for a snapshot that goes back or
    that is ahead of the effects (a restart from it would skip some).
    """
    named = queries("checkpoints")
    place = {"service": taken.service, "topic": taken.topic, "partition": taken.partition}
    values = place | {"epoch": taken.epoch, "offset": snapshot_offset, "snapshot": snapshot}
    if connection.execute(named["save snapshot"], values).fetchone() is not None:
        return
    name = f"{taken.service} on {taken.topic} partition {taken.partition}"
    kept = connection.execute(named["position"], {**place, "partitions": [taken.partition]}).fetchone()
    _require_epoch(name, taken.epoch, kept[1:] if kept else None)
    raise WarehouseError(
        f"snapshot of {name} before offset {snapshot_offset} is refused: it is older than the one kept, or ahead of "
        f"the effects (below {kept[2] if kept else '?'})"
    )


def keep_snapshot(connection: Connection, kept: KeptSnapshot) -> None:
    """Add a snapshot to those kept for cold starts; one that is there already stays as it is."""
    values = {
        "partition": kept.partition,
        "source_offset": kept.source_offset,
        "session": to_moment(session_end(session_of(kept.event_time))),
        "event_time": to_moment(kept.event_time),
        "code_hash": kept.code_hash,
        "sets_hash": kept.sets_hash,
        "generation": kept.generation,
        "snapshot": kept.snapshot,
    }
    connection.execute(queries("checkpoints")["keep snapshot"], values)


def _require_epoch(name: str, epoch: int, kept: tuple[int, ...] | None) -> None:
    if kept is None:
        raise MissingCheckpoint(f"{name} has no checkpoint: run `signaltape init`")
    if kept[0] != epoch:
        raise StaleEpoch(f"{name} was taken by another process (epoch {kept[0]}, ours is {epoch}): this one stops")
