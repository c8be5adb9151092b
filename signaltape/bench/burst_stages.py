"""Where the time of a burst goes, by the topics' own timestamps; read afterwards, so that nothing disturbs it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from infra.broker.admin import low_high_offsets
from infra.broker.reading import read_topic
from infra.settings import Settings
from schemas.codec import decode
from schemas.features import FeatureBatch
from schemas.predictions import PredictionBatch
from schemas.topics import TopicNames

STAGES = ("bars_to_features", "features_to_signals", "signals_to_reader")


@dataclass(frozen=True, kw_only=True, slots=True)
class Burst:
    """One burst: its event time, and the wall clock (ns) at the first ``produce()`` and at the last signal in hand."""

    event_time: int
    begun: int
    ended: int


class Stages:
    """Splits bursts that are published after it was made.

    A stage ends with the timestamp (ms) that a producer gave the last message of the burst: of its feature vectors
    when the feature agent handed them over, of its predictions, which follow the signals, when the inference did.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings, names = settings, TopicNames(settings.topics.prefix)
        self._starts = {
            topic: {number: high for number, (_, high) in low_high_offsets(settings, topic).items()}
            for topic in (names.features, names.predictions)
        }

    def split(self, bursts: Sequence[Burst]) -> dict[str, dict[str, float]]:
        """Return p50 and p99 in ms of each stage of ``STAGES``."""
        features, predictions = (self._last(topic, starts) for topic, starts in self._starts.items())
        return summary(bursts, features, predictions)

    def _last(self, topic: str, starts: Mapping[int, int]) -> dict[int, int]:
        found: dict[int, int] = {}
        for record in read_topic(self._settings, topic, from_offsets=starts):
            message: Any = decode(record.value)
            if isinstance(message, FeatureBatch | PredictionBatch):
                found[message.event_time] = max(found.get(message.event_time, 0), record.timestamp_ms)
        return found


def summary(
    bursts: Iterable[Burst], features: Mapping[int, int], predictions: Mapping[int, int]
) -> dict[str, dict[str, float]]:
    """Return p50 and p99 in ms of each stage; the maps give the last timestamp (ms) of each event time."""
    rows = []
    for burst in bursts:
        borders = (burst.begun / 1e6, features[burst.event_time], predictions[burst.event_time], burst.ended / 1e6)
        rows.append(np.diff(np.array(borders, dtype=np.float64)))
    p50, p99 = np.percentile(np.array(rows), (50, 99), axis=0)
    return {
        stage: {"p50_ms": round(float(half), 1), "p99_ms": round(float(most), 1)}
        for stage, half, most in zip(STAGES, p50, p99, strict=True)
    }
