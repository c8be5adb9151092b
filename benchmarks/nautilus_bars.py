"""NautilusTrader's backtest engine over bars of many symbols: `nautilus_bars.py FILE bars|features|indicators`.

One strategy is subscribed to every symbol. It sends no orders: what is measured is the engine's way of a bar to
`on_bar`, and there, beyond `bars`, eight features: in plain Python (`features`) or with the library's own indicators
where it has them (`indicators`). Building the engine and the bars is not in the time; nothing is logged.
"""

import json
import math
import sys
import time
from decimal import Decimal
from typing import Any

from bars import by_symbol
from features import Features
from nautilus_trader.backtest.config import BacktestEngineConfig
from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.config import LoggingConfig, StrategyConfig
from nautilus_trader.indicators import (
    AverageTrueRange,
    BollingerBands,
    ExponentialMovingAverage,
    RelativeStrengthIndex,
)
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import AccountType, OmsType
from nautilus_trader.model.identifiers import Venue
from nautilus_trader.model.objects import Money
from nautilus_trader.persistence.wranglers import BarDataWrangler
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy

VENUE = "XNAS"


class Indicators:
    """The same eight features, by the library's indicators; log return and volume z-score in plain Python."""

    def __init__(self) -> None:
        self.fast, self.slow = ExponentialMovingAverage(12), ExponentialMovingAverage(26)
        self.strength, self.range = RelativeStrengthIndex(14), AverageTrueRange(14)
        self.closes, self.volumes = BollingerBands(20, 1.0), BollingerBands(20, 1.0)
        self.last = math.nan

    def update(self, high: float, low: float, close: float, volume: float) -> tuple[float, ...]:
        """Take one bar and return its eight features."""
        last = self.last if self.last == self.last else close
        self.last = close
        self.fast.update_raw(close)
        self.slow.update_raw(close)
        self.strength.update_raw(close)
        self.range.update_raw(high, low, close)
        self.closes.update_raw(close, close, close)
        self.volumes.update_raw(volume, volume, volume)
        spread = self.volumes.upper - self.volumes.middle
        return (
            self.fast.value,
            self.slow.value,
            self.strength.value,
            self.range.value,
            math.log(close / last),
            self.closes.middle,
            self.closes.upper - self.closes.middle,
            (volume - self.volumes.middle) / spread if spread else 0.0,
        )


class Watcher(Strategy):
    """Counts bars, and makes features of them if told how."""

    def __init__(self, types: list[BarType], make: type[Features] | type[Indicators] | None) -> None:
        super().__init__(StrategyConfig())
        self.types, self.seen, self.last = types, 0, ()
        self.features: dict[BarType, Any] | None = None if make is None else {kind: make() for kind in types}

    def on_start(self) -> None:
        """Follow every symbol."""
        for kind in self.types:
            self.subscribe_bars(kind)

    def on_bar(self, bar: Bar) -> None:
        """Take one bar."""
        self.seen += 1
        if self.features is not None:
            self.last = self.features[bar.bar_type].update(
                bar.high.as_double(), bar.low.as_double(), bar.close.as_double(), bar.volume.as_double()
            )


def main(path: str, mode: str) -> None:
    """Run once and print the figures."""
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    engine.add_venue(
        venue=Venue(VENUE),
        oms_type=OmsType.NETTING,
        account_type=AccountType.MARGIN,
        base_currency=USD,
        starting_balances=[Money(1_000_000, USD)],
        default_leverage=Decimal(1),
    )
    types: list[BarType] = []
    bars: list[Bar] = []
    for name, rows in by_symbol(path).items():
        instrument = TestInstrumentProvider.equity(symbol=name, venue=VENUE)
        engine.add_instrument(instrument)
        kind = BarType.from_str(f"{instrument.id}-1-MINUTE-LAST-EXTERNAL")
        types.append(kind)
        bars += BarDataWrangler(kind, instrument).process(rows)
    engine.add_data(bars)
    makers: dict[str, Any] = {"bars": None, "features": Features, "indicators": Indicators}
    strategy = Watcher(types, makers[mode])
    engine.add_strategy(strategy)
    begun, worked = time.perf_counter(), time.process_time()
    engine.run()
    seconds, worked = time.perf_counter() - begun, time.process_time() - worked
    if strategy.seen != len(bars):
        raise SystemExit(f"{strategy.seen} of {len(bars)} bars came to the strategy")
    print(json.dumps({"bars": len(bars), "symbols": len(types), "seconds": seconds, "cpu_seconds": worked}))
    engine.dispose()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
