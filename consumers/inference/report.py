"""What an operator sees of the inference: metrics, health, readiness."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from confluent_kafka import Consumer, KafkaException, TopicPartition

from consumers.inference.intake import Taken
from consumers.inference.restore import Owned
from infra.telemetry.health import Health
from infra.telemetry.metrics import (
    BAR_TO_SIGNAL,
    MODEL_INFO,
    PREDICTIONS,
    ROUND_SECONDS,
    SHADOW_DIRECTION_DIFFERS,
    SHADOW_ROWS,
    SHADOW_SCORE_DIFFERS,
    SIGNALS,
    SIGNALS_HELD,
    STAGE_LATENCY,
)
from pipeline.deployments import ModelRef, Strategy
from pipeline.routing.shadow_comparison import ShadowDifference, compare_shadows
from schemas.predictions import DIRECTIONS, OUTCOMES, STATUSES, PredictionBatch
from schemas.signal_columns import SignalColumns

_HELD = tuple(number for number, name in enumerate(OUTCOMES) if name not in ("none", "emitted"))


class RoundReport:
    """Counts what was committed, and nothing else: an aborted round leaves no trace here."""

    def __init__(self, health: Health, topic: str, shadow_tolerance: float = 0.0) -> None:
        self._health = health
        self._topic = topic
        self._shadow_tolerance = shadow_tolerance
        self._in_force: frozenset[tuple[str, ModelRef, str]] = frozenset()

    def committed(self, taken: Taken, owned: Mapping[int, Owned], consumer: Consumer, elapsed_s: float) -> None:
        """Report a committed round."""
        now_ms = time.time() * 1_000
        for written in taken.written_ms:
            STAGE_LATENCY.labels(stage="inference").observe(max(now_ms - written, 0.0) / 1_000)
        ROUND_SECONDS.labels(service="inference").observe(elapsed_s)
        for closed in taken.closed:
            batches = [one for one in closed.output.predictions if isinstance(one, PredictionBatch)]
            for batch in batches:
                _count(batch)
            for difference in compare_shadows(batches, self._shadow_tolerance):
                _count_shadow(difference)
            if isinstance(closed.output.signals, SignalColumns):
                counts = np.bincount(closed.output.signals.direction, minlength=len(DIRECTIONS)).tolist()
                for name, count in zip(DIRECTIONS, counts, strict=True):
                    SIGNALS.labels(signal=name).inc(count)
                if closed.bars_ms is not None:
                    BAR_TO_SIGNAL.observe(max(now_ms - closed.bars_ms, 0.0) / 1_000)
        for partition in taken.moved:
            self.progress(partition, owned[partition], consumer)
        self._name_models(owned)
        self.models("")

    def restored(self, owned: Mapping[int, Owned]) -> None:
        """Report that partitions stand at their last commit."""
        self._health.ready("started", True)
        for partition, one in owned.items():
            self._health.progress(self._topic, partition, one.inference.state.features_offset, 0)
        self._name_models(owned)

    def models(self, reason: str) -> None:
        """Report whether every live model can predict; ``reason`` says why not, "" if all can."""
        self._health.ready("models", not reason, reason)

    def forget(self, topic: str, partition: int) -> None:
        """A partition is no longer ours."""
        self._health.forget(topic, partition)

    def _name_models(self, owned: Mapping[int, Owned]) -> None:
        """Say which models are in force on any partition that is ours."""
        in_force = frozenset(
            role
            for one in owned.values()
            for strategy in one.inference.deployments.strategies
            for role in _roles(strategy)
        )
        if in_force == self._in_force:
            return
        self._in_force = in_force
        MODEL_INFO.clear()
        for strategy, ref, role in in_force:
            MODEL_INFO.labels(strategy=strategy, model=ref.name, version=str(ref.version), role=role).set(1)

    def progress(self, partition: int, owned: Owned, consumer: Consumer) -> None:
        """Report how far a partition has come and how many messages wait."""
        position = owned.inference.state.features_offset
        try:
            bounds: Any = consumer.get_watermark_offsets(TopicPartition(self._topic, partition), cached=True)
        except KafkaException:
            return  # not ours any more; the next round will tell
        self._health.progress(self._topic, partition, position, max(bounds[1] - position, 0))


def _roles(strategy: Strategy) -> Iterator[tuple[str, ModelRef, str]]:
    if strategy.live is not None:
        yield strategy.name, strategy.live, "live"
    if strategy.experiment is not None:
        yield strategy.name, strategy.experiment.arm, "arm"
    for ref in strategy.shadows:
        yield strategy.name, ref, "shadow"


def _count(batch: PredictionBatch) -> None:
    counts = np.bincount(batch.status, minlength=len(STATUSES)).tolist()
    for name, count in zip(STATUSES, counts, strict=True):
        if count:
            PREDICTIONS.labels(model=batch.model, version=str(batch.model_version), status=name).inc(count)
    outcomes = np.bincount(batch.outcome, minlength=len(OUTCOMES)).tolist()
    for number in _HELD:
        if outcomes[number]:
            SIGNALS_HELD.labels(outcome=OUTCOMES[number]).inc(outcomes[number])


def _count_shadow(one: ShadowDifference) -> None:
    labels = {"strategy": one.strategy, "model": one.model, "version": str(one.model_version)}
    SHADOW_ROWS.labels(**labels).inc(one.rows)
    SHADOW_SCORE_DIFFERS.labels(**labels).inc(one.score_differs)
    SHADOW_DIRECTION_DIFFERS.labels(**labels).inc(one.direction_differs)
