"""Digests by stage, subject, interval and bar time, added up message by message."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from pipeline.digests.content import feature_hashes, prediction_hashes, signal_hashes
from pipeline.digests.digest import Digest, grouped
from pipeline.digests.words import U8Array
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

    def features(self, *batches: FeatureBatch) -> None:
        """Add the rows of batches, live ones or corrections: small ones of one set in one go."""
        sets: dict[tuple[str, int, str, str, str], list[FeatureBatch]] = {}
        for batch in batches:
            if batch.symbols:
                own = (batch.kind, batch.set_version, batch.feature_set, batch.set_hash, batch.interval)
                sets.setdefault(own, []).append(batch)
        for (kind, version, name, _, interval), found in sets.items():
            stage = FEATURES if kind == "live" else CORRECTIONS
            subject = set_subject(name, version)
            self._add(
                feature_hashes(found), [DigestKey(stage, subject, interval, one.event_time) for one in found], found
            )

    def predictions(self, *batches: PredictionBatch) -> None:
        """Add the rows of model calls."""
        found = [batch for batch in batches if batch.symbols]
        if found:
            keys = [
                DigestKey(
                    PREDICTIONS,
                    call_subject(one.strategy, one.model, one.model_version, one.role),
                    one.interval,
                    one.event_time,
                )
                for one in found
            ]
            self._add(prediction_hashes(found), keys, found)

    def signals(self, signals: Sequence[Signal]) -> None:
        """Add signals of any bars."""
        if signals:
            keys = [DigestKey(SIGNALS, "", one.interval, one.event_time) for one in signals]
            self._add_grouped(signal_hashes(signals), keys, None)

    def _add(
        self, hashes: U8Array, keys: Sequence[DigestKey], batches: Sequence[FeatureBatch] | Sequence[PredictionBatch]
    ) -> None:
        """Add rows of batches; ``keys``: of each batch."""
        if len(batches) == 1:
            self.add(keys[0], Digest.of(hashes))
        else:
            self._add_grouped(hashes, keys, [len(batch.symbols) for batch in batches])

    def _add_grouped(self, hashes: U8Array, keys: Sequence[DigestKey], counts: Sequence[int] | None) -> None:
        """Add rows; ``keys``: one for as many rows as ``counts`` says, None: for each row."""
        numbers: dict[DigestKey, int] = {}
        group = np.array([numbers.setdefault(key, len(numbers)) for key in keys])
        rows = group if counts is None else np.repeat(group, counts)
        for key, digest in zip(numbers, grouped(hashes, rows, len(numbers)), strict=True):
            self.add(key, digest)

    def __iter__(self) -> Iterator[tuple[DigestKey, Digest]]:
        return iter(self.digests.items())


def set_subject(feature_set: str, version: int) -> str:
    """Subject of a set's rows."""
    return f"{feature_set}:{version}"


def call_subject(strategy: str, model: str, version: int, role: str) -> str:
    """Subject of a model's predictions."""
    return f"{strategy}/{model}:{version}/{role}"
