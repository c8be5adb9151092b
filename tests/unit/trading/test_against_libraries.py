"""Equity at every bar against backtesting.py, and against what vectorbt made of five symbols with shared cash."""

import json
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.trading.options import TradingOptions
from schemas.fields import F8Array
from tests.support.trading_market import NONE, Market, market, run

pytestmark = pytest.mark.unit
REFERENCE = json.loads(Path(__file__).with_name("vectorbt_reference.json").read_text())


@pytest.fixture(scope="module")
def backtesting() -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import backtesting as library  # slow to import: only where it is used
    return library


def library_equity(
    library: ModuleType, drawn: Market, options: TradingOptions, **terms: Any
) -> tuple[F8Array, pd.DataFrame]:
    """What backtesting.py makes of the first symbol; it pays no price for selling, so slippage is a fee to it."""

    class Follow(library.Strategy):  # type: ignore[misc,name-defined]
        def init(self) -> None:
            pass

        def next(self) -> None:
            said = drawn.direction[len(self.data) - 1, 0]
            if said == NONE:
                return
            wanted = int(said * options.weight * self.equity / self.data.Close[-1])
            missing = wanted - self.position.size
            if missing:
                (self.buy if missing > 0 else self.sell)(size=abs(missing))

    frame = pd.DataFrame(
        {
            "Open": drawn.open[:, 0],
            "High": np.maximum(drawn.open, drawn.close)[:, 0],
            "Low": np.minimum(drawn.open, drawn.close)[:, 0],
            "Close": drawn.close[:, 0],
        },
        index=pd.bdate_range("2024-01-01", periods=len(drawn.open)),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = library.Backtest(frame, Follow, cash=options.capital, margin=0.05, **terms).run()
    return found["_equity_curve"]["Equity"].to_numpy(), found["_trades"]


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(("commission_bps", "slippage_bps"), [(0.0, 0.0), (12.0, 0.0), (0.0, 8.0)])
def test_equity_at_every_bar_equals_backtesting(
    backtesting: ModuleType, seed: int, commission_bps: float, slippage_bps: float
) -> None:
    """Long, short and flat signals, each trading back to its weight, whole units, at the next open."""
    drawn = market(seed, bars=250, symbols=1)
    drawn.direction[0] = NONE  # backtesting.py asks its strategy from the second bar on
    options = TradingOptions(
        capital=100_000.0, weight=0.9, lot=1.0, rebalance=True, max_weight=2.0, max_gross=2.0,
        commission_bps=commission_bps, slippage_bps=slippage_bps,
    )  # fmt: skip
    share = (commission_bps + slippage_bps) / 10_000
    expected, theirs = library_equity(backtesting, drawn, options, commission=share)
    _, steps = run(options, drawn.sections())
    np.testing.assert_allclose([one.equity for one in steps], expected, rtol=1e-9, atol=0)
    assert len(theirs) > 20
    assert np.ptp(expected) > 1_000


def test_trades_equal_those_of_backtesting(backtesting: ModuleType) -> None:
    """Positions that are opened once and closed once are one trade to both."""
    drawn = market(4, bars=250, symbols=1, signals=1.0)
    drawn.direction[0] = NONE
    # Only changes of direction, through flat: each trade has one entry and one exit.
    last = 0
    for bar in range(1, len(drawn.direction)):
        said = drawn.direction[bar, 0]
        if said == last or (said and last):
            drawn.direction[bar, 0] = NONE if said == last else 0
        last = last if drawn.direction[bar, 0] == NONE else drawn.direction[bar, 0]
    options = TradingOptions(capital=100_000.0, weight=0.9, lot=1.0, commission_bps=12.0)
    _, theirs = library_equity(backtesting, drawn, options, commission=0.0012)
    _, steps = run(options, drawn.sections())
    ours = [trades for one in steps for trades in one.trades]
    theirs = theirs.sort_values("ExitBar")
    assert len(theirs) == len(ours) > 20
    np.testing.assert_allclose([one.net[0] for one in ours], theirs["PnL"], rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose([one.entry_price[0] for one in ours], theirs["EntryPrice"], rtol=1e-12)
    np.testing.assert_allclose([one.exit_price[0] for one in ours], theirs["ExitPrice"], rtol=1e-12)
    np.testing.assert_allclose([one.costs[0] for one in ours], theirs["Commission"], rtol=1e-9)
    assert [one.side[0] * one.units[0] for one in ours] == theirs["Size"].tolist()
    assert [one.bars[0] for one in ours] == (theirs["ExitBar"] - theirs["EntryBar"]).tolist()


@pytest.mark.parametrize("fill", ["next_open", "next_close"])
def test_equity_at_every_bar_equals_vectorbt(fill: str) -> None:
    """Five symbols, one account, fractions of units, both costs."""
    drawn = Market(
        symbols=tuple(REFERENCE["symbols"]),
        open=np.array(REFERENCE["open"]),
        close=np.array(REFERENCE["close"]),
        direction=np.array(REFERENCE["direction"]),
    )
    options = TradingOptions(
        capital=REFERENCE["capital"], weight=REFERENCE["weight"], fill=fill, rebalance=True, max_gross=9.0,
        commission_bps=REFERENCE["commission_bps"], slippage_bps=REFERENCE["slippage_bps"],
    )  # fmt: skip
    _, steps = run(options, drawn.sections())
    expected = REFERENCE["equity"][fill]
    np.testing.assert_allclose([one.equity for one in steps], expected, rtol=1e-9, atol=0)
    assert np.ptp(expected) > 10_000
