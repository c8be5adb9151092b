"""Bars, corrections and splits in the order in which the world learnt of them, and other futures of the same past."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.bars import Adjustment
from schemas.fields import BoolArray, F8Array, I8Array
from schemas.intervals import INTERVALS, MINUTE

_PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Facts:
    """n bars and some splits, ordered by ``available_time``.

    ``event_time``: the bar's true close, ``available_time``: when it could be known (int64 (n,), ns UTC);
    ``revision``: 0 for a bar's first publication. Prices and ``volume`` float64 (n,), volume NaN where there is none.
    """

    interval: str
    symbol: npt.NDArray[Any]
    event_time: I8Array
    available_time: I8Array
    revision: I8Array
    open: F8Array
    high: F8Array
    low: F8Array
    close: F8Array
    volume: F8Array
    splits: tuple[Adjustment, ...] = ()

    def take(self, rows: I8Array | BoolArray) -> "Facts":
        """Some of the bars, by index or mask; all splits."""
        return replace(
            self,
            symbol=self.symbol[rows],
            event_time=self.event_time[rows],
            available_time=self.available_time[rows],
            revision=self.revision[rows],
            volume=self.volume[rows],
            **{name: getattr(self, name)[rows] for name in _PRICES},
        )

    def known_at(self, time: int) -> "Facts":
        """Cut the future: only what was known at ``time``."""
        return replace(
            self.take(self.available_time <= time),
            splits=tuple(one for one in self.splits if one.available_time <= time),
        )

    def changed_after(self, time: int, rng: np.random.Generator) -> "Facts":
        """Another future: every later price and volume differs, some bars are missing, splits have other factors."""
        size = self.event_time.shape[0]
        later = self.available_time > time
        factor = np.where(later, np.exp(rng.normal(0.0, 0.3, size)), 1.0)
        volume = np.where(later, 1.0 + np.floor(self.volume * 3.0 * factor), self.volume)
        changed = replace(self, volume=volume, **{name: getattr(self, name) * factor for name in _PRICES})
        splits = tuple(
            one if one.available_time <= time else replace(one, factor=one.factor * 3.0) for one in self.splits
        )
        return replace(changed.take(~later | (rng.random(size) > 0.1)), splits=splits)


def sample_facts(seed: int, bars: int = 120, symbols: int = 4, interval: str = "1m") -> Facts:
    """A seeded market of facts: gaps, a lag before each bar is known, corrections, missing volumes, a split.

    One bar in eight is corrected some bars later, so that at every moment some corrections are still to come.
    """
    rng = np.random.default_rng(seed)
    names = np.array([f"S{place}" for place in range(symbols)], dtype=object)
    moves = rng.normal(0.0, 0.004, (bars, symbols))
    close = rng.uniform(20.0, 300.0, symbols) * np.exp(np.cumsum(moves, axis=0))
    opening = np.vstack([close[:1], close[:-1]])
    reach = rng.random((2, bars, symbols)) * 0.004 * close
    volume = np.floor(rng.uniform(1.0, 9_000.0, (bars, symbols)))
    volume[-bars // 4 :, -1] = np.where(rng.random(bars - bars * 3 // 4) < 0.1, np.nan, 500.0)
    at, place = np.nonzero(rng.random((bars, symbols)) >= 0.05)
    length = INTERVALS[interval]
    time = 28_401_120 * MINUTE + (at + 1) * length
    first = Facts(
        interval=interval,
        symbol=names[place],
        event_time=time,
        available_time=time + length // 20 + rng.integers(0, length // 10, time.shape[0]) // 1_000 * 1_000,
        revision=np.zeros(time.shape[0], dtype=np.int64),
        open=opening[at, place],
        high=np.maximum(opening, close)[at, place] + reach[0, at, place],
        low=np.minimum(opening, close)[at, place] - reach[1, at, place],
        close=close[at, place],
        volume=volume[at, place],
    )
    return _with_splits(_with_corrections(first, rng, length), rng)


def _with_corrections(facts: Facts, rng: np.random.Generator, length: int) -> Facts:
    size = facts.event_time.shape[0]
    chosen = facts.take(np.flatnonzero(rng.random(size) < 0.125))
    count = chosen.event_time.shape[0]
    factor = np.exp(rng.normal(0.0, 0.02, count))
    corrected = replace(
        chosen,
        available_time=chosen.available_time + rng.integers(2, 25, count) * length,
        revision=np.ones(count, dtype=np.int64),
        **{name: getattr(chosen, name) * factor for name in _PRICES},
    )
    names = ("symbol", "event_time", "available_time", "revision", "volume", *_PRICES)
    columns: dict[str, Any] = {name: np.concatenate([getattr(facts, name), getattr(corrected, name)]) for name in names}
    joined = replace(facts, **columns)
    return joined.take(np.lexsort((joined.revision, joined.symbol.astype(str), joined.available_time)))


def _with_splits(facts: Facts, rng: np.random.Generator) -> Facts:
    """A split of the first symbol in mid-span, known some bars before it takes effect."""
    mine = np.unique(facts.event_time[facts.symbol == "S0"])
    middle = int(rng.integers(mine.shape[0] // 2, mine.shape[0] * 3 // 4))
    split = Adjustment(
        feed="facts", source="facts", symbol="S0", factor=2.0, effective_time=int(mine[middle]),
        available_time=int(mine[middle - 5]),
    )  # fmt: skip
    return replace(facts, splits=(split,))
