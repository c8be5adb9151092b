"""Taking a partition over: the epoch first, then its state, and the checks that both belong to this log."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from consumers.feature_agent.lane import Lane
from consumers.shell import Patience
from infra.broker.admin import group_offsets, low_high_offsets, topic_id
from infra.build import build_version
from infra.engine_choice import engine_config
from infra.settings import Settings
from infra.warehouse.added_sets import begin_sets, known_sets, refuse_other_sets
from infra.warehouse.bar_lookup import find_stored
from infra.warehouse.checkpoints import Checkpoint, take_epoch
from infra.warehouse.connection import Connection, Warehouse
from infra.warehouse.errors import WarehouseError, WarehouseUnavailable
from infra.warehouse.feature_rounds import SERVICE, register_feature_sets, register_writer
from infra.warehouse.topic_checks import TopicState, verify_topic
from pipeline.engine import PartitionEngine
from pipeline.engine_types import Lookup, SnapshotRefused, StoredBar
from pipeline.features import FEATURE_SETS
from pipeline.numerics import fingerprint
from schemas.topics import TopicNames

Result = TypeVar("Result")


def group_name(settings: Settings) -> str:
    """Name of the agent's consumer group."""
    return f"{settings.topics.prefix}signaltape-{SERVICE}"


class Takeover:
    """Takes partitions, and reads what the engine needs from the warehouse. Waits while Postgres is away."""

    def __init__(self, settings: Settings, patience: Patience) -> None:
        self._settings, self._patience = settings, patience
        self._topic = TopicNames(settings.topics.prefix).bars
        self._warehouse = Warehouse(settings, "signaltape-features-takeover")
        self._registered = False

    def take(self, partition: int) -> Lane:
        """Take a partition over.

        0. Refuse if the settings name other sets than those whose rows are there: a set that was added has none of what
           was processed, and the chain would end elsewhere than readers have taken it. The holder is left alone then.
        1. Take a new epoch: whoever had the partition before can't write any more. What comes back is the checkpoint.
        2. Check the topic's id and offsets against it; raises TopicMismatch with the repair command.
        3. Restore the engine from the snapshot; an empty one where there is none yet.
        4. Before any row: write down what the sets mean, from where on they are computed, and which build writes.
        """
        self._run(lambda connection: self._refuse_other_sets(connection, partition))
        taken = self._run(lambda connection: take_epoch(connection, SERVICE, self._topic, partition))
        verify_topic(taken, self._topic_state(partition))
        engine = self._restore(taken)
        if not self._registered:
            self._run(lambda connection: register_feature_sets(connection, engine.sets))
            self._registered = True
        self._run(lambda connection: begin_sets(connection, taken, engine.sets))
        self._run(lambda connection: register_writer(connection, taken, build_version(), fingerprint()))
        return Lane(taken, engine)

    def find(self, taken: Checkpoint, lookups: Sequence[Lookup], offset: int) -> Mapping[int, StoredBar | None]:
        """Look stored bars up as they were before ``offset``; every earlier round must have been written."""
        return self._run(lambda connection: find_stored(connection, lookups, offset, taken.first_generation))

    def close(self) -> None:
        """Close the connection."""
        self._warehouse.close()

    def _refuse_other_sets(self, connection: Connection, partition: int) -> None:
        sets = [FEATURE_SETS[name] for name in self._settings.engine.feature_sets]
        refuse_other_sets(known_sets(connection, self._topic).get(partition, frozenset()), sets)

    def _run(self, work: Callable[[Connection], Result]) -> Result:
        return self._patience.persist("postgres", (WarehouseUnavailable,), lambda: self._warehouse.run(work))

    def _topic_state(self, partition: int) -> TopicState:
        low, high = low_high_offsets(self._settings, self._topic)[partition]
        committed = group_offsets(self._settings, group_name(self._settings), self._topic, partition + 1)[partition]
        return TopicState(
            topic_id=topic_id(self._settings, self._topic),
            low=low,
            high=high,
            committed=None if committed is None else committed[0],
        )

    def _restore(self, taken: Checkpoint) -> PartitionEngine:
        config = engine_config(self._settings, taken.partition)
        if taken.snapshot is None:
            return PartitionEngine(config)
        try:
            return PartitionEngine.restore(config, taken.snapshot)
        except SnapshotRefused as refusal:
            raise WarehouseError(
                f"{SERVICE} cannot go on with {taken.topic} partition {taken.partition}: {refusal}. The snapshot was "
                f"written under other settings or by another release: go back to them, or start a new topic prefix"
            ) from refusal
