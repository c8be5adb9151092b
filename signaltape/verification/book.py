"""What the recomputation gives, bar time by bar time, until it has been compared."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pipeline.digests.digest import Digest
from pipeline.digests.tally import DigestKey, Tally, call_subject, set_subject
from pipeline.engine import LogMessage
from pipeline.engine_types import FIRST, ROW_STATUSES, Step, StoredRows
from pipeline.routing.partition import Output
from pipeline.verification.ledger import BARS, bar_digest
from pipeline.verification.sheets import (
    Sheet,
    bar_sheet,
    correction_sheet,
    feature_sheet,
    joined,
    offset_sheet,
    prediction_sheet,
    signal_sheet,
)
from schemas.bars import BarBatch
from schemas.features import FeatureBatch
from schemas.predictions import STATUSES, PredictionBatch
from schemas.signal_columns import SignalColumns

Names = Mapping[str, Sequence[str]]
#: A message of bars with the rows of it that were kept, and its offset.
_Bars = tuple[BarBatch, StoredRows, int]
_Kept = FeatureBatch | PredictionBatch | SignalColumns | _Bars


@dataclass(kw_only=True)
class Book:
    """Collects what lies within ``span`` (first and last bar time, ns UTC).

    ``names``: columns of the sets, by subject. ``predicted_to``: partition → the offset of bars up to which model
    calls are stored; what lies beyond waits for the store and is counted in ``waiting`` only. ``corrections``:
    partition → the rows that its engine made again. ``fallbacks``: rows that a model did not answer, by status.
    """

    span: tuple[int, int]
    names: Names
    predicted_to: Mapping[int, int]
    kept: dict[DigestKey, list[_Kept]] = field(default_factory=dict)
    corrections: dict[int, list[FeatureBatch]] = field(default_factory=dict)
    repairs: dict[int, list[int]] = field(default_factory=dict)
    fallbacks: Counter[str] = field(default_factory=Counter)
    waiting: Counter[int] = field(default_factory=Counter)
    bars: int = 0
    held: int = 0
    first_time: int | None = None
    _tally: Tally = field(default_factory=Tally)
    _statuses: dict[DigestKey, list[int]] = field(default_factory=dict)
    _offsets: dict[DigestKey, list[int]] = field(default_factory=dict)

    def take(self, place: tuple[int, int], message: LogMessage, step: Step, outputs: Iterable[Output]) -> None:
        """Take what a message, or a part of one, led to; ``place``: partition and offset."""
        if isinstance(message, BarBatch):
            self.first_time = message.event_time if self.first_time is None else self.first_time
            if step.stored is not None and self._within(message.event_time):
                self._bars(message, step.stored, place[1])
        for derived in step.features:
            if isinstance(derived, FeatureBatch) and derived.symbols:
                self._features(derived, place)
        if step.repaired is not None:
            self.repairs.setdefault(place[0], []).append(place[1])
        for output in outputs:
            self._output(output, place)

    def digests(self) -> Iterator[tuple[DigestKey, Digest]]:
        """Yield what came in since the last call; the rows stay until ``forget``."""
        yield from self._tally
        for key, counts in self._statuses.items():
            yield key, bar_digest(counts)
        for key, (count, offsets) in self._offsets.items():
            yield key, bar_digest((count,), offsets)
        self._tally, self._statuses, self._offsets, self.held = Tally(), {}, {}, 0

    def forget(self, before: int, but: Iterable[DigestKey]) -> None:
        """Drop the rows of bar times before ``before``, except those of ``but``."""
        left = set(but)
        self.kept = {key: one for key, one in self.kept.items() if key.event_time >= before or key in left}

    def sheet(self, key: DigestKey) -> Sheet | None:
        """Recomputed rows of a key; None if there are none."""
        found = self.kept.get(key)
        return None if not found else joined([self._sheet(key, one) for one in found])

    def _sheet(self, key: DigestKey, one: _Kept) -> Sheet:
        if isinstance(one, FeatureBatch):
            if key.stage == BARS:
                return offset_sheet(one)
            made = feature_sheet if one.kind == "live" else correction_sheet
            return made(one, self.names[key.subject])
        if isinstance(one, PredictionBatch):
            return prediction_sheet(one)
        return signal_sheet(one) if isinstance(one, SignalColumns) else bar_sheet(*one)

    def _within(self, time: int) -> bool:
        return self.span[0] <= time <= self.span[1]

    def _keep(self, key: DigestKey, rows: int, one: _Kept) -> None:
        self.kept.setdefault(key, []).append(one)
        self.held += rows

    def _bars(self, message: BarBatch, stored: StoredRows, offset: int) -> None:
        key = DigestKey(BARS, "", message.interval, message.event_time)
        counts = np.bincount(stored.status, minlength=len(ROW_STATUSES)).tolist()
        known = self._statuses.setdefault(key, [0] * len(counts))
        self._statuses[key] = [one + more for one, more in zip(known, counts, strict=True)]
        self._keep(key, 0, (message, stored, offset))
        self.bars += counts[FIRST]

    def _features(self, batch: FeatureBatch, place: tuple[int, int]) -> None:
        if not self._within(batch.event_time):
            return
        subject = set_subject(batch.feature_set, batch.set_version)
        if batch.kind != "live":
            self.corrections.setdefault(place[0], []).append(batch)
            return
        self._tally.features(batch)
        rows = len(batch.symbols)
        self._keep(DigestKey("features", subject, batch.interval, batch.event_time), rows, batch)
        key = DigestKey(BARS, subject, batch.interval, batch.event_time)
        known = self._offsets.setdefault(key, [0, 0])
        known[0] += rows
        known[1] += rows * batch.link.position[0]
        self._keep(key, 0, batch)

    def _output(self, output: Output, place: tuple[int, int]) -> None:
        partition, offset = place
        stored = offset <= self.predicted_to.get(partition, -1)
        for call in output.predictions:
            if isinstance(call, PredictionBatch) and call.symbols and self._within(call.event_time):
                if not stored:
                    self.waiting[partition] += len(call.symbols)
                    continue
                self._tally.predictions(call)
                self._count_fallbacks(call)
                subject = call_subject(call.strategy, call.model, call.model_version, call.role)
                self._keep(DigestKey("predictions", subject, call.interval, call.event_time), len(call.symbols), call)
        if not stored:
            return
        signals = output.signals
        # The signals of a bar come as columns; a control event or watermark sends other messages.
        if isinstance(signals, SignalColumns) and signals and self._within(signals.event_time):
            self._tally.signals(signals)
            self._keep(DigestKey("signals", "", signals.interval, signals.event_time), len(signals), signals)

    def _count_fallbacks(self, call: PredictionBatch) -> None:
        for code, count in enumerate(np.bincount(call.status, minlength=1).tolist()):
            if code and count:
                self.fallbacks[STATUSES[code]] += count
