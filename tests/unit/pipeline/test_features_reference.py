"""Every feature against numbers from elsewhere: reference vectors, TA-Lib's C library, pandas."""

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import talib

from pipeline.engine_state import IntervalState
from pipeline.features import CORE, FEATURE_SETS, plan
from schemas.bars import BarBatch
from schemas.intervals import MINUTE

SHARED = Path(__file__).parents[4] / "shared"
NAMES = tuple(feature.name for feature in CORE)
Bars = dict[str, np.ndarray]


def features_of(bars: Bars) -> Bars:
    """All columns of one series from bar 0 on, NaN where undefined."""
    state = IntervalState(plan((FEATURE_SETS["core"],)), 64)
    state.add(["X"], 0)
    rows, made = state.locate(("X",)), []
    for at in range(len(bars["close"])):
        volume = bars["volume"][at : at + 1]
        batch = BarBatch(
            feed="f", source="s", interval="1m", event_time=(at + 1) * MINUTE, available_time=0, symbols=("X",),
            open=bars["open"][at : at + 1], high=bars["high"][at : at + 1], low=bars["low"][at : at + 1],
            close=bars["close"][at : at + 1], volume=np.nan_to_num(volume), volume_valid=~np.isnan(volume),
        )  # fmt: skip
        with np.errstate(all="ignore"):
            made.append(state.advance(rows, batch, None, at).values[0])
    matrix = np.array(made)
    matrix[~np.isfinite(matrix)] = np.nan
    return {name: matrix[:, place] for place, name in enumerate(NAMES)}


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
        typical = pd.Series((bars["high"] + bars["low"] + bars["close"]) / 3.0)
        mean = typical.rolling(20).mean()
        spread = typical.rolling(20).apply(lambda x: np.abs(x - x.mean()).mean(), raw=True)
        with np.errstate(divide="ignore"):
            return np.nan_to_num((1e-9 + 16 * 2.0**-52 * mean / (0.015 * spread)).to_numpy(), posinf=np.inf)
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
    """Window by window, each taken afresh (numpy on pandas' rolling views, no running sums)."""
    high, low, close, volume = (pd.Series(bars[name]) for name in ("high", "low", "close", "volume"))
    logs = np.log(close)
    returns = logs.diff()
    fresh = {"raw": True}
    typical = (high + low + close) / 3.0
    level = close.rolling(20).max() == close.rolling(20).min()
    quiet = volume.rolling(20).max() == volume.rolling(20).min()
    mean = close.rolling(20).apply(np.mean, **fresh)
    width = 2.0 * close.rolling(20).apply(np.std, **fresh)
    total = volume.rolling(20).apply(np.sum, **fresh)
    vwap = (typical * volume).rolling(20).apply(np.sum, **fresh) / total
    deviation = volume.rolling(20).apply(lambda x: np.std(x, ddof=1), **fresh)
    centred = volume - volume.rolling(20).apply(np.mean, **fresh)
    obv = volume.where(close > close.shift(), -volume).where(close != close.shift(), 0.0)
    obv[0] = volume[0]
    obv = obv.cumsum()
    columns = {
        "logret_1": returns,
        "logret_5": logs.diff(5),
        "logret_20": logs.diff(20),
        "ret_mean_20": returns.rolling(20).apply(np.mean, **fresh),
        "ret_std_20": returns.rolling(20).apply(lambda x: np.std(x, ddof=1), **fresh),
        "realized_vol_20": returns.rolling(20).apply(lambda x: np.sqrt(np.sum(x * x)), **fresh),
        "parkinson_20": (np.log(high / low) ** 2).rolling(20).apply(np.sum, **fresh).div(80.0 * np.log(2.0)) ** 0.5,
        "max_drawdown_20": close.rolling(20).apply(lambda x: (x / np.maximum.accumulate(x)).min() - 1.0, **fresh),
        "momentum_pct_10": close / close.shift(10) - 1.0,
        "volume_z_20": (centred / deviation).mask(quiet),
        "vwap_gap_20": close / vwap - 1.0,
        "bb_percent_b_20_2": ((close - (mean - width)) / (2.0 * width)).mask(level),
        "obv_slope_20": obv.diff(20) / total,
    }
    return {name: column.replace([np.inf, -np.inf], np.nan).to_numpy(np.float64) for name, column in columns.items()}


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


def constructed(kind: str) -> Bars:
    rng = np.random.default_rng(11)
    size = 200
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
    elif kind == "two_prices":
        close = np.where(rng.random(size) > 0.5, 10.0, 10.01)
    opening = np.concatenate([close[:1], close[:-1]])
    reach = 0.0 if kind in ("flat", "only_gains", "two_prices") else 0.003
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
         "two_prices", "no_volume", "equal_volume", "last_bit_ties")  # fmt: skip


def assert_agrees(bars: Bars) -> None:
    ours = features_of(bars)
    expected = from_pandas(bars) | companions(ours, bars) | from_talib(bars)
    assert set(expected) == set(NAMES), "a column without a reference"
    for name, theirs in expected.items():
        assert_close(name, ours[name], theirs, bars)


@pytest.mark.parametrize("kind", KINDS)
def test_constructed_series_agree_with_talib_and_pandas(kind: str) -> None:
    assert_agrees(constructed(kind))


def real_series() -> Iterator[tuple[str, Bars]]:
    for name in ("us_equities_1d_2000_2013", "us_equities_1m_2024_q1q3"):
        path = SHARED / "data" / f"{name}.parquet"
        if not path.exists():
            continue
        table = pd.read_parquet(path)
        for symbol, rows in table.groupby("symbol", sort=True):
            columns = ("open", "high", "low", "close", "volume")
            yield f"{symbol}-{name[12:14]}", {c: rows[c].to_numpy(np.float64)[:4000].copy() for c in columns}


REAL = dict(real_series())


@pytest.mark.skipif(not REAL, reason="the series of ../shared/data are not here")
@pytest.mark.parametrize("name", sorted(REAL) or ["none"])
def test_real_series_agree_with_talib_and_pandas(name: str) -> None:
    assert_agrees(REAL[name])


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
        "minimal": (1, "130675aef816a33b"),
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


def test_no_feature_sees_the_future() -> None:
    bars = constructed("walk")
    whole = features_of(bars)
    changed = {name: column.copy() for name, column in bars.items()}
    for column in changed.values():
        column[120:] *= 1.5
    later, cut = features_of(changed), features_of({name: column[:120] for name, column in bars.items()})
    for name in NAMES:
        assert np.array_equal(whole[name][:120], cut[name], equal_nan=True), name
        assert np.array_equal(whole[name][:120], later[name][:120], equal_nan=True), name


def test_comparable_features_do_not_change_with_the_unit_of_price() -> None:
    bars = constructed("walk")
    scaled = (
        bars | {name: bars[name] * 4.0 for name in ("open", "high", "low", "close")} | {"volume": bars["volume"] / 4.0}
    )
    ours, theirs = features_of(bars), features_of(scaled)
    for feature in CORE:
        equal = np.allclose(ours[feature.name], theirs[feature.name], rtol=1e-9, atol=1e-12, equal_nan=True)
        assert equal == feature.comparable, feature.name
