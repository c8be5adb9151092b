"""A responder's world on the real servers: strategies with models, alerts on their topic, what became of them."""

from collections.abc import Sequence
from typing import Any

from confluent_kafka import Producer

from consumers.inference.restore import control_events
from infra.broker.admin import low_high_offsets
from infra.broker.config import idempotent_producer_config
from infra.broker.reading import Record, read_topic
from infra.settings import Settings
from infra.warehouse import connect
from infra.warehouse.checkpoints import read_checkpoints
from schemas.alerts import Alert
from schemas.codec import encode
from schemas.control import ControlEvent
from schemas.headers import event_headers
from schemas.topics import TopicNames
from signaltape.client import Control
from signaltape.initialisation import initialise
from tests.support.waiting import wait_for

#: Deliveries that are repeated quickly; see the settings.
QUICK: dict[str, Any] = {"timeout_s": 0.5, "first_retry_s": 0.05, "longest_retry_s": 0.2, "poll_s": 0.1}


class GuardWorld:
    """Topics and tables; ``ridge`` 1, 2 and 9 are registered (no files), 1 was live for each strategy, then 2."""

    def __init__(self, settings: Settings, strategies: Sequence[str] = ("alpha",)) -> None:
        self.settings = settings
        self.names = TopicNames(settings.topics.prefix)
        initialise(settings)
        with connect(settings) as connection:
            connection.execute(
                "INSERT INTO models (name, version, manifest) SELECT 'ridge', one, '{}' FROM unnest(ARRAY[1, 2, 9]) one"
            )
        control = Control(settings)
        for version in (1, 2):
            for strategy in strategies:
                control.issue("activate", strategy=strategy, model="ridge", model_version=version, reason="test")
        self._producer = Producer(idempotent_producer_config(settings, "test"))

    def publish(self, *messages: Alert | bytes) -> None:
        for one in messages:
            data = one if isinstance(one, bytes) else encode(one)
            headers = None if isinstance(one, bytes) else event_headers("Alert", one.alert_id, "test", one.event_time)
            self._producer.produce(self.names.alerts, data, partition=0, headers=headers)  # type: ignore[arg-type]
        assert self._producer.flush(30) == 0

    def events(self) -> list[ControlEvent]:
        """What lies in ``control`` beyond the activations, in order."""
        end = low_high_offsets(self.settings, self.names.control)[0][1]
        return [one for one in control_events(self.settings, end - 1) if one.issued_by == "guard"]

    def dead_letters(self) -> list[Record]:
        return list(read_topic(self.settings, self.names.dlq(self.names.alerts)))

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with connect(self.settings) as connection:
            return connection.execute(query).fetchall()  # type: ignore[arg-type]

    def steps(self) -> list[tuple[Any, ...]]:
        return self.rows("SELECT alert_id, state, rung, code, words FROM guarded_steps ORDER BY id")

    def deliveries(self) -> dict[tuple[str, str], str]:
        return {(row[0], row[1]): row[2] for row in self.rows("SELECT alert_id, sink, state FROM alert_deliveries")}

    def taken(self) -> bool:
        """True once every alert on the topic is behind the checkpoint and no step waits."""
        with connect(self.settings) as connection:
            at = read_checkpoints(connection, "responder", self.names.alerts)[0].effect_offset
        waiting = self.rows("SELECT count(*) FROM guarded_steps WHERE state = 'waiting'")[0][0]
        end = max((one.offset + 1 for one in read_topic(self.settings, self.names.alerts)), default=0)
        return at >= end and not waiting

    def wait_taken(self) -> None:
        wait_for(self.taken, 60, "the responder to take every alert", interval_s=0.05)

    def wait_settled(self) -> None:
        self.wait_taken()
        wait_for(lambda: "waiting" not in self.deliveries().values(), 60, "every delivery to end", interval_s=0.05)
