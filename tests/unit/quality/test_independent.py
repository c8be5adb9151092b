"""Marks against pandas and plain loops, on real bars and on a simulated market with holes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.engine import PartitionEngine
from pipeline.offline import cross_sections
from producers.bar_files import read_bars
from producers.bar_table import BarTable
from schemas.bars import Watermark
from tests.support.bar_marks import GapOracle, Marks, marks_of, spikes, stale
from tests.support.engine_log import ONE

ROOT = Path(__file__).parents[3]
DAILY = ROOT / "signaltape" / "data" / "us_equities_1d.parquet"
MINUTES = ROOT.parent / "shared" / "data" / "us_equities_1m_2024_q1q3.parquet"


def engine_marks(table: BarTable) -> Marks:
    messages = [Watermark(feed="offline", event_time=0, state="open"), *cross_sections(table, table.interval)]
    engine = PartitionEngine(ONE)
    return marks_of(messages, [engine.step(message, offset) for offset, message in enumerate(messages)])


def oracle_marks(table: BarTable) -> Marks:
    columns = ("symbol", "event_time", "high", "low", "close", "volume", "volume_valid")
    frame = pd.DataFrame({name: getattr(table, name) for name in columns})
    found: Marks = {}
    minutes = None if table.interval == "1d" else 1
    for symbol, unsorted in frame.groupby("symbol"):
        bars = unsorted.sort_values("event_time").reset_index(drop=True)
        if minutes is None:
            steps = pd.Series((bars["event_time"] - 1) // 86_400_000_000_000).diff()
        else:
            steps = bars["event_time"].diff() / 60e9
        gaps = GapOracle(minutes)
        marks = {
            "gap": [gaps.see(time) for time in bars["event_time"].tolist()],
            "spike": spikes(bars["close"], steps).tolist(),
            "stale": stale(bars).tolist(),
            "zero_volume": (bars["volume_valid"] & (bars["volume"] == 0.0)).tolist(),
        }
        for row, time in enumerate(bars["event_time"].tolist()):
            found[str(symbol), time, "file"] = frozenset(kind for kind, column in marks.items() if column[row])
    return found


def counts(marks: Marks) -> dict[str, int]:
    names = sorted({kind for kinds in marks.values() for kind in kinds})
    return {name: sum(name in kinds for kinds in marks.values()) for name in names}


def assert_same(table: BarTable) -> dict[str, int]:
    found, expected = engine_marks(table), oracle_marks(table)
    assert found.keys() == expected.keys()
    different = {key: (found[key], expected[key]) for key in found if found[key] != expected[key]}
    assert not different, list(different.items())[:5]
    return counts(found)


def test_real_daily_bars() -> None:
    """Unadjusted: the splits of 2000, 2003 and 2005 are spikes here, holidays are the gaps."""
    table = read_bars(DAILY, "1d", "close")
    found = assert_same(table)
    assert found["gap"] > 100
    assert found["spike"] >= 4


@pytest.mark.skipif(not MINUTES.is_file(), reason="the recorded minute bars are not part of the project")
def test_real_minute_bars() -> None:
    table = read_bars(MINUTES, "1m", "close")
    some = table.take(np.isin(table.symbol, ["CPAY", "NVR"]))
    found = assert_same(some.between(end=int(np.quantile(some.event_time, 0.04))))
    assert found["gap"] > 25
    assert found["spike"] > 0


def dirty_minutes(seed: int, days: int = 16, symbols: int = 3) -> BarTable:
    """Minutes from 14:30 to 16:10 on weekdays with a lunch break, holes, flat stretches, jumps and empty volumes."""
    rng = np.random.default_rng(seed)
    names, times = [], []
    for symbol in range(symbols):
        for day in range(19_723, 19_723 + days):
            if (day + 3) % 7 > 4 or rng.random() < 0.08:
                continue
            minutes = np.arange(871 + rng.integers(0, 3), 970 - rng.integers(0, 8))
            keep = (rng.random(minutes.shape[0]) > 0.03) & ~((minutes > 900) & (minutes < 920))
            times += (day * 1440 + minutes[keep]).tolist()
            names += [f"S{symbol}"] * int(keep.sum())
    n = len(times)
    moves = rng.normal(0.0, 0.001, n) * (rng.random(n) > 0.1) + (rng.random(n) < 0.01) * rng.normal(0.0, 0.02, n)
    flat = np.repeat(rng.random(n // 15 + 1) < 0.15, 15)[:n]
    close = np.round(100.0 * np.exp(np.cumsum(np.where(flat, 0.0, moves))), 2)
    spread = np.where(flat, 0.0, np.round(rng.random(n) * 0.03, 2))
    return BarTable(
        interval="1m",
        symbol=np.array(names),
        event_time=np.array(times, dtype=np.int64) * 60_000_000_000,
        open=close,
        high=close + spread,
        low=close - spread,
        close=close,
        volume=rng.integers(0, 20, n).astype(float),
        volume_valid=rng.random(n) > 0.1,
        line=np.arange(n),
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_simulated_minutes_with_every_fault(seed: int) -> None:
    found = assert_same(dirty_minutes(seed))
    assert all(found[kind] > 3 for kind in ("gap", "spike", "stale", "zero_volume")), found
