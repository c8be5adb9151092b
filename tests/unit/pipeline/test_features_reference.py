"""Every feature against numbers from elsewhere: reference vectors, TA-Lib's C library, pandas."""

import csv
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import talib

from pipeline.features import CORE, FEATURE_SETS, WARM
from pipeline.offline import compute
from pipeline.series import columns_of
from producers.bar_table import BarTable
from schemas.intervals import MINUTE

SHARED = Path(__file__).parents[4] / "shared"
#: `make crash` asks for the whole length; every bar is a step of its own.
LONG_BARS = int(os.environ.get("SIGNALTAPE_LONG_BARS", "10000"))
#: Bars of each real series: all of them where the whole length is asked for.
REAL_BARS = 100_000 if "SIGNALTAPE_LONG_BARS" in os.environ else 5_000
NAMES = tuple(feature.name for feature in CORE)
Bars = dict[str, np.ndarray]


def features_of(bars: Bars) -> Bars:
    """All columns of one series from bar 0 on, NaN where undefined."""
    return columns_of([bars], FEATURE_SETS["core"])[0]


def windows(x: np.ndarray | pd.Series, reduce: Callable[..., np.ndarray], size: int = 20) -> np.ndarray:
    """Reduce each window of ``size`` bars by itself, numpy's way (pairwise sums); NaN before the first whole one."""
    values = np.asarray(x, dtype=np.float64)
    made = np.full(values.shape, np.nan)
    if values.shape[0] >= size:
        made[size - 1 :] = reduce(np.lib.stride_tricks.sliding_window_view(values, size), axis=1)
    return made


def tolerance(name: str, bars: Bars) -> np.ndarray | float:
    """Absolute part of the tolerance by kind of column; 1e-9 relative comes on top."""
    if name in ("rsi_14", "adx_14", "stoch_k_14_3_3", "stoch_d_14_3_3", "willr_14", "mfi_14", "volume_z_20",
                "bb_percent_b_20_2"):  # fmt: skip
        return 1e-9
    if name.startswith(("ema_1", "ema_2", "atr_14", "macd")) or name == "momentum_10":
        return 1e-12 * float(bars["close"].max())
    if name == "obv":
        return 1e-12 * float(np.nanmax(np.abs(bars["volume"]))) * len(bars["volume"])
    if name == "cci_20":
        typical = (bars["high"] + bars["low"] + bars["close"]) / 3.0
        mean = windows(typical, np.mean)
        spread = windows(typical, lambda x, axis: np.abs(x - x.mean(axis=axis, keepdims=True)).mean(axis=axis))
        with np.errstate(divide="ignore"):
            return np.nan_to_num(1e-9 + 16 * 2.0**-52 * mean / (0.015 * spread), posinf=np.inf)
    return 1e-12


def assert_close(name: str, ours: np.ndarray, theirs: np.ndarray, bars: Bars) -> None:
    assert np.array_equal(np.isnan(ours), np.isnan(theirs)), (
        f"{name}: defined at other bars, first at {np.flatnonzero(np.isnan(ours) != np.isnan(theirs))[:3]}"
    )
    here = ~np.isnan(theirs)
    bound = 1e-9 * np.abs(theirs) + tolerance(name, bars)
    worst = np.flatnonzero(here & ~(np.abs(ours - theirs) <= bound))
    assert not worst.size, f"{name} at bar {worst[:3]}: {ours[worst[:3]]} against {theirs[worst[:3]]}"


def from_talib(bars: Bars) -> Bars:
    h, l, c, v = (bars[name] for name in ("high", "low", "close", "volume"))  # noqa: E741
    k, d = talib.STOCH(h, l, c, 14, 3, 0, 3, 0)
    line, signal, histogram = talib.MACD(c, 12, 26, 9)
    return {
        "momentum_10": talib.MOM(c, 10),
        "ema_12": talib.EMA(c, 12),
        "ema_26": talib.EMA(c, 26),
        "rsi_14": talib.RSI(c, 14),
        "atr_14": talib.ATR(h, l, c, 14),
        "macd_12_26_9": line,
        "macd_signal_12_26_9": signal,
        "macd_hist_12_26_9": histogram,
        "adx_14": talib.ADX(h, l, c, 14),
        "obv": talib.OBV(c, v),
        "stoch_k_14_3_3": k,
        "stoch_d_14_3_3": d,
        "cci_20": talib.CCI(h, l, c, 20),
        "willr_14": talib.WILLR(h, l, c, 14),
        "mfi_14": talib.MFI(h, l, c, v, 14),
    }


def from_pandas(bars: Bars) -> Bars:
    """Window by window, each taken afresh (no running sums)."""
    high, low, close, volume = (pd.Series(bars[name]) for name in ("high", "low", "close", "volume"))
    logs = np.log(close)
    returns = logs.diff()
    typical = (high + low + close) / 3.0
    level = close.rolling(20).max() == close.rolling(20).min()
    quiet = volume.rolling(20).max() == volume.rolling(20).min()
    mean, width = windows(close, np.mean), 2.0 * windows(close, np.std)
    total = windows(volume, np.sum)
    vwap = windows(typical * volume, np.sum) / total
    obv = volume.where(close > close.shift(), -volume).where(close != close.shift(), 0.0)
    obv[0] = volume[0]
    obv = obv.cumsum()
    columns = {
        "logret_1": returns,
        "logret_5": logs.diff(5),
        "logret_20": logs.diff(20),
        "ret_mean_20": windows(returns, np.mean),
        "ret_std_20": windows(returns, partial(np.std, ddof=1)),
        "realized_vol_20": np.sqrt(windows(returns**2, np.sum)),
        "parkinson_20": np.sqrt(windows(np.log(high / low) ** 2, np.sum) / (80.0 * np.log(2.0))),
        "max_drawdown_20": windows(
            close, lambda x, axis: (x / np.maximum.accumulate(x, axis=axis)).min(axis=axis) - 1.0
        ),
        "momentum_pct_10": close / close.shift(10) - 1.0,
        "volume_z_20": ((volume - windows(volume, np.mean)) / windows(volume, partial(np.std, ddof=1))).mask(quiet),
        "vwap_gap_20": close / vwap - 1.0,
        "bb_percent_b_20_2": ((close - (mean - width)) / (2.0 * width)).mask(level),
        "obv_slope_20": obv.diff(20) / total,
    }
    made = {name: np.asarray(column, dtype=np.float64) for name, column in columns.items()}
    return {name: np.where(np.isfinite(column), column, np.nan) for name, column in made.items()}


def companions(ours: Bars, bars: Bars) -> Bars:
    close = bars["close"]
    return {
        "ema_gap_12": close / ours["ema_12"] - 1.0,
        "ema_gap_26": close / ours["ema_26"] - 1.0,
        "atr_pct_14": ours["atr_14"] / close,
        "macd_pct": ours["macd_12_26_9"] / close,
        "macd_signal_pct": ours["macd_signal_12_26_9"] / close,
        "macd_hist_pct": ours["macd_hist_12_26_9"] / close,
    }


def constructed(kind: str, size: int = 200) -> Bars:
    rng = np.random.default_rng(11)
    close = 50.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, size)))
    if kind == "flat":
        close = np.full(size, 17.3)
    elif kind == "flat_after_movement":
        close[60:130] = close[60]
    elif kind == "only_gains":
        close = 10.0 + np.arange(size) * 0.1
    elif kind == "only_losses":
        close = 100.0 - np.arange(size) * 0.1
    elif kind == "tiny_prices":
        close = np.round(close * 1e-6, 9)
    elif kind == "large_prices":
        close = np.round(close * 1e6)
    elif kind == "wide_prices":
        close = np.geomspace(1e-6, 1e6, size) * np.exp(rng.normal(0.0, 0.05, size))
    elif kind == "two_prices":
        close = np.where(rng.random(size) > 0.5, 10.0, 10.01)
    elif kind == "one_tick":
        close = np.round(25.0 + 0.01 * np.cumsum(rng.integers(-1, 2, size)), 2)
    opening = np.concatenate([close[:1], close[:-1]])
    reach = 0.0 if kind in ("flat", "only_gains", "two_prices", "one_tick") else 0.003
    spread = close * reach * rng.random((2, size))
    high, low = np.maximum(opening, close) + spread[0], np.minimum(opening, close) - spread[1]
    if kind == "last_bit_ties":
        # Equal typical prices on paper, (h + l + c) / 3 differs in the last bit.
        close = np.round(10.01 + 0.01 * (np.arange(size) // 25 % 3), 2)
        reach_cents = rng.integers(1, 90, size) / 100.0
        opening, high, low = close, np.round(close + reach_cents, 2), np.round(close - reach_cents, 2)
    volume = rng.integers(0, 900, size).astype(np.float64)
    if kind == "no_volume":
        volume[:] = 0.0
    elif kind == "equal_volume":
        volume[40:90] = 100.0
    return {"open": opening, "high": high, "low": low, "close": close, "volume": volume}


KINDS = ("walk", "flat", "flat_after_movement", "only_gains", "only_losses", "tiny_prices", "large_prices",
         "wide_prices", "two_prices", "one_tick", "no_volume", "equal_volume", "last_bit_ties")  # fmt: skip


def assert_agrees(bars: Bars, ours: Bars) -> None:
    with np.errstate(all="ignore"):
        compare(bars, ours)


def compare(bars: Bars, ours: Bars) -> None:
    expected = from_pandas(bars) | companions(ours, bars) | from_talib(bars)
    assert set(expected) == set(NAMES), "a column without a reference"
    for name, theirs in expected.items():
        assert_close(name, ours[name], theirs, bars)


@pytest.mark.parametrize("kind", KINDS)
def test_constructed_series_agree_with_talib_and_pandas(kind: str) -> None:
    bars = constructed(kind)
    assert_agrees(bars, features_of(bars))


@pytest.mark.long
def test_a_long_series_does_not_drift() -> None:
    """Moves, flat stretches and one-tick stretches in turn: what recursive columns keep must not wander off."""
    kinds = ("walk", "flat_after_movement", "one_tick", "no_volume", "two_prices")
    parts = [constructed(kind, LONG_BARS // len(kinds)) for kind in kinds]
    bars = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    assert_agrees(bars, features_of(bars))


def real_series() -> Iterator[tuple[str, Bars]]:
    for name in ("us_equities_1d_2000_2013", "us_equities_1m_2024_q1q3"):
        path = SHARED / "data" / f"{name}.parquet"
        if not path.exists():
            continue
        table = pd.read_parquet(path)
        for symbol, rows in table.groupby("symbol", sort=True):
            columns = ("open", "high", "low", "close", "volume")
            yield f"{symbol}-{name[12:14]}", {c: rows[c].to_numpy(np.float64)[:REAL_BARS].copy() for c in columns}


REAL = dict(real_series())


@pytest.fixture(scope="module")
def real_columns() -> dict[str, Bars]:
    """Every real series, computed side by side."""
    return dict(zip(REAL, columns_of(list(REAL.values()), FEATURE_SETS["core"]), strict=True))


@pytest.mark.long
@pytest.mark.skipif(not REAL, reason="the series of ../shared/data are not here")
@pytest.mark.parametrize("name", sorted(REAL) or ["none"])
def test_real_series_agree_with_talib_and_pandas(name: str, real_columns: dict[str, Bars]) -> None:
    assert_agrees(REAL[name], real_columns[name])


@pytest.mark.skipif(not (SHARED / "reference").exists(), reason="../shared/reference/vectors.csv is not here")
def test_reference_vectors() -> None:
    with (SHARED / "reference" / "vectors.csv").open() as stream:
        rows = list(csv.DictReader(stream))

    def column(name: str) -> np.ndarray:
        return np.array([float(row[name]) if row[name] else np.nan for row in rows])

    bars = {name: column(name) for name in ("open", "high", "low", "close", "volume")}
    ours = features_of(bars)
    compared = [name for name in rows[0] if name in ours]
    assert len(compared) == 26
    for name in compared:
        assert_close(name, ours[name], column(name), bars)


def test_the_computation_behind_a_hash_stands_still() -> None:
    """Another hash is another set: raise the family's or the set's version with it, and retrain what names it."""
    assert {name: (one.version, one.hash) for name, one in FEATURE_SETS.items()} == {
        "core": (1, "bb25e2a67fb19d40"),
        "minimal": (2, "f100b85feadd3de6"),
    }


def test_first_valid_bars_are_as_declared() -> None:
    ours = features_of(constructed("walk"))
    for feature in CORE:
        assert int(np.flatnonzero(~np.isnan(ours[feature.name]))[0]) == feature.first, feature.name


def test_missing_volume_leaves_prices_alone_and_obv_undefined_for_good() -> None:
    bars = constructed("walk")
    whole = features_of(bars)
    bars["volume"][100] = np.nan
    ours = features_of(bars)
    touched = {"volume_z_20": 20, "vwap_gap_20": 20, "mfi_14": 14, "obv": 100, "obv_slope_20": 100}
    for name in NAMES:
        missing = np.flatnonzero(np.isnan(ours[name]) & ~np.isnan(whole[name]))
        assert missing.tolist() == list(range(100, 100 + touched.get(name, 0))), name
        rest = np.setdiff1d(np.arange(200), missing)
        assert np.array_equal(ours[name][rest], whole[name][rest], equal_nan=True), name


def test_gaps_of_days_are_not_filled_and_reset_nothing() -> None:
    """Windows count bars: the same bars with days missing between them give the same columns."""
    bars = constructed("walk")
    size = len(bars["close"])
    steady = np.arange(1, size + 1) * MINUTE
    gappy = (steady // MINUTE + np.cumsum(np.arange(size) % 37 == 36) * 3 * 1_440) * MINUTE
    tables = [
        compute(
            BarTable(
                interval="1m", symbol=np.full(size, "X"), event_time=times, **bars,
                volume_valid=np.ones(size, dtype=np.bool_), line=np.arange(size),
            ),
            "1m",
        )
        for times in (steady, gappy)
    ]  # fmt: skip
    assert tables[0].values.shape[0] == size - WARM
    assert tables[0].values.tobytes() == tables[1].values.tobytes()
    expected = features_of(bars)
    assert all(
        np.array_equal(np.where(valid, column, np.nan), expected[name][WARM:], equal_nan=True)
        for name, column, valid in zip(NAMES, tables[0].values.T, tables[0].valid.T, strict=True)
    )


def test_comparable_features_do_not_change_with_the_unit_of_price() -> None:
    bars = constructed("walk")
    scaled = (
        bars | {name: bars[name] * 4.0 for name in ("open", "high", "low", "close")} | {"volume": bars["volume"] / 4.0}
    )
    ours, theirs = features_of(bars), features_of(scaled)
    for feature in CORE:
        equal = np.allclose(ours[feature.name], theirs[feature.name], rtol=1e-9, atol=1e-12, equal_nan=True)
        assert equal == feature.comparable, feature.name
