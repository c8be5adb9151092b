"""`backtesting.py` over bars of many symbols: `backtesting_runs.py FILE short|long`.

It simulates one symbol at a time. `short`: one run for every symbol; `long`: all bars as one series and one run, each
symbol's prices scaled to go on from those before: a jump would ruin the account, and end the run. Eight features come
vectorised before each run; a crossing of two of them trades at the next open, with costs.
"""

import json
import os
import sys
import time
from typing import Any

import numpy as np
import pandas as pd

os.environ["TQDM_DISABLE"] = "1"  # before the library is loaded: no progress bars

from backtesting import Backtest, Strategy
from bars import by_symbol

WINDOW = 20


def features(close: Any, high: Any, low: Any, volume: Any) -> list[Any]:
    """EMA 12 and 26, RSI 14, ATR 14, log return, mean and deviation of closes, volume z-score."""
    prices, volumes = pd.Series(close), pd.Series(volume)
    last = prices.shift(1).fillna(prices.iloc[0])
    change = prices - last
    gain = change.clip(lower=0.0).ewm(alpha=1 / 14, adjust=False).mean()
    loss = (-change).clip(lower=0.0).ewm(alpha=1 / 14, adjust=False).mean()
    spread = pd.Series(np.maximum(high, last) - np.minimum(low, last)).ewm(alpha=1 / 14, adjust=False).mean()
    rolling, traded = prices.rolling(WINDOW), volumes.rolling(WINDOW)
    return [
        prices.ewm(span=12, adjust=False).mean().to_numpy(),
        prices.ewm(span=26, adjust=False).mean().to_numpy(),
        (100.0 * gain / (gain + loss)).to_numpy(),
        spread.to_numpy(),
        np.log(prices / last).to_numpy(),
        rolling.mean().to_numpy(),
        rolling.std().to_numpy(),
        ((volumes - traded.mean()) / traded.std()).to_numpy(),
    ]


class Crossing(Strategy):
    """Long while the fast average is above the slow one, else short."""

    def init(self) -> None:
        """Make the features of the whole series."""
        data = self.data
        self.columns = self.I(features, data.Close, data.High, data.Low, data.Volume, plot=False)

    def next(self) -> None:
        """Decide on the newest bar."""
        up = self.columns[0][-1] > self.columns[1][-1]
        if up and not self.position.is_long:
            self.buy()
        elif not up and not self.position.is_short:
            self.sell()


def joined(frames: list[Any]) -> Any:
    """All bars as one series of minutes."""
    prices, close, parts = ["Open", "High", "Low", "Close"], 100.0, []
    for frame in frames:
        part = frame.copy()
        part[prices] *= close / part["Open"].iloc[0]
        close = part["Close"].iloc[-1]
        parts.append(part)
    made = pd.concat(parts, ignore_index=True)
    made.index = pd.date_range("2000-01-01", periods=len(made), freq="min")
    return made


def main(path: str, mode: str) -> None:
    """Run and print the figures; reading the file is not in the time."""
    names = {"open": "Open", "high": "High", "low": "Low", "close": "Close", "volume": "Volume"}
    frames = [rows.rename(columns=names).tz_localize(None) for rows in by_symbol(path).values()]
    if mode == "long":
        frames = [joined(frames)]
    bars = sum(len(frame) for frame in frames)
    begun, worked = time.perf_counter(), time.process_time()
    trades = 0
    for frame in frames:
        run = Backtest(
            frame, Crossing, cash=1_000_000, commission=0.0001, spread=0.0001, exclusive_orders=True,
            finalize_trades=True,
        )  # fmt: skip
        found = run.run()
        trades += int(found["# Trades"])
        if found["_equity_curve"]["Equity"].iloc[-1] <= 0.0:
            raise SystemExit("the account was ruined, and the run ended early")
    seconds, worked = time.perf_counter() - begun, time.process_time() - worked
    print(json.dumps({"bars": bars, "runs": len(frames), "trades": trades, "seconds": seconds, "cpu_seconds": worked}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
