"""Has everything that was published flowed through? Asked of the broker and the checkpoints, not of the services."""

import time
from collections.abc import Callable, Iterator

from infra.broker.admin import group_offsets, low_high_offsets
from infra.broker.reading import read_topic
from infra.broker.stability import under_way
from infra.settings import Settings
from infra.warehouse.checkpoints import read_checkpoints
from infra.warehouse.connection import Connection, connect
from schemas.topics import TopicNames

_LOOK_EVERY_S = 0.2


def waiting(settings: Settings, connection: Connection, *, ingest: bool = True) -> Iterator[tuple[str, int]]:
    """Yield (stage, messages that wait before it) in the flow's order; nothing at all once everything has its effects.

    ``ingest``: False where none runs, as in a replay.

    Stops at the first stage that isn't through, because what follows can't be through either. Topics written in
    transactions are read from the checkpoint on, since their end offsets count markers. A partition on which a
    transaction hasn't ended counts as one message.
    """
    names = TopicNames(settings.topics.prefix)
    partitions = settings.topics.partitions
    if ingest:
        bars_in = _behind_group(settings, "ingest", names.bars_in, partitions)
        control = _behind_group(settings, "ingest", names.control, 1)
        if bars_in + control:
            yield "ingest", bars_in + control
            return
    done = {p: point.effect_offset for p, point in read_checkpoints(connection, "features", names.bars).items()}
    behind = sum(high - done.get(p, 0) for p, (_, high) in low_high_offsets(settings, names.bars).items())
    if behind:
        yield "features", behind
        return
    behind = _behind_group(settings, "inference", names.features, partitions)
    # Its offsets are committed a moment before what belongs to them can be read and seen to wait before the store.
    written = [(topic, partition) for topic in (names.predictions, names.signals) for partition in range(partitions)]
    behind = behind or len(under_way(settings, written))
    if behind:
        yield "inference", behind
        return
    for service, topics in (
        ("store", (names.predictions, names.signals, names.control)),
        ("drift", (names.predictions, names.returns)),
    ):
        behind = sum(_unread(settings, connection, service, topic) for topic in topics)
        if behind:
            yield service, behind
    unpublished = connection.execute("SELECT count(*) FROM alerts WHERE published_at IS NULL").fetchone()
    if unpublished is not None and unpublished[0]:
        yield "alerts", unpublished[0]


def unanswered(settings: Settings, connection: Connection) -> Iterator[tuple[str, int]]:
    """Yield ("responder", alerts that it has not taken) if there are any; it must be running to take them."""
    alerts = TopicNames(settings.topics.prefix).alerts
    # Alerts that were committed a moment ago can't be read yet.
    behind = _unread(settings, connection, "responder", alerts) or len(under_way(settings, [(alerts, 0)]))
    if behind:
        yield "responder", behind


def _behind_group(settings: Settings, service: str, topic: str, partitions: int) -> int:
    group = f"{settings.topics.prefix}signaltape-{service}"
    done = group_offsets(settings, group, topic, partitions)
    ends = low_high_offsets(settings, topic)
    return sum(high - (place[0] if (place := done.get(p)) is not None else 0) for p, (_, high) in ends.items())


def _unread(settings: Settings, connection: Connection, service: str, topic: str) -> int:
    starts = {p: point.effect_offset for p, point in read_checkpoints(connection, service, topic).items()}
    return sum(1 for _ in read_topic(settings, topic, from_offsets=starts))


def await_through(
    settings: Settings, deadline_s: float, say: Callable[[str], None] = lambda _: None
) -> list[tuple[str, int]]:
    """Wait until everything that was published has its effects; what ``waiting`` yields at the deadline, if anything.

    ``say`` is told each time that what waits has changed. Raises BrokerError, WarehouseUnavailable.
    """
    until, told = time.monotonic() + deadline_s, ""
    with connect(settings, name="signaltape-draining") as connection:
        while left := list(waiting(settings, connection)):
            if time.monotonic() > until:
                return left
            text = ", ".join(f"{count:,} messages wait before {stage}" for stage, count in left)
            if text != told:
                say(text)
                told = text
            time.sleep(_LOOK_EVERY_S)
    return []
