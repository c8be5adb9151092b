"""Rounds of a feature agent, built by hand."""

from collections.abc import Sequence

import numpy as np

from infra.warehouse.feature_rounds import PartitionRound
from pipeline.engine_types import RepairNeed, StoredRows
from schemas.bars import BarBatch
from schemas.features import FeatureBatch, ReturnBatch
from schemas.intervals import MINUTE
from schemas.link import Link

START = 1_700_000_040 * 1_000_000_000
assert START % MINUTE == 0
TOPIC = "bars.v1"
WIDTH = 4
SYMBOLS = ("A", "BRK.B", "ÆØ", "MSFT")


def bar_batch(time: int, symbols: Sequence[str] = SYMBOLS, **changes: object) -> BarBatch:
    n = len(symbols)
    base = 100.0 + np.arange(n) + (time // MINUTE) % 7
    values: dict[str, object] = {
        "feed": "test",
        "source": "vendor",
        "interval": "1m",
        "event_time": time,
        "available_time": time,
        "symbols": tuple(symbols),
        "open": base,
        "high": base + 1,
        "low": base - 1,
        "close": base + 0.5,
        "volume": np.arange(n) * 10.0,
        "volume_valid": np.arange(n) % 2 == 0,
    }
    return BarBatch(**(values | changes))  # type: ignore[arg-type]


def link(offset: int, part: int = 0, last: int = 0) -> Link:
    return Link(position=(offset, part), last_part=last, previous=None)


def feature_batch(
    time: int, offset: int, symbols: Sequence[str] = SYMBOLS, *, width: int = WIDTH, **changes: object
) -> FeatureBatch:
    n = len(symbols)
    valid = np.ones((n, width), dtype=bool)
    if n > 1:
        valid[1, width - 1] = False
    values = np.where(valid, np.arange(n * width).reshape(n, width) + offset + 0.25, 0.0)
    fields: dict[str, object] = {
        "link": link(offset),
        "feature_set": "core",
        "set_version": 1,
        "set_hash": "h",
        "width": width,
        "interval": "1m",
        "event_time": time,
        "kind": "live",
        "symbols": tuple(symbols),
        "values": values,
        "valid": valid,
        "close": np.arange(n) + 0.5,
        "available_time": np.full(n, time),
    }
    return FeatureBatch(**(fields | changes))  # type: ignore[arg-type]


def return_batch(time: int, offset: int, horizon: int, symbols: Sequence[str] = SYMBOLS) -> ReturnBatch:
    n = len(symbols)
    return ReturnBatch(
        link=link(offset),
        interval="1m",
        horizon=horizon,
        event_time=time,
        available_time=time,
        kind="live",
        symbols=tuple(symbols),
        prediction_time=np.full(n, time - horizon * MINUTE),
        log_return=np.arange(n) / 100 + horizon,
    )


def partition_round(
    number: int, *, partition: int = 0, epoch: int = 1, generation: int = 1, messages: int = 3
) -> PartitionRound:
    """Round `number`: `messages` bar batches, with features, returns over 1 and 5 bars, a log event and a repair."""
    offsets = range(number * (messages + 1), number * (messages + 1) + messages)
    names = tuple(f"{symbol}{partition}" for symbol in SYMBOLS)
    bars, features, returns = [], [], []
    for offset in offsets:
        time = START + offset * MINUTE
        keep = np.arange(len(names))
        bars.append((bar_batch(time, names), offset, StoredRows(rows=keep, status=np.zeros(len(names), np.uint8))))
        features.append(feature_batch(time, offset, names))
        returns += [return_batch(time, offset, 1, names), return_batch(time, offset, 5, names[:2])]
    event = offsets[-1] + 1
    need = RepairNeed(symbol=names[0], interval="1m", event_time=START, reason="late")
    return PartitionRound(
        partition=partition,
        epoch=epoch,
        generation=generation,
        next_offset=event + 1,
        bars=bars,
        log_events=[(event, "Watermark", START, b"\x00payload\x00")],
        features=features,
        returns=returns,
        repairs=[(offsets[0], need)],
    )
