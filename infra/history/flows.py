"""Partitions of the flow put at a place of the stored log, and the log from there on.

They make features, predictions and signals; statistics of features, which only drift is measured by, are left out.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace

from infra.engine_choice import engine_config, inference_options
from infra.history.errors import HistoryError
from infra.history.extents import Extent
from infra.history.loaded_bars import loaded_batches, with_loaded
from infra.history.recorded_calls import recorded_calls
from infra.history.starting import Beginning, Memory, before, beginning, finder, memory
from infra.history.topic_lanes import topic_lane
from infra.settings import Settings
from infra.warehouse.connection import Connection
from infra.warehouse.stored_log import stored_messages
from infra.warehouse.verification import Lane
from pipeline.control import ControlState
from pipeline.engine import LogMessage
from pipeline.engine_types import EngineConfig
from pipeline.partition_flow import PartitionFlow
from pipeline.routing.model_port import ModelPort
from pipeline.routing.partition import PartitionInference
from pipeline.routing.router_state import RouterState
from schemas.control import ControlEvent


@dataclass(frozen=True, kw_only=True, slots=True)
class Begun:
    """One partition: ``flow`` takes ``log`` next, which ends with its extent. ``begins`` says from which state.

    ``start``: the first offset of the present log that is read.
    """

    extent: Extent
    start: int
    flow: PartitionFlow
    log: Iterator[tuple[int, LogMessage]]
    begins: str

    @property
    def lane(self) -> Lane:
        """What of the log is read."""
        return self.extent.lane(self.start)

    def close(self) -> None:
        """Give the log's connection back, wherever its reader stopped."""
        if isinstance(self.log, Generator):
            self.log.close()


@dataclass(frozen=True, kw_only=True, slots=True)
class FlowChoice:
    """What runs over the log.

    ``activate``: None for the control events of the log itself, with its recorded fallbacks; else an event that is in
    force from the beginning, and those of the log are left out. ``feature_sets``: None for those of the settings.
    ``cold``: from the first bar. ``topic``: read the messages from the topic instead of the stored record.
    """

    models: Callable[[int], ModelPort]
    activate: ControlEvent | None = None
    feature_sets: tuple[str, ...] | None = None
    cold: bool = False
    topic: bool = False


def begin_flows(
    connection: Connection, settings: Settings, found: Sequence[Extent], choice: FlowChoice
) -> tuple[Begun, ...]:
    """Put every partition of ``found`` before its extent; its log is read lazily, over a connection of its own.

    ``connection`` answers look-ups for as long as the flows are stepped. Raises HistoryError where messages are not
    where they should be read.
    """
    loaded = any(extent.loaded for extent in found)
    if loaded and choice.topic:
        raise HistoryError("bars of the range were loaded by `backfill` and lie in no topic: give --source store")
    made = []
    for extent in found:
        config = _engine_config(settings, extent.partition, choice)
        begun = beginning(connection, config, extent, cold=choice.cold or loaded)
        log = _log(settings, extent, begun.offset, topic=choice.topic)
        if loaded:
            log = with_loaded(loaded_batches(settings, extent.partition, extent.last_time), log)
        if choice.activate is not None:
            log = ((offset, message) for offset, message in log if not isinstance(message, ControlEvent))
        flow = PartitionFlow(
            engine=begun.engine,
            inference=_inference(connection, settings, (extent, begun), choice),
            find=finder(connection, extent.first_generation),
        )
        made.append(Begun(extent=extent, start=begun.offset, flow=flow, log=log, begins=begun.begins))
    return tuple(made)


def _log(settings: Settings, extent: Extent, start: int, *, topic: bool) -> Iterator[tuple[int, LogMessage]]:
    if not topic:
        return stored_messages(settings, extent.partition, extent.first_generation, start, extent.end)
    return topic_lane(settings, extent.partition, start, extent.end)


def _engine_config(settings: Settings, partition: int, choice: FlowChoice) -> EngineConfig:
    config = engine_config(settings, partition)
    return config if choice.feature_sets is None else replace(config, feature_sets=choice.feature_sets)


def _inference(
    connection: Connection, settings: Settings, place: tuple[Extent, Beginning], choice: FlowChoice
) -> PartitionInference:
    extent, begun = place
    options = inference_options(settings)
    if choice.activate is None:
        known = memory(connection, begun, extent, options.fresh_bars)
    else:
        known = Memory(standing=before(begun.engine), control=ControlState(), state=RouterState())
        known.control.receive(choice.activate, None)
    return PartitionInference(
        partition=extent.partition,
        models=choice.models(extent.partition),
        options=options,
        standing=known.standing,
        control=known.control,
        state=known.state,
        recall=recorded_calls(connection, extent, begun.offset).recall if choice.activate is None else None,
    )
