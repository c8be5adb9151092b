"""Columns of single symbols' bars from bar 0 on, by the engine's own state: for examples, checks and comparisons."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from pipeline.engine_state import IntervalState
from pipeline.features import FEATURE_SETS, FeatureSet, plan
from schemas.bars import BarBatch
from schemas.fields import F8Array, I8Array
from schemas.intervals import MINUTE

#: Columns of a series: open, high, low, close, volume (NaN where there is none), float64 (bars,) each.
Series = Mapping[str, F8Array]
_PRICES = ("open", "high", "low", "close")


def columns_of(all_series: Sequence[Series], feature_set: FeatureSet) -> list[dict[str, F8Array]]:
    """Return, for each series, every column of the set: float64 (bars,), NaN where undefined.

    The series are computed side by side as symbols of one partition and may differ in length; each has the bits that
    it has alone.
    """
    chosen = plan((feature_set,))
    lengths = np.array([one["close"].shape[0] for one in all_series], dtype=np.int64)
    order = np.argsort(-lengths, kind="stable")
    block = _block(all_series, order, int(lengths.max()))
    symbols = tuple(f"S{place}" for place in range(len(all_series)))
    state = IntervalState(chosen, 64)
    state.add(list(symbols), 0)
    made = np.full((block.shape[1], len(all_series), len(chosen.columns)), np.nan)
    for t in range(block.shape[1]):
        alive = int(np.count_nonzero(lengths > t))
        batch = _batch(block[:, t, :alive], symbols[:alive], t)
        with np.errstate(all="ignore"):
            made[t, :alive] = state.advance(state.locate(batch.symbols), batch, None, t).values
    made[~np.isfinite(made)] = np.nan
    found: list[dict[str, F8Array]] = [{} for _ in all_series]
    for place, at in enumerate(order.tolist()):
        for name in feature_set.names:
            found[at][name] = made[: lengths[at], place, chosen.columns.index(name)]
    return found


def _block(all_series: Sequence[Series], order: I8Array, longest: int) -> F8Array:
    """Open, high, low, close, volume, float64 (5, bars, series), longest series first, NaN past a series' end."""
    block = np.full((5, longest, len(all_series)), np.nan)
    for place, at in enumerate(order.tolist()):
        for row, name in enumerate((*_PRICES, "volume")):
            column = all_series[at][name]
            block[row, : column.shape[0], place] = column
    return block


def _batch(bars: F8Array, symbols: tuple[str, ...], t: int) -> BarBatch:
    known = ~np.isnan(bars[4])
    return BarBatch(
        feed="series", source="series", interval="1m", event_time=(t + 1) * MINUTE, available_time=0, symbols=symbols,
        open=bars[0], high=bars[1], low=bars[2], close=bars[3],
        volume=np.where(known, bars[4], 0.0), volume_valid=known,
    )  # fmt: skip


def column(
    name: str,
    close: npt.ArrayLike,
    high: npt.ArrayLike | None = None,
    low: npt.ArrayLike | None = None,
    volume: npt.ArrayLike | None = None,
) -> F8Array:
    """Return one column of ``core`` for one symbol: float64 (bars,), NaN where undefined.

    ``high`` and ``low`` default to the close, ``volume`` to none. Raises KeyError for a column that doesn't exist.

    >>> column("logret_1", [100.0, 110.0, 99.0]).round(4).tolist()
    [nan, 0.0953, -0.1054]
    """
    if name not in FEATURE_SETS["core"].names:
        raise KeyError(f"unknown feature {name!r}; known: {', '.join(FEATURE_SETS['core'].names)}")
    closes = np.asarray(close, dtype=np.float64)
    series = {
        "open": closes,
        "close": closes,
        "high": closes if high is None else np.asarray(high, dtype=np.float64),
        "low": closes if low is None else np.asarray(low, dtype=np.float64),
        "volume": np.full(closes.shape, np.nan) if volume is None else np.asarray(volume, dtype=np.float64),
    }
    return columns_of([series], FEATURE_SETS["core"])[0][name]
