"""The flow put over the history that was asked for."""

from collections.abc import Iterator
from dataclasses import dataclass

from infra.scoring.manifest import ModelManifest
from infra.scoring.untimed import UntimedModels
from pipeline.partition_flow import PartitionFlow
from pipeline.replay.aligning import LogEntry
from schemas.control import ControlEvent

#: The strategy under which a model of one's choice runs.
STRATEGY = "backtest"


@dataclass(frozen=True, kw_only=True, slots=True)
class Material:
    """What is stepped: ``entries`` in order of event time, each taken by the flow of its partition.

    ``start``, ``end``: lowest and highest close that count, ns UTC, ``bars``: first bars between them. ``begins``: from
    which state each partition begins, in words. ``chosen``: the model, where it is not those of the record.
    """

    flows: dict[int, PartitionFlow]
    entries: Iterator[LogEntry]
    interval: str
    start: int
    end: int
    bars: int
    models: UntimedModels
    begins: dict[int, str]
    chosen: ModelManifest | None
    notes: tuple[str, ...] = ()


def activation(chosen: ModelManifest) -> ControlEvent:
    """What puts a model of one's choice in force from the beginning."""
    return ControlEvent(
        event_id=f"backtest-{chosen.ref}",
        action="activate",
        effective_from=0,
        issued_at=0,
        issued_by="backtest",
        strategy=STRATEGY,
        model=chosen.name,
        model_version=chosen.version,
        control_offset=0,
    )
