"""Figures of an account against empyrical, and by hand where few bars tell."""

import math
import warnings
from types import ModuleType

import numpy as np
import pytest

from pipeline.drift.results import Insufficient
from pipeline.drift.sharpe import Sharpe
from pipeline.trading.drawdown import Drawdown
from pipeline.trading.metrics import Exposure, Share
from pipeline.trading.options import TradingOptions
from pipeline.trading.performance import Performance
from pipeline.trading.section import Section
from pipeline.trading.simulation import Simulation
from pipeline.trading.trade_tally import TradeFigures
from schemas.intervals import DAY, MINUTE, session_of
from tests.support.trading_market import BEGIN, Said, at, market, run, section, split_of

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def empyrical() -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import empyrical as library
    return library


def perform(
    options: TradingOptions, sections: list[Section], *, periods: int = 252
) -> tuple[Performance, Simulation, list[float]]:
    simulation, performance = Simulation(options), Performance(options.capital, periods=periods)
    equity = []
    for one in sections:
        stepped = simulation.step(one)
        performance.add(one, stepped)
        equity.append(stepped.equity)
    return performance, simulation, equity


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("periods", [252, 365])
def test_figures_equal_empyrical(empyrical: ModuleType, seed: int, periods: int) -> None:
    options = TradingOptions(weight=0.3, rebalance=True, max_gross=2.0, commission_bps=2.0)
    performance, _, equity = perform(options, market(seed, bars=300, symbols=6).sections("1d"), periods=periods)
    returns = np.diff([options.capital, *equity]) / np.array([options.capital, *equity[:-1]])
    found = performance.metrics()
    assert isinstance(found.sharpe, Sharpe)
    assert isinstance(found.drawdown, Drawdown)
    ours = (
        found.total_return, found.annual_return, found.annual_volatility, found.sharpe.value, found.sortino,
        -found.drawdown.depth, found.calmar,
    )  # fmt: skip
    yearly = {"annualization": periods}
    theirs = (
        empyrical.cum_returns_final(returns),
        empyrical.annual_return(returns, **yearly),
        empyrical.annual_volatility(returns, **yearly),
        empyrical.sharpe_ratio(returns, **yearly),
        empyrical.sortino_ratio(returns, **yearly),
        empyrical.max_drawdown(returns),
        empyrical.calmar_ratio(returns, **yearly),
    )
    np.testing.assert_allclose(np.array(ours, float)[: 6 + (theirs[1] > 0)], theirs[: 6 + (theirs[1] > 0)], rtol=1e-9)
    np.testing.assert_allclose(performance.sessions().change, returns, rtol=1e-12, atol=1e-15)


def test_minutes_are_judged_by_their_sessions(empyrical: ModuleType) -> None:
    """Six sessions of fifty minutes: returns from last bar to last bar, the drawdown from every bar."""
    drawn = market(6, bars=300, symbols=3)
    sections = drawn.sections(times=[BEGIN + (bar // 50) * DAY + (bar % 50) * MINUTE for bar in range(300)])
    options = TradingOptions(weight=0.3)
    performance, _, equity = perform(options, sections)
    last = np.array(equity[49::50])
    returns = np.diff([options.capital, *last]) / np.array([options.capital, *last[:-1]])
    found = performance.metrics()
    assert (found.sessions, found.bar_times) == (6, 300)
    assert found.annual_volatility == pytest.approx(empyrical.annual_volatility(returns), rel=1e-9)
    bars = np.diff([options.capital, *equity]) / np.array([options.capital, *equity[:-1]])
    assert isinstance(found.drawdown, Drawdown)
    assert -found.drawdown.depth == pytest.approx(empyrical.max_drawdown(bars), rel=1e-9)
    assert found.drawdown.depth > 1.05 * -empyrical.max_drawdown(returns)


def test_nothing_yet_is_no_figure() -> None:
    found = Performance(1000.0).metrics()
    assert found.total_return == Insufficient(n=0, minimum=1, reason="no bar time")
    assert found.drawdown == found.exposure == found.total_return
    assert found.annual_return == Insufficient(n=0, minimum=5, reason="too few sessions")
    assert found.hit_rate_trades == Insufficient(n=0, minimum=1, reason="no trade was closed")
    assert found.coefficient == Insufficient(n=0, minimum=20, reason="no score's horizon was complete")
    assert found.trade_figures == found.hit_rate_trades
    assert (found.begin, found.end, found.equity, found.bankrupt_time) == (None, None, 1000.0, None)
    assert Performance(1000.0).months().name == ()


def test_an_account_that_never_trades_has_no_ratios() -> None:
    performance, _, equity = perform(TradingOptions(), [section(bar, {"A": (9, 9)}, interval="1d") for bar in range(9)])
    found = performance.metrics()
    assert set(equity) == {1_000_000.0}
    assert (found.total_return, found.annual_return, found.annual_volatility, found.turnover) == (0, 0, 0, 0)
    assert found.sharpe == Insufficient(n=9, minimum=5, reason="the returns do not vary")
    assert found.sortino == Insufficient(n=9, minimum=5, reason="no session lost")
    assert found.calmar == Insufficient(n=0, minimum=1, reason="no drawdown")
    assert found.hit_rate_sessions == Insufficient(n=0, minimum=1, reason="no session changed the equity")
    assert found.exposure == Exposure(gross=0, net=0, positions=0, time_in_market=0)
    assert found.drawdown == Drawdown(
        depth=0, peak_time=None, trough_time=None, recovered_time=None, sessions=0, longest=0
    )


def test_sums_by_hand() -> None:
    """100 units at 10, sold at 12 three bars later, 1 % commission on each side."""
    options = TradingOptions(capital=10_000, weight=0.1, commission_bps=100)
    performance, simulation, equity = perform(
        options,
        [
            section(0, {"A": (10, 10), "B": (5, 5)}, {"A": Said(signal="long")}, interval="1d"),
            section(1, {"A": (10, 11), "B": (5, 5)}, interval="1d"),
            section(2, {"A": (11, 9), "B": (5, 5)}, {"A": Said(signal="flat")}, interval="1d"),
            section(3, {"A": (12, 99), "B": (5, 5)}, interval="1d"),
        ],
    )
    assert equity == pytest.approx([10_000, 10_090, 9_890, 10_178], abs=1e-9)
    found = performance.metrics()
    assert (found.gross, found.commission, found.slippage) == pytest.approx((200, 22, 0), abs=1e-9)
    assert (found.trades, found.traded) == (1, pytest.approx(2_200))
    assert found.total_return == pytest.approx(0.0178)
    assert found.hit_rate_trades == Share(value=1.0, n=1)
    assert found.hit_rate_sessions == Share(value=pytest.approx(2 / 3), n=3)
    assert isinstance(found.exposure, Exposure)
    assert found.exposure.time_in_market == 0.5
    assert found.exposure.gross == pytest.approx((1_100 / 10_090 + 900 / 9_890) / 4)
    assert found.turnover == Insufficient(n=4, minimum=5, reason="too few sessions")
    assert found.drawdown == Drawdown(
        depth=pytest.approx(200 / 10_090), peak_time=at(1, "1d"), trough_time=at(2, "1d"),
        recovered_time=at(3, "1d"), sessions=2, longest=2,
    )  # fmt: skip
    by_symbol = simulation.by_symbol()
    assert by_symbol.symbol == ("A",)
    assert [by_symbol.gross[0], by_symbol.costs[0], by_symbol.net[0]] == pytest.approx([200, 22, 178])
    assert (by_symbol.trades[0], by_symbol.wins[0], by_symbol.bars[0]) == (1, 1, 2)


def test_months_add_up_to_the_whole() -> None:
    drawn = market(9, bars=80, symbols=4)
    options = TradingOptions(weight=0.2, commission_bps=5, slippage_bps=3)
    performance, simulation, equity = perform(options, drawn.sections("1d"))
    _, steps = run(options, drawn.sections("1d"))
    months, found, by_symbol = performance.months(), performance.metrics(), simulation.by_symbol()
    assert months.name == ("2026-01", "2026-02", "2026-03")
    assert performance.sessions().name[0] == "2026-01-05"
    days = [str(np.datetime64(session_of(at(bar, "1d")), "D")) for bar in range(80)]
    assert months.equity.tolist() == [
        equity[max(bar for bar in range(80) if days[bar][:7] == month)] for month in months.name
    ]
    assert math.prod(1 + months.change) == pytest.approx(1 + found.total_return, rel=1e-12)
    assert months.trades.sum() == found.trades == by_symbol.trades.sum()
    assert months.wins.sum() == by_symbol.wins.sum()
    for place, month in enumerate(months.name):
        mine = [step for step, day in zip(steps, days, strict=True) if day.startswith(month)]
        assert months.costs[place] == pytest.approx(sum(step.commission + step.slippage for step in mine))
        assert months.traded[place] == pytest.approx(sum(step.traded for step in mine))
        assert months.trades[place] == sum(len(trades) for step in mine for trades in step.trades)
    assert found.commission + found.slippage == pytest.approx(by_symbol.costs.sum())
    assert by_symbol.net.sum() == pytest.approx(found.equity - found.capital)
    assert by_symbol.gross.sum() == pytest.approx(found.gross)


def test_a_lost_account_has_no_ratios_but_says_when() -> None:
    rows = [(10.0, 10.0), (10.0, 25.0), *[(25.0, 25.0)] * 6]
    sections = [
        section(bar, {"A": row}, {"A": Said(signal="short")} if not bar else None, interval="1d")
        for bar, row in enumerate(rows)
    ]
    performance, _, equity = perform(TradingOptions(capital=1_000, weight=1.0), sections)
    found = performance.metrics()
    assert equity[1:] == [-500.0] * 7
    assert found.bankrupt_time == at(1, "1d")
    assert found.total_return == -1.5
    assert isinstance(found.drawdown, Drawdown)
    assert found.drawdown.depth == 1.5
    for ratio in (found.annual_return, found.annual_volatility, found.sharpe, found.sortino, found.calmar):
        assert isinstance(ratio, Insufficient)
        assert ratio.reason == "the capital is lost"


def test_figures_of_trades() -> None:
    """Long 10 → 12 and 12 → 9, then short 9 → 9: 100, 83.3 and 75 units or so of 1,000."""
    closes = [10.0, 10.0, 12.0, 12.0, 9.0, 9.0, 9.0]
    said = {0: "long", 1: "flat", 2: "long", 3: "flat", 4: "short", 5: "flat"}
    sections = [
        section(bar, {"A": (price, price)}, {"A": Said(signal=said[bar])} if bar in said else None)
        for bar, price in enumerate(closes)
    ]
    options = TradingOptions(capital=1_000, weight=0.5)
    performance, _, equity = perform(options, sections)
    lost = 0.5 * 1_100 / 12 * 3
    assert performance.metrics().trade_figures == TradeFigures(
        n=3, mean=pytest.approx((100 - lost) / 3), mean_win=pytest.approx(100), mean_loss=pytest.approx(-lost / 2),
        best=pytest.approx(100), worst=pytest.approx(-lost), profit_factor=pytest.approx(100 / lost), mean_bars=1.0,
        long=2, short=1,
    )  # fmt: skip
    assert equity[-1] == pytest.approx(1_000 + 100 - lost)


def test_splits_that_were_refused_are_named() -> None:
    performance, _, _ = perform(
        TradingOptions(),
        [section(0, {"A": (10, 10)}), section(1, {"A": (10, 10)}, splits=[split_of("A", 2.0, at(0) - 1)])],
    )
    assert performance.metrics().refused_splits == ("A",)


def test_periods_must_be_possible() -> None:
    with pytest.raises(ValueError, match="periods 0 must be 1 or more"):
        Performance(1.0, periods=0)
