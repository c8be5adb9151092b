"""Where the drift agent's state lives: its rows of the warehouse, taken under an epoch."""

from collections.abc import Sequence

from consumers.drift_agent.state import Place, pack, unpack
from consumers.shell.handler import TopicPartition
from infra.broker.admin import check_partitions, group_offsets, low_high_offsets, topic_id
from infra.drift_policies import load_policy
from infra.settings import Settings
from infra.telemetry.logs import get_logger
from infra.warehouse import Connection, Warehouse
from infra.warehouse.alert_outbox import mark_published, waiting_alerts
from infra.warehouse.checkpoints import Checkpoint, take_epoch
from infra.warehouse.drift_rounds import (
    DriftRound,
    read_state,
    training_reference,
    write_drift_round,
)
from infra.warehouse.topic_checks import TopicState, verify_topic
from pipeline.drift.config import DriftConfig
from pipeline.drift.monitor import DriftMonitor, SessionReport
from pipeline.drift.sessions import Lane
from pipeline.drift.training_reference import TrainingReference
from schemas.alerts import Alert
from schemas.topics import TopicNames

SERVICE = "drift"


class DriftStore:
    """Reads and writes under the epochs that ``load`` takes. Every method raises WarehouseUnavailable.

    ``offsets`` holds, for each partition, the offset of the next message that the state has not taken.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._warehouse = Warehouse(settings, "signaltape-drift")
        names = TopicNames(settings.topics.prefix)
        self._topics = {"predictions": names.predictions, "returns": names.returns}
        self._short = {full: short for short, full in self._topics.items()}
        self._key = f"{settings.topics.prefix}monitor"
        self._taken: dict[TopicPartition, Checkpoint] = {}
        self.offsets: dict[TopicPartition, int] = {}

    def lane_of(self, partition: TopicPartition) -> Lane:
        """The monitor's name for a partition of a topic."""
        return self._short[partition[0]], partition[1]

    def load(self) -> DriftMonitor:
        """Take every partition and return the monitor as the last checkpoint left it.

        Raises TopicError for another number of partitions, TopicMismatch where a topic was recreated or has expired
        or the database is an old one, DriftStateError where state and checkpoints disagree.
        """
        check_partitions(self._settings)
        checkpoints, blob = self._warehouse.run(self._take)
        self._verify(checkpoints)
        self._taken = {(one.topic, one.partition): one for one in checkpoints}
        self.offsets = {key: one.effect_offset for key, one in self._taken.items()}
        places = self._places()
        began_anew = any(place.generation > 1 for place in places.values())
        if blob is not None:
            monitor = unpack(self._config(adopt_chains=began_anew), blob, places)
            if monitor is not None:
                return monitor
        if began_anew:
            get_logger().warning("drift state begins anew after a repair")
        return DriftMonitor(self._config(adopt_chains=began_anew))

    def write(self, monitor: DriftMonitor, reports: Sequence[SessionReport]) -> None:
        """One transaction: what the reports found, the monitor's state, and ``offsets``."""
        places: dict[str, list[tuple[int, int, int]]] = {}
        for (topic, partition), offset in self.offsets.items():
            place = (partition, self._taken[topic, partition].epoch, offset)
            places.setdefault(topic, []).append(place)
        one = DriftRound(
            service=SERVICE,
            key=self._key,
            state=pack(monitor, self._places()),
            places=places,
            metrics=[metric for report in reports for metric in report.metrics],
            alerts=[alert for report in reports for alert in report.alerts],
        )
        self._warehouse.run(lambda connection: write_drift_round(connection, one))

    def waiting_alerts(self) -> list[Alert]:
        """Alerts that were written and not marked as published."""
        return self._warehouse.run(waiting_alerts)

    def mark_published(self, alerts: Sequence[Alert]) -> None:
        """Mark alerts as published."""
        self._warehouse.run(lambda connection: mark_published(connection, alerts))

    def find_reference(self, model: str, version: int) -> TrainingReference:
        """What a model's drift is judged against, as the registry has it."""
        return self._warehouse.run(lambda connection: training_reference(connection, model, version))

    def _take(self, connection: Connection) -> tuple[list[Checkpoint], bytes | None]:
        taken = [
            take_epoch(connection, SERVICE, topic, partition)
            for topic in self._topics.values()
            for partition in range(self._settings.topics.partitions)
        ]
        return taken, read_state(connection, SERVICE, self._key)

    def _verify(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Compare the checkpoints with the topics as they are."""
        group = f"{self._settings.topics.prefix}signaltape-{SERVICE}"
        for topic in self._topics.values():
            known, bounds = topic_id(self._settings, topic), low_high_offsets(self._settings, topic)
            committed = group_offsets(self._settings, group, topic, self._settings.topics.partitions)
            for one in (one for one in checkpoints if one.topic == topic):
                low, high = bounds[one.partition]
                at = committed[one.partition]
                state = TopicState(topic_id=known, low=low, high=high, committed=at[0] if at else None)
                verify_topic(one, state, one.effect_offset)

    def _places(self) -> dict[Lane, Place]:
        return {
            self.lane_of(key): Place(generation=self._taken[key].generation, offset=offset)
            for key, offset in self.offsets.items()
        }

    def _config(self, *, adopt_chains: bool) -> DriftConfig:
        own = self._settings.drift
        return DriftConfig(
            partitions=self._settings.topics.partitions,
            minimum_names=own.minimum_names,
            lookback=own.lookback,
            confidence=own.confidence,
            adopt_chains=adopt_chains,
            policy=load_policy(own.policy),
        )
