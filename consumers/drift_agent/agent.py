"""The drift agent's side of the shell: what happens to each message, and when it becomes durable."""

import time
from collections.abc import Callable, Mapping

from consumers.drift_agent.alert_topic import AlertsUnavailable, AlertTopic
from consumers.drift_agent.store import DriftStore
from consumers.shell import Committer, Patience, Round
from consumers.shell.handler import TopicPartition
from infra.broker.dead_letters import DeadLetters
from infra.broker.reading import Record
from infra.crash_points import reach
from infra.service_settings import DriftSettings
from infra.telemetry.logs import get_logger
from infra.telemetry.metrics import ALERTS, DUPLICATES, FEATURE_DRIFT, ROUND_SECONDS, STAGE_LATENCY
from infra.warehouse import WarehouseUnavailable
from pipeline.drift.feature_days import StatisticsUnusable
from pipeline.drift.monitor import DriftMonitor, SessionReport
from pipeline.drift.sessions import Lane
from pipeline.drift.training_reference import TrainingReference
from schemas.bars import Watermark
from schemas.codec import Message, decode
from schemas.errors import DecodeError
from schemas.topics import TOPICS

#: (model, version) → its training reference, empty if the registry has none; WarehouseUnavailable while it is away.
FindReference = Callable[[str, int], TrainingReference]
_EXPECTED = {topic.name: frozenset(topic.messages) for topic in TOPICS}


class DriftAgent:
    """Predictions and returns in; metrics, alerts and the state behind them out.

    For each message, each partition in offset order:

    1. decode it; one that can't be taken goes to the dead letters, acknowledged, before anything else moves;
    2. look up the training reference of a model version seen for the first time;
    3. step the monitor: most messages change its state only, a watermark may close sessions.

    When a session closes, and from time to time, a checkpoint:

    4. one Postgres transaction: metrics, alerts (waiting), state, and the offsets, under the epochs taken at the start;
    5. waiting alerts are published in one Kafka transaction;
    6. they are marked as published;
    7. the group's offsets are set. They are only a lower bound: after a restart the offsets of 4 decide.

    8. A partition that is seen to end beyond its last message holds only ends of transactions there, and what was
       aborted: its offset follows, and a checkpoint (when idle, or at a clean stop) keeps it. Else it would expire with
       them in a quiet time, and a start would have to take that for a loss.

    A crash between 4 and 6 leaves alerts waiting. The next start fences the dead producer, reads which of them are
    on the topic, marks those, and publishes the others: each is there once.
    """

    def __init__(
        self,
        *,
        monitor: DriftMonitor,
        store: DriftStore,
        topic: AlertTopic,
        dead_letters: DeadLetters,
        find_reference: FindReference,
        still_active: Callable[[], None],
        options: DriftSettings,
        committer: Committer,
        patience: Patience,
    ) -> None:
        self._monitor, self._store, self._topic = monitor, store, topic
        self._dead_letters, self._find_reference = dead_letters, find_reference
        self._still_active = still_active
        self._options, self._committer, self._patience = options, committer, patience
        self._log = get_logger()
        self._reports: list[SessionReport] = []
        self._since_checkpoint = 0
        self._repeated = monitor.counts.repeated
        self._late = monitor.counts.late
        self._last_message = self._last_checkpoint = self._last_confirm = self._last_outbox = time.monotonic()

    def open(self, partition: TopicPartition) -> int:
        """Return where the state stands: it is kept for every partition, also for one that was lost for a while."""
        return self._store.offsets[partition]

    def handle(self, messages: Round) -> None:
        """Steps 1–3 for a round, and a checkpoint if sessions closed or much has come."""
        start = time.perf_counter()
        for partition in sorted(messages):
            lane = self._store.lane_of(partition)
            for record in messages[partition]:
                self._take(lane, record)
            self._store.offsets[partition] = messages[partition][-1].offset + 1
            self._since_checkpoint += len(messages[partition])
        self._last_message = time.monotonic()
        reach("drift.3_stepped")
        if self._reports or self._since_checkpoint >= self._options.checkpoint_messages:
            self._checkpoint()
        oldest_ms = min(records[0].timestamp_ms for records in messages.values())
        STAGE_LATENCY.labels(stage="drift").observe(max(time.time() - oldest_ms / 1_000, 0.0))
        ROUND_SECONDS.labels(service="drift").observe(time.perf_counter() - start)

    def at_end(self, ends: Mapping[TopicPartition, int]) -> None:
        """Step 8: a checkpoint is due as if so many messages had come."""
        self._store.offsets.update(ends)
        self._since_checkpoint += len(ends)

    def idle(self) -> None:
        """Checkpoint what has waited long enough, confirm that this is the only agent, publish what others found."""
        now = time.monotonic()
        options = self._options
        if self._since_checkpoint and (
            now - self._last_message >= options.checkpoint_idle_s
            or now - self._last_checkpoint >= options.checkpoint_every_s
        ):
            self._checkpoint()
        if now - self._last_confirm >= options.lock_check_s:
            self._still_active()
            self._last_confirm = time.monotonic()
        if now - self._last_outbox >= options.outbox_check_s:
            self.publish_waiting()
            self._last_outbox = time.monotonic()

    def settle(self) -> None:
        """Nothing is left half done between rounds."""

    def close(self, partition: TopicPartition) -> None:
        """Keep the state of a lost partition: it comes back to this process, or to a successor's checkpoint."""

    def finish(self) -> None:
        """Checkpoint, so that a restart reads nothing again."""
        if self._since_checkpoint:
            self._checkpoint()

    def publish_waiting(self, *, after_restart: bool = False) -> None:
        """Steps 5 and 6. After a restart, alerts that a predecessor has published are only marked."""
        waiting = self._patience.persist("postgres", (WarehouseUnavailable,), self._store.waiting_alerts)
        if not waiting:
            return
        there = self._patience.persist("kafka", (AlertsUnavailable,), self._topic.published) if after_restart else set()
        missing = [alert for alert in waiting if alert.alert_id not in there]
        if missing:
            self._patience.persist("kafka", (AlertsUnavailable,), lambda: self._topic.publish(missing))
        reach("drift.5_published")
        self._patience.persist("postgres", (WarehouseUnavailable,), lambda: self._store.mark_published(waiting))
        reach("drift.6_marked")
        for alert in missing:
            ALERTS.labels(severity=alert.severity).inc()
            self._log.warning("alert", rule=alert.rule, severity=alert.severity, detail=alert.message)

    def _take(self, lane: Lane, record: Record) -> None:
        message = self._decode(lane, record)
        if message is None:
            return
        unknown = self._monitor.unknown_model(message)
        if unknown is not None:
            find = self._find_reference
            reference = self._patience.persist("postgres", (WarehouseUnavailable,), lambda: find(*unknown))
            if gaps := reference.gaps():
                self._log.warning("the model has no reference of it: its drift can't be seen", model=unknown[0],
                                  version=unknown[1], missing=gaps)  # fmt: skip
            self._monitor.learn(unknown, reference)
        try:
            self._reports.extend(self._monitor.step(lane, message))
        except StatisticsUnusable as error:
            self._bury(record, "unusable_statistics", str(error))

    def _decode(self, lane: Lane, record: Record) -> Message | None:
        """Step 1."""
        try:
            message = decode(record.value or b"")
            if message.TYPE not in _EXPECTED[lane[0]]:
                raise DecodeError("unknown_type", f"a {message.TYPE} does not belong into {record.topic}")
            if lane[0] == "returns" and isinstance(message, Watermark) and message.link is None:
                raise DecodeError("missing_field", "a Watermark in returns has no link into its chain")
        except DecodeError as error:
            self._bury(record, error.code, error.detail)
            return None
        return message

    def _bury(self, record: Record, code: str, detail: str) -> None:
        """Put a message aside, acknowledged, before anything else moves."""
        self._dead_letters.put(record, code, detail)
        self._dead_letters.flush()

    def _checkpoint(self) -> None:
        """Steps 4–7."""
        write = lambda: self._store.write(self._monitor, self._reports)  # noqa: E731
        self._patience.persist("postgres", (WarehouseUnavailable,), write)
        reach("drift.4_stored")
        self._observe()
        raised = any(report.alerts for report in self._reports)
        self._reports = []
        self._since_checkpoint = 0
        if raised:
            self.publish_waiting()
        self._committer.commit(dict(self._store.offsets))
        reach("drift.7_committed")
        self._last_checkpoint = time.monotonic()

    def _observe(self) -> None:
        """Metrics and log lines about what the checkpoint made durable."""
        counts = self._monitor.counts
        DUPLICATES.labels(topic="returns").inc(counts.repeated - self._repeated)
        if counts.late > self._late:
            self._log.warning("rows of closed sessions are left out", rows=counts.late - self._late)
        self._repeated, self._late = counts.repeated, counts.late
        for report in self._reports:
            if report.until is None:
                self._log.info("session closed", session=report.session, metrics=len(report.metrics),
                               alerts=len(report.alerts))  # fmt: skip
            for metric in report.metrics:
                if metric.metric in ("psi", "feature_psi") and metric.value is not None:
                    # score/<model>/<interval>/… or feature/<model>/<set>/<interval>/<name>
                    kind, model, *rest = metric.subject.split("/")
                    name = rest[-1] if kind == "feature" else kind
                    FEATURE_DRIFT.labels(feature_name=name, model=model).set(metric.value)
