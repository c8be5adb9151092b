"""The state of partitions at their last commit, rebuilt from what the log holds.

Per partition of ``features``, from its committed offset and the metadata there:

1. fence, head, watermark, ``seq``: the metadata itself; a commit without it is refused;
2. control: the events that the metadata names, read from ``control``;
3. router and last scores: the ``RouterSnapshot`` in the partition's ``predictions`` at the offset in the metadata,
   then the ``PredictionBatch``es that follow, as they were recorded, once no transaction is under way there. A
   partition without a bar so far has neither, however long its ``predictions``: only watermarks lie there;
4. statistics of open sessions: the ``FeatureBatch``es between the snapshot and the committed offset.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from consumers.inference.commit_metadata import CommitMetadata, from_text
from consumers.inference.errors import REPAIR, CommitRefused
from infra.broker.admin import low_high_offsets
from infra.broker.reading import Record, read_topic
from infra.broker.stability import wait_stable
from infra.engine_choice import inference_options
from infra.settings import Settings
from pipeline.control import ControlEventMissing, ControlState
from pipeline.features import FEATURE_SETS
from pipeline.routing.model_port import ModelPort
from pipeline.routing.partition import PartitionInference
from pipeline.routing.router_state import STATE_VERSION, RouterState, StateRefused
from schemas.codec import Message, decode
from schemas.control import ControlEvent
from schemas.errors import DecodeError
from schemas.features import FeatureBatch
from schemas.predictions import PredictionBatch, RouterSnapshot
from schemas.topics import TopicNames


@dataclass(frozen=True, slots=True)
class Place:
    """A committed offset of ``features`` and its metadata."""

    offset: int
    metadata: str | None


@dataclass(slots=True)
class Owned:
    """A partition that this process owns: its state, and the offset of its newest router snapshot (-1: none).

    ``snapshot_head``: highest bar time (ns UTC) in that snapshot; ``snapshot_written``: when (s since 1970, -1: none);
    ``batches``: messages taken since.
    """

    inference: PartitionInference
    snapshot: int
    snapshot_head: int | None = None
    snapshot_written: float = -1.0
    batches: int = 0


class Restorer:
    """Rebuilds partitions. ``models`` and ``options`` are handed to them."""

    def __init__(self, settings: Settings, models: ModelPort) -> None:
        self._settings = settings
        self._names = TopicNames(settings.topics.prefix)
        self._models = models
        self._options = inference_options(settings)

    def restore(self, places: Mapping[int, Place]) -> dict[int, Owned]:
        """Return the partitions at their places. Raises ``CommitRefused`` if one can't be continued from there."""
        found = {
            number: from_text(place.metadata, f"{self._names.features}[{number}] at offset {place.offset}")
            for number, place in places.items()
        }
        events = control_events(self._settings, max((metadata.received for metadata in found.values()), default=-1))
        states, written = self._router_states(found)
        for number, metadata in found.items():
            if not _has_state(metadata):
                # Nothing of this chain was taken, or no bar: what lies before is no part of the state.
                states[number].features_offset = places[number].offset
        owned = {}
        for number, metadata in found.items():
            try:
                control = ControlState.restore(metadata.received, dict(metadata.kept), events)
            except ControlEventMissing as error:
                raise CommitRefused(f"{self._names.features}[{number}]: {error}") from error
            state = states[number]
            owned[number] = Owned(
                self._partition(number, metadata, control, state),
                metadata.snapshot,
                state.copies.head,
                written.get(number, -1.0),
            )
        self._statistics(places, states)
        return owned

    def _partition(
        self, number: int, metadata: CommitMetadata, control: ControlState, state: RouterState
    ) -> PartitionInference:
        return PartitionInference(
            partition=number,
            models=self._models,
            options=self._options,
            feature_names={name: one.names for name, one in FEATURE_SETS.items()},
            standing=metadata.standing,
            control=control,
            state=state,
        )

    def _router_states(self, found: Mapping[int, CommitMetadata]) -> tuple[dict[int, RouterState], dict[int, float]]:
        """Return the states, and when the snapshots that they begin with were written (s since 1970)."""
        states = {number: RouterState() for number in found}
        written: dict[int, float] = {}
        begun = {number: metadata for number, metadata in found.items() if _has_state(metadata)}
        if not begun:
            return states, written
        topic = self._names.predictions
        # The commit that the offsets are from may not be readable here yet: what it emitted would be emitted again.
        wait_stable(self._settings, topic, begun)
        bounds = low_high_offsets(self._settings, topic)
        starts = {number: max(metadata.snapshot, 0) for number, metadata in begun.items()}
        for number, start in starts.items():
            low, high = bounds[number]
            if not low <= start <= high:
                raise CommitRefused(
                    f"{topic}[{number}] holds offsets {low} to {high}, but the router's state starts at {start}: the "
                    f"topic was recreated or its retention is too short. Run: {REPAIR}"
                )
        sources: dict[int, list[PredictionBatch]] = {number: [] for number in begun}
        missing = {number for number, metadata in begun.items() if metadata.snapshot >= 0}
        for record, message in self._messages(topic, starts):
            number, offset = record.partition, record.offset
            if offset == begun[number].snapshot:
                states[number] = _from_snapshot(message, f"{topic}[{number}] at offset {offset}")
                written[number] = record.timestamp_ms / 1_000
                missing.discard(number)
            elif isinstance(message, PredictionBatch):
                self._follow(states[number], sources[number], message, begun[number])
        for number in missing:
            raise CommitRefused(f"{topic}[{number}] has no router snapshot at offset {starts[number]}. Run: {REPAIR}")
        for number, batches in sources.items():
            states[number].replay(batches)
        return states, written

    def _follow(
        self, state: RouterState, source: list[PredictionBatch], batch: PredictionBatch, metadata: CommitMetadata
    ) -> None:
        """Collect the batches of one source message, and replay them when the next one's begin."""
        fence = metadata.standing.fence
        if fence is None or batch.source_position > fence:
            raise CommitRefused(
                f"{self._names.predictions}[{batch.source_partition}] holds predictions for position "
                f"{batch.source_position}, beyond the committed {fence}: the group's offsets were set back. "
                f"Run: {REPAIR}"
            )
        if source and source[0].source_position[0] != batch.source_position[0]:
            state.replay(source)
            source.clear()
        source.append(batch)

    def _statistics(self, places: Mapping[int, Place], states: Mapping[int, RouterState]) -> None:
        behind = {
            number: state.features_offset for number, state in states.items()
            if state.features_offset < places[number].offset
        }  # fmt: skip
        if not behind:
            return
        bounds = low_high_offsets(self._settings, self._names.features)
        starts = {number: max(start, bounds[number][0]) for number, start in behind.items()}
        ends = {number: places[number].offset for number in behind}
        for record, message in self._messages(self._names.features, starts, ends):
            if isinstance(message, FeatureBatch) and message.kind == "live":
                states[record.partition].stats.add(message)
                states[record.partition].stats.settle()
        for number, state in states.items():
            state.features_offset = places[number].offset

    def _messages(
        self, topic: str, starts: Mapping[int, int], ends: Mapping[int, int] | None = None
    ) -> Iterator[tuple[Record, Message]]:
        for record in read_topic(self._settings, topic, from_offsets=starts, to_offsets=ends):
            message = None if record.value is None else _decoded(record.value)
            if message is not None:
                yield record, message


def _has_state(metadata: CommitMetadata) -> bool:
    """Say whether anything was taken that the router may remember: a bar, that is."""
    return metadata.standing.fence is not None and (metadata.snapshot >= 0 or metadata.standing.head is not None)


def control_events(settings: Settings, last: int) -> list[ControlEvent]:
    """Read ``control`` from its beginning to offset ``last``; each event knows its offset."""
    if last < 0:
        return []
    events = []
    topic = TopicNames(settings.topics.prefix).control
    low = low_high_offsets(settings, topic)[0][0]
    for record in read_topic(settings, topic, from_offsets={0: low}, to_offsets={0: last + 1}):
        if record.value is not None:
            event = _decoded(record.value)
            if isinstance(event, ControlEvent):
                events.append(replace(event, control_offset=record.offset))
    return events


def _from_snapshot(message: Message, where: str) -> RouterState:
    if not isinstance(message, RouterSnapshot):
        raise CommitRefused(f"{where} should be a RouterSnapshot and is a {message.TYPE}. Run: {REPAIR}")
    if message.state_version != STATE_VERSION:
        raise CommitRefused(
            f"{where}: router state of version {message.state_version}, this release reads {STATE_VERSION}: run the "
            f"release that wrote it, or: {REPAIR}"
        )
    try:
        return RouterState.restore(message.state)
    except StateRefused as error:
        raise CommitRefused(f"{where}: {error}") from error


def _decoded(data: bytes) -> Message | None:
    """Return a message, None for what can't be read: its reader has put it on the dead-letter topic."""
    try:
        return decode(data)
    except DecodeError:
        return None
