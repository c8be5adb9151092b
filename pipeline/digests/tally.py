"""Digests by stage, subject, interval and bar time, added up message by message."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from pipeline.digests.content import feature_hashes, prediction_hashes, signal_hashes
from pipeline.digests.digest import Digest, grouped
from schemas.features import FeatureBatch
from schemas.predictions import PredictionBatch
from schemas.signals import Signal

#: What there are digests of. ``corrections``: feature rows that the agent derives again from a ``StateRepair``. Those
#: of the repair job are no function of the log: the job runs when it runs, and answers what it finds together.
STAGES = ("features", "corrections", "predictions", "signals")
FEATURES, CORRECTIONS, PREDICTIONS, SIGNALS = STAGES


class DigestKey(NamedTuple):
    """What a digest is of. ``event_time``: close of the bar, ns UTC.

    ``subject``: the set, as ``name:version``; for predictions ``strategy/model:version/role``; empty for signals.
    """

    stage: str
    subject: str
    interval: str
    event_time: int


@dataclass(kw_only=True, slots=True)
class Tally:
    """Digests of all that was added, in whatever order and batches."""

    digests: dict[DigestKey, Digest] = field(default_factory=dict)

    def add(self, key: DigestKey, digest: Digest) -> None:
        """Add rows of one key; no rows leave nothing."""
        if digest.count:
            self.digests[key] = self.digests.get(key, Digest()) + digest

    def features(self, batch: FeatureBatch) -> None:
        """Add the rows of a batch, live ones or corrections."""
        if batch.symbols:
            stage = FEATURES if batch.kind == "live" else CORRECTIONS
            subject = set_subject(batch.feature_set, batch.set_version)
            key = DigestKey(stage, subject, batch.interval, batch.event_time)
            self.add(key, Digest.of(feature_hashes(batch)))

    def predictions(self, batch: PredictionBatch) -> None:
        """Add the rows of a model call."""
        if batch.symbols:
            subject = call_subject(batch.strategy, batch.model, batch.model_version, batch.role)
            key = DigestKey(PREDICTIONS, subject, batch.interval, batch.event_time)
            self.add(key, Digest.of(prediction_hashes(batch)))

    def signals(self, signals: Sequence[Signal]) -> None:
        """Add signals of any bars."""
        if not signals:
            return
        numbers: dict[DigestKey, int] = {}
        keys = [DigestKey(SIGNALS, "", one.interval, one.event_time) for one in signals]
        group = np.array([numbers.setdefault(key, len(numbers)) for key in keys])
        found = grouped(signal_hashes(signals), group, len(numbers))
        for key, digest in zip(numbers, found, strict=True):
            self.add(key, digest)

    def __iter__(self) -> Iterator[tuple[DigestKey, Digest]]:
        return iter(self.digests.items())


def set_subject(feature_set: str, version: int) -> str:
    """Subject of a set's rows."""
    return f"{feature_set}:{version}"


def call_subject(strategy: str, model: str, version: int, role: str) -> str:
    """Subject of a model's predictions."""
    return f"{strategy}/{model}:{version}/{role}"
