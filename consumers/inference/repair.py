"""Offset commits that lost their state, rebuilt from what the log holds.

For each partition of ``features`` whose commit is missing or carries no readable state:

1. the newest ``RouterSnapshot`` in ``predictions`` is the base (none: the beginning of ``features``);
2. how far the service had come follows from what it published: the last source message with predictions or a
   forwarded watermark, or the last control event with a notice, whichever is later. Messages beyond it had no
   effects, so taking them again repeats nothing;
3. control state, head and watermark: the messages of ``features`` from the base to there, as the service takes them;
4. ``seq``: one after the last of ``signals``.

Refused where the topics no longer reach back far enough, for a commit that can be read too: what has expired before it
was taken can't be made up for. The service must be stopped.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from consumers.inference.commit_metadata import CommitMetadata, from_text
from consumers.inference.errors import CommitRefused
from consumers.inference.restore import control_events
from infra.broker.admin import group_offsets, low_high_offsets, set_group_offsets
from infra.broker.reading import Record, read_topic
from infra.settings import Settings
from pipeline.chain import Fence
from pipeline.control import ControlState
from pipeline.routing.partition import Standing
from pipeline.routing.router_state import RouterState
from schemas.bars import Watermark
from schemas.codec import Message, decode_any
from schemas.control import ControlEvent
from schemas.errors import DecodeError
from schemas.features import FeatureBatch
from schemas.predictions import PredictionBatch, RouterSnapshot
from schemas.signals import Heartbeat, Notice, Signal
from schemas.topics import TopicNames


@dataclass(frozen=True, kw_only=True, slots=True)
class Repaired:
    """One partition's new commit."""

    partition: int
    offset: int
    standing: Standing


@dataclass(slots=True)
class _Published:
    """What the service is known to have published for one partition."""

    snapshot: tuple[int, RouterSnapshot] | None = None
    source: int = -1
    control: int = -1
    seq: int = 0


def repair(settings: Settings) -> list[Repaired]:
    """Rebuild and commit what is missing; returns the partitions that were repaired.

    Raises ``CommitRefused`` where that is impossible, ``BrokerError`` while the service still runs.
    """
    names = TopicNames(settings.topics.prefix)
    group = f"{settings.topics.prefix}signaltape-inference"
    commits = group_offsets(settings, group, names.features, settings.topics.partitions)
    lost = _lost(commits, names.features)
    _refuse_expired(settings, names, {partition: one for partition, one in commits.items() if partition not in lost})
    if not lost:
        return []
    published = {partition: _Published() for partition in lost}
    _read_predictions(settings, names, published)
    _read_signals(settings, names, published)
    found = [_rebuild(settings, names, partition, published[partition]) for partition in lost]
    set_group_offsets(settings, group, {(names.features, one.partition): (one.offset, text) for one, text in found})
    return [one for one, _ in found]


def _lost(commits: dict[int, tuple[int, str] | None], topic: str) -> list[int]:
    lost = []
    for partition, commit in commits.items():
        try:
            from_text(commit[1] if commit is not None else None, f"{topic}[{partition}]")
        except CommitRefused:
            lost.append(partition)
    return lost


def _refuse_expired(settings: Settings, names: TopicNames, commits: dict[int, tuple[int, str] | None]) -> None:
    """Raise ``CommitRefused`` for a readable commit whose place, or whose router snapshot, is in no topic any more."""
    features, predictions = (low_high_offsets(settings, topic) for topic in (names.features, names.predictions))
    for partition, commit in commits.items():
        assert commit is not None  # such a one is lost
        needs = [(names.features, commit[0], features[partition])]
        if (snapshot := from_text(commit[1], names.features).snapshot) >= 0:
            needs.append((names.predictions, snapshot, predictions[partition]))
        for topic, needed, (low, high) in needs:
            if not low <= needed <= high:
                raise CommitRefused(
                    f"{topic}[{partition}] holds offsets {low} to {high}, the service needs it from {needed} on: it "
                    "was away for longer than the topic is kept, or the topic was recreated, and nothing can make up "
                    "for that. Start under a new prefix, or restore the topic from a copy"
                )


def _read_predictions(settings: Settings, names: TopicNames, published: dict[int, _Published]) -> None:
    for record in _records(settings, names.predictions, published):
        message, known = _decoded(record), published[record.partition]
        if isinstance(message, RouterSnapshot):
            known.snapshot = (record.offset, message)
            known.source = max(known.source, message.fence[0])
        elif isinstance(message, PredictionBatch):
            known.source = max(known.source, message.source_position[0])
        elif isinstance(message, Watermark) and message.link is not None:
            known.source = max(known.source, message.link.position[0])


def _read_signals(settings: Settings, names: TopicNames, published: dict[int, _Published]) -> None:
    for record in _records(settings, names.signals, published):
        message, known = _decoded(record), published[record.partition]
        if isinstance(message, Signal | Heartbeat | Notice):
            known.seq = message.seq + 1
        if isinstance(message, Notice):
            known.control = max(known.control, message.control_offset)


def _rebuild(settings: Settings, names: TopicNames, partition: int, known: _Published) -> tuple[Repaired, str]:
    """Steps 2 and 3 for one partition: walk ``features`` from the base to the last message with an effect."""
    low = low_high_offsets(settings, names.features)[partition][0]
    standing, control, start = _base(settings, known)
    if start < low:
        raise CommitRefused(
            f"{names.features}[{partition}] begins at offset {low}, but its state can only be rebuilt from offset "
            f"{start} on: retention has passed. Start under a new prefix, or restore the topic from a copy"
        )
    fence, head, time = Fence(standing.fence), standing.head, standing.partition_time
    best = (start, standing, control.received, control.kept())
    for record in read_topic(settings, names.features, from_offsets={partition: start}):
        message = _decoded(record)
        if not isinstance(message, FeatureBatch | Watermark | ControlEvent) or message.link is None:
            continue
        if not fence.take(message.link):
            continue
        if isinstance(message, FeatureBatch) and message.kind == "live":
            head = message.event_time if head is None else max(head, message.event_time)
        elif isinstance(message, Watermark):
            time = message.partition_time
        elif isinstance(message, ControlEvent):
            control.receive(message, head, time)
        noticed = isinstance(message, ControlEvent) and message.control_offset <= known.control
        had_effect = noticed or message.link.position[0] <= known.source
        if message.link.closes_source and had_effect:
            reached = Standing(fence=message.link.position, head=head, partition_time=time, seq=0)
            best = (record.offset + 1, reached, control.received, control.kept())
    offset, reached, received, kept = best
    reached = replace(reached, seq=known.seq)
    snapshot = -1 if known.snapshot is None else known.snapshot[0]
    metadata = CommitMetadata(standing=reached, snapshot=snapshot, received=received, kept=kept)
    return Repaired(partition=partition, offset=offset, standing=reached), metadata.to_text()


def _base(settings: Settings, known: _Published) -> tuple[Standing, ControlState, int]:
    """Step 1: standing, control state and next offset of ``features`` to walk from."""
    if known.snapshot is None:
        return Standing(), ControlState(), 0
    message = known.snapshot[1]
    state = RouterState.restore(message.state)
    copies = state.copies
    events = control_events(settings, copies.received)
    control = ControlState.restore(copies.received, dict(copies.kept), events)
    standing = Standing(fence=message.fence, head=copies.head, partition_time=copies.partition_time, seq=message.seq)
    return standing, control, state.features_offset


def _records(settings: Settings, topic: str, published: dict[int, _Published]) -> Iterable[Record]:
    bounds = low_high_offsets(settings, topic)
    return read_topic(settings, topic, from_offsets={partition: bounds[partition][0] for partition in published})


def _decoded(record: Record) -> Message | None:
    content_type = (dict(record.headers).get("content-type") or b"").decode()
    try:
        return decode_any(record.value or b"", content_type)
    except DecodeError:
        return None
