"""Logs of one partition for the engine's tests: bars as arrays, batches cut from them, runs compared by bits."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline.engine import LogMessage, PartitionEngine
from pipeline.engine_types import EngineConfig, Step
from schemas.bars import BarBatch, Watermark
from schemas.features import FeatureBatch, ReturnBatch
from schemas.fields import BoolArray, F8Array
from schemas.intervals import MINUTE

ONE = EngineConfig(partition=0, partitions=1)
OPEN = Watermark(feed="f", event_time=0, state="open")


@dataclass(frozen=True, kw_only=True, eq=False)
class Market:
    """Bars of shape (bars, symbols); ``present`` is False where a symbol has none at that time."""

    symbols: tuple[str, ...]
    open: F8Array
    high: F8Array
    low: F8Array
    close: F8Array
    volume: F8Array
    present: BoolArray

    def batch(self, at: int, columns: Sequence[int] | None = None, **fields: object) -> BarBatch:
        """The bars at time index ``at`` of some symbols (all that are present) as one batch."""
        chosen = np.flatnonzero(self.present[at]) if columns is None else np.array(columns, dtype=np.int64)
        volume = self.volume[at, chosen]
        made = BarBatch(
            feed="f",
            source="v",
            interval="1m",
            event_time=(at + 1) * MINUTE,
            available_time=(at + 1) * MINUTE,
            symbols=tuple(self.symbols[place] for place in chosen.tolist()),
            open=self.open[at, chosen],
            high=self.high[at, chosen],
            low=self.low[at, chosen],
            close=self.close[at, chosen],
            volume=np.where(np.isnan(volume), 0.0, volume),
            volume_valid=~np.isnan(volume),
        )
        return replace(made, **fields)  # type: ignore[arg-type]


def market(seed: int, bars: int, symbols: int, gaps: float = 0.0, no_volume: float = 0.0) -> Market:
    """A seeded market with flat stretches; ``gaps``: share of missing bars, ``no_volume``: of missing volumes."""
    rng = np.random.default_rng(seed)
    moves = rng.normal(0.0, 0.002, (bars, symbols)) * (rng.random((bars, symbols)) > 0.15)
    close = np.round(rng.uniform(5.0, 400.0, symbols) * np.exp(np.cumsum(moves, axis=0)), 2)
    opening = np.vstack([close[:1], close[:-1]])
    wide = rng.random((2, bars, symbols)) * 0.05 * (rng.random((bars, symbols)) > 0.3)
    volume = rng.integers(0, 5_000, (bars, symbols)).astype(np.float64)
    volume[rng.random((bars, symbols)) < no_volume] = np.nan
    return Market(
        symbols=tuple(f"S{place:03}" for place in range(symbols)),
        open=opening,
        high=np.maximum(opening, close) + wide[0],
        low=np.minimum(opening, close) - wide[1],
        close=close,
        volume=volume,
        present=rng.random((bars, symbols)) >= gaps,
    )


def run(messages: Sequence[LogMessage], engine: PartitionEngine | None = None, first: int = 0) -> list[Step]:
    """Step an engine (a new one by default) through messages at consecutive offsets."""
    engine = engine or PartitionEngine(ONE)
    return [engine.step(message, offset) for offset, message in enumerate(messages, first)]


Bits = dict[tuple[str, ...], bytes]


def bits(steps: Sequence[Step]) -> Bits:
    """Every published number by its key, as bytes: what has to be equal however the bars were batched."""
    found: Bits = {}
    for step in steps:
        for one in step.features:
            if isinstance(one, FeatureBatch):
                for row, symbol in enumerate(one.symbols):
                    key = ("feature", one.feature_set, symbol, one.interval, str(one.event_time))
                    assert key not in found, key
                    parts = (one.values[row], one.valid[row], one.close[row], one.available_time[row])
                    found[key] = b"".join(np.asarray(part).tobytes() for part in parts)
        for back in step.returns:
            if isinstance(back, ReturnBatch):
                for row, symbol in enumerate(back.symbols):
                    key = ("return", str(back.horizon), symbol, back.interval, str(back.prediction_time[row]))
                    assert key not in found, key
                    found[key] = back.log_return[row].tobytes() + str(back.event_time).encode()
    return found


def feature_batches(steps: Sequence[Step]) -> list[FeatureBatch]:
    """All feature batches of some steps."""
    return [one for step in steps for one in step.features if isinstance(one, FeatureBatch)]


def return_batches(steps: Sequence[Step]) -> list[ReturnBatch]:
    """All return batches of some steps."""
    return [one for step in steps for one in step.returns if isinstance(one, ReturnBatch)]
