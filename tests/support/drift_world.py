"""A drift agent's world on the real servers: its topics filled with planted logs, its tables read back."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import orjson
from confluent_kafka import Producer

from infra.broker.config import idempotent_producer_config, transactional_producer_config
from infra.broker.reading import read_topic
from infra.broker.stability import wait_stable
from infra.settings import Settings
from infra.warehouse import connect
from infra.warehouse.checkpoints import read_checkpoints
from pipeline.drift.config import DriftConfig
from pipeline.drift.monitor import DriftMonitor
from pipeline.drift.population_stability import Reference, reference_of
from pipeline.drift.training_reference import TrainingReference
from schemas.alerts import Alert
from schemas.codec import decode_any, encode
from schemas.intervals import DAY
from schemas.predictions import PredictionBatch
from schemas.topics import TopicNames
from signaltape.initialisation import initialise
from tests.support.drift_logs import Lane, Logs, Message, Plan
from tests.support.isolation import unique_name
from tests.support.policies import CLASSIC
from tests.support.waiting import wait_for

REFERENCE = reference_of(np.random.default_rng(5).normal(size=2_000))
#: Days 4 weak, 5 poor, 7, 9, 10 bad (6 has too few names, 8 no bars), 12 poor; scores of 2, 9 and 10 are shifted.
DECAY = Plan(
    days=("good",) * 4 + ("weak", "poor", "few", "bad", "none", "bad", "bad", "good", "poor"),
    shift={2: 0.45, 9: 1.5, 10: 1.2},
    partitions=4,
)
#: What the policy has to say to it: rule → days.
DECAY_ALERTS = {
    "ic_low_5_days": [10],
    "ic_very_low": [5, 12],
    "ic_negative_3_days": [10],
    "psi_moved": [2, 9],
    "psi_shifted": [9],
}


@dataclass(frozen=True)
class DriftWorld:
    """Topics, tables and offsets as `signaltape init` makes them, for the drift agent alone."""

    settings: Settings

    @property
    def topics(self) -> dict[str, str]:
        names = TopicNames(self.settings.topics.prefix)
        return {"predictions": names.predictions, "returns": names.returns}

    @property
    def group(self) -> str:
        return f"{self.settings.topics.prefix}signaltape-drift"

    def prepare(self, reference: Reference | None = REFERENCE) -> "DriftWorld":
        initialise(self.settings)
        with connect(self.settings) as connection:
            manifest: dict[str, Any] = {}
            if reference is not None:
                manifest["psi_reference"] = {"edges": reference.edges, "counts": reference.counts}
            connection.execute(
                "INSERT INTO models (name, version, manifest) VALUES ('ridge', 3, %s)", (json.dumps(manifest),)
            )
        return self

    def publish(self, lanes: dict[Lane, list[Message]]) -> None:
        """Predictions in transactions of three messages, every second one aborted first with falsified scores."""
        plain = Producer(idempotent_producer_config(self.settings, "test"))
        for (topic, partition), log in lanes.items():
            if topic == "returns":
                for message in log:
                    plain.produce(self.topics[topic], encode(message), partition=partition)
        assert plain.flush(30) == 0
        writer = Producer(transactional_producer_config(self.settings, unique_name()))
        writer.init_transactions(30)
        for (topic, partition), log in lanes.items():
            for first in range(0, len(log) if topic == "predictions" else 0, 3):
                if first % 2:
                    self._transaction(
                        writer, partition, [falsified(one) for one in log[first : first + 3]], commit=False
                    )
                self._transaction(writer, partition, log[first : first + 3], commit=True)
        # A commit is acknowledged before it can be read: who asks for the ends at once would miss the last one.
        wait_stable(self.settings, self.topics["predictions"], range(self.settings.topics.partitions))

    def _transaction(self, writer: Producer, partition: int, log: list[Message], *, commit: bool) -> None:
        writer.begin_transaction()
        for message in log:
            writer.produce(self.topics["predictions"], encode(message), partition=partition)
        writer.flush(30)
        (writer.commit_transaction if commit else writer.abort_transaction)(30)

    def effect_offsets(self) -> dict[tuple[str, int], int]:
        with connect(self.settings) as connection:
            return {
                (topic, partition): one.effect_offset
                for topic in self.topics.values()
                for partition, one in read_checkpoints(connection, "drift", topic).items()
            }

    def lag(self) -> int:
        """Messages that no checkpoint covers."""
        now = self.effect_offsets()
        return sum(
            record.offset >= now[topic, record.partition]
            for topic in self.topics.values()
            for record in read_topic(self.settings, topic)
        )

    def wait_until_taken_or(self, otherwise: Callable[[], bool], deadline_s: float = 60.0) -> None:
        """Until the checkpoints are behind the last message of every partition and the outbox is empty, or …"""
        ends = {
            (topic, record.partition): record.offset + 1
            for topic in self.topics.values()
            for record in read_topic(self.settings, topic)
        }

        def done() -> bool:
            now = self.effect_offsets()
            return otherwise() or (all(now[place] >= end for place, end in ends.items()) and not self.waiting())

        wait_for(done, deadline_s, "the drift agent to take everything", interval_s=0.1)

    def wait_until_done(self, deadline_s: float = 60.0) -> None:
        """Until the checkpoints are behind the last message of every partition and the outbox is empty."""
        self.wait_until_taken_or(lambda: False, deadline_s)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with connect(self.settings) as connection:
            return connection.execute(query).fetchall()  # type: ignore[arg-type]

    def waiting(self) -> int:
        return int(self.rows("SELECT count(*) FROM alerts WHERE published_at IS NULL")[0][0])

    def metrics(self) -> list[tuple[Any, ...]]:
        return self.rows(
            "SELECT strategy, subject, metric, (extract(epoch FROM session) / 86400)::int - 1, verdict, value,"
            " sample_size, detail FROM drift_metrics ORDER BY 1, 2, 3, 4"
        )

    def values(self, metric: str) -> dict[int, float | None]:
        return {row[3]: row[5] for row in self.metrics() if row[2] == metric}

    def published(self) -> list[Alert]:
        """Alerts on the topic, as often as they are there."""
        found = []
        for record in read_topic(self.settings, TopicNames(self.settings.topics.prefix).alerts):
            message = decode_any(record.value or b"", (dict(record.headers)["content-type"] or b"").decode())
            assert isinstance(message, Alert)
            found.append(message)
        return found

    def fired(self, first: int) -> dict[str, list[int]]:
        """Rule → days on which it fired, from the topic; a repeated alert would show twice."""
        found: dict[str, list[int]] = {}
        for alert in sorted(self.published(), key=lambda one: one.session):
            found.setdefault(alert.rule, []).append(alert.session - first)
        return found

    def outcome(self) -> "Outcome":
        """Everything that must not depend on crashes."""
        ids = [row[0] for row in self.rows("SELECT alert_id FROM alerts ORDER BY 1")]
        return Outcome(
            metrics=[row[:7] for row in self.metrics()], published=Counter(map(canonical, self.published())), stored=ids
        )


@dataclass(frozen=True)
class Outcome:
    """Metrics (strategy, subject, metric, session, verdict, value, sample size), alerts on the topic, ids stored."""

    metrics: list[tuple[Any, ...]]
    published: Counter[bytes]
    stored: list[str]


def canonical(alert: Alert) -> bytes:
    """An alert's content, whatever the order of its evidence (the database keeps another one)."""
    return orjson.dumps(asdict(alert), option=orjson.OPT_SORT_KEYS)


def undisturbed(logs: Logs, partitions: int) -> Outcome:
    """What the logs must lead to: the pure monitor in one go, without servers, processes and crashes."""
    monitor = DriftMonitor(DriftConfig(partitions=partitions, policy=CLASSIC))
    monitor.learn(("ridge", 3), TrainingReference(sketch=REFERENCE))
    reports = [one for lane, log in logs.lanes.items() for message in log for one in monitor.step(lane, message)]
    metrics = [
        (one.strategy, one.subject, one.metric, one.session, one.verdict, one.value, one.sample_size)
        for report in reports
        for one in report.metrics
    ]
    alerts = [one for report in reports for one in report.alerts]
    return Outcome(
        metrics=sorted(metrics, key=lambda row: row[:4]),
        published=Counter(map(canonical, alerts)),
        stored=sorted(one.alert_id for one in alerts),
    )


def falsified(message: Message) -> Message:
    """The same prediction with other scores: what an aborted transaction leaves in the log."""
    if not isinstance(message, PredictionBatch):
        return message
    return replace(message, score=-message.score - 1)


def head(logs: Logs, sessions: int, first: int) -> dict[Lane, list[Message]]:
    """Each lane up to (excluding) its first message of a later session than the given number of them."""
    limit = (first + sessions) * DAY
    return {
        lane: log[: next((i for i, one in enumerate(log) if getattr(one, "event_time", 0) > limit), len(log))]
        for lane, log in logs.lanes.items()
    }


def tail(logs: Logs, before: dict[Lane, list[Message]]) -> dict[Lane, list[Message]]:
    """What `head` left."""
    return {lane: log[len(before[lane]) :] for lane, log in logs.lanes.items()}
