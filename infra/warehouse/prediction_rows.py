"""Predictions as bulk rows: one a symbol and model call."""

from collections.abc import Sequence

import numpy as np

from infra.warehouse.bulk import Rows
from infra.warehouse.copy_format import BOOL, FLOAT8, INT4, INT8, Column, Number, Text, times
from infra.warehouse.feature_rows import symbol_column
from infra.warehouse.signal_rows import text_array
from schemas.predictions import DIRECTIONS, OUTCOMES, STATUSES, PredictionBatch

#: (partition of `predictions`, offset there, batch)
PredictionPart = tuple[int, int, PredictionBatch]

_STATUSES, _DIRECTIONS, _OUTCOMES = Text.of(STATUSES), Text.of(DIRECTIONS), Text.of(OUTCOMES)


def prediction_rows(parts: Sequence[PredictionPart]) -> Rows:
    """Rows of `predictions`; raises IndexError for a code that is in no table (see `codes_are_known`)."""
    parts = [part for part in parts if part[2].symbols]
    if not parts:
        return Rows.of("predictions", (), ())
    batches = [batch for _, _, batch in parts]
    counts = np.array([len(batch.symbols) for batch in batches])

    def text(name: str) -> Text:
        return Text.of([getattr(batch, name) for batch in batches]).repeat(counts)

    def spread(values: Sequence[int]) -> np.ndarray:
        return np.repeat(np.array(values, dtype=np.int64), counts)

    def joined(name: str) -> np.ndarray:
        return np.concatenate([getattr(batch, name) for batch in batches])

    group: dict[str, Column] = {
        "strategy": text("strategy"),
        "model": text("model"),
        "model_version": Number(values=spread([batch.model_version for batch in batches]), kind=INT4),
        "role": text("role"),
        "symbol": Text.joined([symbol_column(batch.symbols) for batch in batches]),
        "interval": text("interval"),
        "event_time": times(spread([batch.event_time for batch in batches])),
        "source_offset": Number(values=spread([batch.source_position[0] for batch in batches]), kind=INT8),
        "horizon": Number(values=spread([batch.horizon for batch in batches]), kind=INT4),
        "score": Number(values=joined("score"), kind=FLOAT8),
        "confidence": Number(values=joined("confidence"), kind=FLOAT8),
        "status": _STATUSES.take(joined("status")),
        "direction": _DIRECTIONS.take(joined("direction")),
        "outcome": _OUTCOMES.take(joined("outcome")),
        "experiment": Text.of([batch.experiment or "" for batch in batches]).repeat(counts),
        "model_latency_ns": Number(values=spread([batch.model_latency for batch in batches]), kind=INT8),
        "partition": Number(values=spread([partition for partition, _, _ in parts]), kind=INT4),
        "topic_offset": Number(values=spread([offset for _, offset, _ in parts]), kind=INT8),
    }
    return Rows.of("predictions", [group], [int(counts.sum())])


def model_call_rows(parts: Sequence[PredictionPart]) -> Rows:
    """Rows of `model_calls`: one a batch."""
    parts = [part for part in parts if part[2].symbols]
    if not parts:
        return Rows.of("model_calls", (), ())
    batches = [batch for _, _, batch in parts]

    def text(name: str) -> Text:
        return Text.of([getattr(batch, name) for batch in batches])

    def number(values: Sequence[int], kind: np.dtype[np.void]) -> Number:
        return Number(values=np.array(values, dtype=np.int64), kind=kind)

    def whole(name: str) -> Number:
        return number([getattr(batch, name) for batch in batches], INT4)

    group: dict[str, Column] = {
        **{name: text(name) for name in ("strategy", "model", "role", "interval", "model_sha256", "feature_set")},
        "set_hash": text("set_hash"),
        **{name: whole(name) for name in ("model_version", "set_version", "horizon")},
        "event_time": times(np.array([batch.event_time for batch in batches], dtype=np.int64)),
        "source_offset": number([batch.source_position[0] for batch in batches], INT8),
        "source_part": number([batch.source_position[1] for batch in batches], INT4),
        "symbols": number([len(batch.symbols) for batch in batches], INT4),
        "deadline_missed": Number(values=np.array([batch.deadline_missed for batch in batches]), kind=BOOL),
        "breaker_open": Number(values=np.array([batch.breaker_open for batch in batches]), kind=BOOL),
        "numerics": Text.of([batch.numerics or "" for batch in batches]),
        "shadows": Text.of_bytes([text_array(batch.shadows or ()) for batch in batches]),
        "model_latency_ns": number([batch.model_latency for batch in batches], INT8),
        "partition": number([partition for partition, _, _ in parts], INT4),
        "topic_offset": number([offset for _, offset, _ in parts], INT8),
    }
    return Rows.of("model_calls", [group], [len(parts)])


def codes_are_known(batch: PredictionBatch) -> bool:
    """True if every code of the batch has a name in this release."""
    tables = ((batch.status, STATUSES), (batch.direction, DIRECTIONS), (batch.outcome, OUTCOMES))
    return all(int(codes.max(initial=0)) < len(names) for codes, names in tables)
