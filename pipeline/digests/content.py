"""What of a row is canonical, stage by stage: all that follows from the log, nothing of how it came about.

Left out are wall clocks and latencies, offsets, revisions and sequence numbers, and which of two equal messages a row
was taken from: a log that is cut into other messages, or taken again after a crash, gives the same content. Times count
as SQL keeps them, in whole microseconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.digests.mixing import row_hashes
from pipeline.digests.words import (
    U8Array,
    list_text,
    microseconds,
    words_of_ids,
    words_of_names,
    words_of_numbers,
    words_of_texts,
    words_of_values,
)
from schemas.features import FeatureBatch
from schemas.fields import BoolArray, F8Array, I8Array
from schemas.predictions import DIRECTIONS, OUTCOMES, STATUSES, PredictionBatch
from schemas.signals import Signal

Batches = Sequence[FeatureBatch] | Sequence[PredictionBatch]

#: Symbols of a batch from which on it is remembered as a whole.
_MANY = 16
_STATUS_WORDS, _DIRECTION_WORDS, _OUTCOME_WORDS = map(words_of_texts, (STATUSES, DIRECTIONS, OUTCOMES))


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FeatureColumns:
    """Feature rows of one set and interval. ``symbol``: its words, uint64 (n, 2).

    Times in µs; ``event_time`` may have one row that all share. ``values`` float64 (n, width), not looked at where
    ``valid`` (n, width) is False.
    """

    feature_set: str
    set_version: int
    set_hash: str
    interval: str
    symbol: U8Array
    event_time: I8Array
    available_time: I8Array
    close: F8Array
    values: F8Array
    valid: BoolArray

    def hashes(self) -> U8Array:
        """Hashes of the rows, uint64 (n, 2)."""
        blocks = [
            words_of_texts((self.feature_set, self.set_hash)).reshape(1, 4),
            words_of_numbers([self.set_version]),
            words_of_texts((self.interval,)),
            words_of_numbers(self.event_time),
            self.symbol,
            words_of_numbers(self.close, self.available_time),
            words_of_values(self.values, self.valid),
        ]
        return row_hashes("features", self.values.shape[0], blocks)


def feature_hashes(batches: Sequence[FeatureBatch]) -> U8Array:
    """Hashes of the rows of batches of one set and interval, uint64 (rows, 2), one batch after the other.

    Live rows and corrections have the same content; their digests have stages.
    """
    first = batches[0]
    return FeatureColumns(
        feature_set=first.feature_set,
        set_version=first.set_version,
        set_hash=first.set_hash,
        interval=first.interval,
        symbol=_symbols(batches),
        event_time=_event_times(batches),
        available_time=microseconds(_joined([batch.available_time for batch in batches])),
        close=_joined([batch.close for batch in batches]),
        values=_joined([batch.values for batch in batches]),
        valid=_joined([batch.valid for batch in batches]),
    ).hashes()


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PredictionColumns:
    """Rows of predictions. ``call``: the words of what rows of one model call share, (n, 12) or (1, 12).

    Other words of texts are uint64 (n, 2), numbers (n,); ``model_version``, ``horizon`` and ``event_time`` (µs) may
    have one row.
    """

    call: U8Array
    model_version: I8Array
    horizon: I8Array
    event_time: I8Array
    symbol: U8Array
    status: U8Array
    direction: U8Array
    outcome: U8Array
    score: F8Array
    confidence: F8Array

    def hashes(self) -> U8Array:
        """Hashes of the rows, uint64 (n, 2)."""
        blocks = [
            self.call,
            words_of_numbers(self.model_version, self.horizon, self.event_time),
            self.symbol,
            np.concatenate([self.status, self.direction, self.outcome], axis=1),
            words_of_numbers(self.score, self.confidence),
        ]
        return row_hashes("predictions", self.symbol.shape[0], blocks)


#: Texts of ``call``, in their order.
CALL_TEXTS = ("strategy", "role", "model", "model_sha256", "experiment", "interval")


def prediction_hashes(batches: Sequence[PredictionBatch]) -> U8Array:
    """Hashes of the rows of batches of whatever calls, uint64 (rows, 2), one batch after the other."""
    calls = [words_of_names(tuple(getattr(batch, name) or "" for name in CALL_TEXTS)) for batch in batches]

    def codes(name: str, words: U8Array) -> U8Array:
        found: U8Array = words[_joined([getattr(batch, name) for batch in batches])]
        return found

    return PredictionColumns(
        call=_shared(np.stack(calls).reshape(len(batches), -1), batches),
        model_version=_shared(np.array([batch.model_version for batch in batches]), batches),
        horizon=_shared(np.array([batch.horizon for batch in batches]), batches),
        event_time=_event_times(batches),
        symbol=_symbols(batches),
        status=codes("status", _STATUS_WORDS),
        direction=codes("direction", _DIRECTION_WORDS),
        outcome=codes("outcome", _OUTCOME_WORDS),
        score=_joined([batch.score for batch in batches]),
        confidence=_joined([batch.confidence for batch in batches]),
    ).hashes()


_SIGNAL_TEXTS = ("symbol", "interval", "signal", "strategy", "model", "reason")
_SIGNAL_WHOLES = ("horizon", "model_version")
_SIGNAL_REALS = ("score", "confidence", "reference_price", "position_scale")
_of_signal = attrgetter(
    "signal_id", "models", "event_time", "expires_at", *_SIGNAL_TEXTS, *_SIGNAL_WHOLES, *_SIGNAL_REALS
)


def signal_hashes(signals: Sequence[Signal]) -> U8Array:
    """Hashes of signals, one row each: everything that a signal says but its number and its source."""
    if not signals:
        return np.empty((0, 2), dtype=np.uint64)
    ids, models, event_times, expiries, *rest = zip(*map(_of_signal, signals), strict=True)
    texts, numbers = rest[: len(_SIGNAL_TEXTS)], rest[len(_SIGNAL_TEXTS) :]
    times = [microseconds(np.array(column, dtype=np.int64)) for column in (event_times, expiries)]
    wholes = [np.array(column, dtype=np.int64) for column in numbers[: len(_SIGNAL_WHOLES)]]
    reals = [np.array(column, dtype=np.float64) for column in numbers[len(_SIGNAL_WHOLES) :]]
    blocks = [
        words_of_ids(ids),
        *map(words_of_texts, texts),
        words_of_texts(list(map(list_text, models))),
        words_of_numbers(*times, *wholes, *reals),
    ]
    return row_hashes("signals", len(signals), blocks)


def _symbols(batches: Batches) -> U8Array:
    """Words of the batches' symbols: those of a whole cross-section come again as one, others one by one."""
    return _joined(
        [
            words_of_names(batch.symbols) if len(batch.symbols) >= _MANY else words_of_texts(batch.symbols)
            for batch in batches
        ]
    )


def _event_times(batches: Batches) -> I8Array:
    return _shared(microseconds(np.array([batch.event_time for batch in batches], dtype=np.int64)), batches)


def _shared(values: npt.NDArray[Any], batches: Batches) -> npt.NDArray[Any]:
    """One row for each row of the batches; of a single batch one row that all share."""
    return values if len(batches) == 1 else np.repeat(values, [len(batch.symbols) for batch in batches], axis=0)


def _joined(parts: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
