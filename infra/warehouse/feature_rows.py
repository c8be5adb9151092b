"""Bars, log events and feature vectors as bulk rows."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby

import numpy as np

from infra.warehouse.bulk import Rows
from infra.warehouse.checkpoints import revision_of
from infra.warehouse.copy_format import FLOAT8, INT2, INT4, INT8, Column, Number, Text, float_array, times
from pipeline.engine_types import ROW_STATUSES, StoredRows, masked
from pipeline.features import FeatureSet
from pipeline.recompute import FeatureTable
from schemas.bars import BarBatch
from schemas.features import FeatureBatch
from schemas.fields import F8Array, I8Array, U1Array

#: (batch, offset, rows to keep, partition, generation)
BarPart = tuple[BarBatch, int, StoredRows, int, int]
#: (batch, partition, generation)
FeaturePart = tuple[FeatureBatch, int, int]
#: ((offset, type, event_time, payload), partition, generation)
EventPart = tuple[tuple[int, str, int, bytes], int, int]

_STATUSES = Text.of(ROW_STATUSES)


@lru_cache(maxsize=1024)
def symbol_column(symbols: tuple[str, ...]) -> Text:
    """Encoded names of a cross-section: the same ones come again with every bar."""
    return Text.of(symbols)


def bar_rows(parts: Sequence[BarPart]) -> Rows:
    """Rows of `bars`: the kept rows of each batch."""
    parts = [part for part in parts if part[2].rows.shape[0]]
    if not parts:
        return Rows.of("bars", (), ())
    counts = np.array([kept.rows.shape[0] for _, _, kept, _, _ in parts])
    batches = [part[0] for part in parts]

    def column(name: str) -> F8Array:
        return np.concatenate([getattr(batch, name)[kept.rows] for batch, _, kept, _, _ in parts])

    group: dict[str, Column] = {
        "symbol": Text.joined([symbol_column(batch.symbols).take(kept.rows) for batch, _, kept, _, _ in parts]),
        "interval": Text.of([batch.interval for batch in batches]).repeat(counts),
        "event_time": times(_spread([batch.event_time for batch in batches], counts)),
        "source": Text.of([batch.source for batch in batches]).repeat(counts),
        "revision": Number(values=_spread([batch.revision for batch in batches], counts), kind=INT8),
        "available_time": times(_spread([batch.available_time for batch in batches], counts)),
        "feed": Text.of([batch.feed for batch in batches]).repeat(counts),
        "status": _STATUSES.take(np.concatenate([kept.status for _, _, kept, _, _ in parts])),
        "open": Number(values=column("open"), kind=FLOAT8),
        "high": Number(values=column("high"), kind=FLOAT8),
        "low": Number(values=column("low"), kind=FLOAT8),
        "close": Number(values=column("close"), kind=FLOAT8),
        "volume": Number(values=column("volume"), kind=FLOAT8, valid=column("volume_valid").astype(bool)),
        "generation": Number(values=_spread([part[4] for part in parts], counts), kind=INT4),
        "partition": Number(values=_spread([part[3] for part in parts], counts), kind=INT4),
        "source_offset": Number(values=_spread([part[1] for part in parts], counts), kind=INT8),
        "row_index": Number(values=np.concatenate([kept.rows for _, _, kept, _, _ in parts]), kind=INT4),
        "quality": Number(values=np.concatenate([_marks(kept) for _, _, kept, _, _ in parts]), kind=INT2),
    }
    return Rows.of("bars", [group], [int(counts.sum())])


def _marks(kept: StoredRows) -> U1Array:
    return np.zeros(kept.rows.shape[0], dtype=np.uint8) if kept.marks is None else kept.marks


def feature_rows(parts: Sequence[FeaturePart]) -> Rows:
    """Rows of `features`: one a vector. Sets of different width are encoded one after the other."""
    ordered = sorted(parts, key=lambda part: part[0].width)
    groups = [list(group) for _, group in groupby(ordered, key=lambda part: part[0].width)]
    counts = [sum(len(batch.symbols) for batch, _, _ in group) for group in groups]
    return Rows.of("features", [_feature_group(group) for group in groups], counts)


def _feature_group(parts: Sequence[FeaturePart]) -> dict[str, Column]:
    batches = [batch for batch, _, _ in parts]
    counts = np.array([len(batch.symbols) for batch in batches])
    revisions = [revision_of(generation, batch.link.position[0]) for batch, _, generation in parts]
    return {
        "feature_set": Text.of([batch.feature_set for batch in batches]).repeat(counts),
        "set_version": Number(values=_spread([batch.set_version for batch in batches], counts), kind=INT4),
        "symbol": Text.joined([symbol_column(batch.symbols) for batch in batches]),
        "interval": Text.of([batch.interval for batch in batches]).repeat(counts),
        "event_time": times(_spread([batch.event_time for batch in batches], counts)),
        "revision": Number(values=_spread(revisions, counts), kind=INT8),
        "available_time": times(np.concatenate([batch.available_time for batch in batches])),
        "kind": Text.of([batch.kind for batch in batches]).repeat(counts),
        "close": Number(values=np.concatenate([batch.close for batch in batches]), kind=FLOAT8),
        "values": float_array(
            np.concatenate([batch.values for batch in batches]), np.concatenate([batch.valid for batch in batches])
        ),
        "partition": Number(values=_spread([partition for _, partition, _ in parts], counts), kind=INT4),
    }


def history_rows(chosen: FeatureSet, place: tuple[str, str, int], table: FeatureTable) -> Rows:
    """Rows of `features` of one symbol's loaded history: ``place`` is symbol, interval, partition; revision 0."""
    symbol, interval, partition = place
    count = table.event_time.shape[0]
    if not count:
        return Rows.of("features", (), ())
    values, valid = masked(table.values)
    group: dict[str, Column] = {
        "feature_set": Text.of([chosen.name]).repeat(np.array([count])),
        "set_version": Number(values=np.full(count, chosen.version), kind=INT4),
        "symbol": Text.of([symbol]).repeat(np.array([count])),
        "interval": Text.of([interval]).repeat(np.array([count])),
        "event_time": times(table.event_time),
        "revision": Number(values=np.zeros(count, dtype=np.int64), kind=INT8),
        "available_time": times(table.available_time),
        "kind": Text.of(["live"]).repeat(np.array([count])),
        "close": Number(values=table.close, kind=FLOAT8),
        "values": float_array(values, valid),
        "partition": Number(values=np.full(count, partition), kind=INT4),
    }
    return Rows.of("features", [group], [count])


def log_event_rows(parts: Sequence[EventPart]) -> Rows:
    """Rows of `log_events`: the messages of the log that are no bars, as they came."""
    if not parts:
        return Rows.of("log_events", (), ())
    events = [event for event, _, _ in parts]
    group: dict[str, Column] = {
        "generation": Number(values=np.array([generation for _, _, generation in parts]), kind=INT4),
        "partition": Number(values=np.array([partition for _, partition, _ in parts]), kind=INT4),
        "source_offset": Number(values=np.array([offset for offset, _, _, _ in events]), kind=INT8),
        "type": Text.of([kind for _, kind, _, _ in events]),
        "event_time": times(np.array([time for _, _, time, _ in events], dtype=np.int64)),
        "payload": Text.of_bytes([payload for _, _, _, payload in events]),
    }
    return Rows.of("log_events", [group], [len(parts)])


def _spread(values: Sequence[int], counts: I8Array) -> I8Array:
    """Each value as often as its count says."""
    return np.repeat(np.array(values, dtype=np.int64), counts)
