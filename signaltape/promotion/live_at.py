"""Which model was live at a bar time: one answer for each symbol, from what was received on its partition."""

from collections.abc import Sequence
from dataclasses import dataclass

from consumers.inference.restore import control_events
from infra.broker.admin import low_high_offsets
from infra.settings import Settings
from infra.warehouse import deployments
from infra.warehouse.connection import Warehouse
from pipeline.control_checks import refusal
from pipeline.deployments import Strategy, fold
from schemas.partitioning import partition_of
from schemas.topics import TopicNames


@dataclass(frozen=True, kw_only=True, slots=True)
class PartitionAnswer:
    """What was deployed on one partition for bars that close at the time asked for.

    ``waiting``: control offsets of decisions that the store has not seen take effect here (yet); the answer is final
    if there are none.
    """

    partition: int
    strategies: tuple[Strategy, ...]
    waiting: tuple[int, ...]


def live_at(settings: Settings, at: int) -> tuple[PartitionAnswer, ...]:
    """Return what was deployed at bar time ``at`` (ns UTC), by partition.

    A decision acts on a partition from the bar time at which it was received there or asked for, whichever is later
    (`control_applied`); in force are those with that time at or before ``at``, in the order of (that time, control
    offset). Raises TopicError, WarehouseUnavailable.
    """
    topic = TopicNames(settings.topics.prefix).control
    end = low_high_offsets(settings, topic)[0][1]
    events = {event.control_offset: event for event in control_events(settings, end - 1) if not refusal(event)}
    with Warehouse(settings, "signaltape-live-at") as warehouse:
        applied = warehouse.run(lambda connection: deployments.effects(connection, topic))
    answers = []
    for partition in range(settings.topics.partitions):
        seen = applied.get(partition, {})
        acting = sorted((effective, offset) for offset, effective in seen.items() if effective <= at)
        found = fold(events[offset] for _, offset in acting if offset in events)
        waiting = tuple(sorted(set(events) - set(seen)))
        answers.append(PartitionAnswer(partition=partition, strategies=found.strategies, waiting=waiting))
    return tuple(answers)


def of_symbol(answers: Sequence[PartitionAnswer], symbol: str) -> PartitionAnswer:
    """The answer of the partition on which a symbol lives."""
    return answers[partition_of(symbol, len(answers))]
