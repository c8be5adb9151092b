"""What holds for every market, every signal and every choice of terms."""

import math
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.trading.options import TradingOptions
from pipeline.trading.section import Section
from pipeline.trading.simulation import Simulation
from tests.support.scalar_account import ScalarAccount
from tests.support.trading_market import Said, at, bars_of, run, section_at, signals_of, split_of

pytestmark = pytest.mark.unit
SYMBOLS = ("A", "B", "C", "D")
PRICES = st.sampled_from([5.0, 8.0, 9.9, 10.0, 10.1, 12.5, 20.0])
SAID = st.builds(
    Said,
    signal=st.sampled_from(["long", "short", "flat"]),
    score=st.sampled_from([-0.02, 0.0, 0.01, 0.02]),
    scale=st.sampled_from([0.0, 0.3, 1.0]),
    expires=st.integers(0, 3),
)
OPTIONS = st.builds(
    TradingOptions,
    capital=st.just(10_000.0),
    commission_bps=st.sampled_from([0.0, 10.0, 300.0]),
    slippage_bps=st.sampled_from([0.0, 5.0, 200.0]),
    fill=st.sampled_from(["next_open", "next_close"]),
    weight=st.sampled_from([0.1, 0.4, 0.7]),
    max_weight=st.sampled_from([0.7, 2.0]),
    max_gross=st.sampled_from([0.5, 1.0, 5.0]),
    max_positions=st.integers(0, 3),
    sides=st.sampled_from(["both", "both", "long", "short"]),
    lot=st.sampled_from([0.0, 0.1, 7.0]),
    expiry=st.sampled_from(["hold", "expire"]),
    rebalance=st.booleans(),
)


@st.composite
def histories(draw: st.DrawFn, splits: bool = True, prices: st.SearchStrategy[float] = PRICES) -> list[Section]:
    """Two to nine bar times of up to four symbols, with gaps, signals of some and splits, some of them late."""
    found = []
    for bar in range(draw(st.integers(2, 9))):
        rows = {
            symbol: (draw(prices), draw(prices)) for symbol in draw(st.lists(st.sampled_from(SYMBOLS), unique=True))
        }
        said = {symbol: draw(SAID) for symbol in draw(st.lists(st.sampled_from(SYMBOLS), unique=True, max_size=3))}
        known = []
        if splits and draw(st.integers(0, 3)) == 0:
            effective = at(draw(st.integers(max(bar - 2, 0), bar + 2)))
            known = [split_of(draw(st.sampled_from(SYMBOLS)), draw(st.sampled_from([0.5, 2.0, 3.0])), effective)]
        found.append(section_at(at(bar), rows, said, splits=known))
    return found


def bits(found: Any) -> Any:
    """Everything in a result, numbers as their bytes."""
    if is_dataclass(found):
        return [bits(getattr(found, one.name)) for one in fields(found)]
    if isinstance(found, np.ndarray):
        return found.tobytes()
    if isinstance(found, tuple | list):
        return [bits(one) for one in found]
    return found.hex() if isinstance(found, float) else found


@settings(deadline=None)
@given(histories(), OPTIONS)
def test_equity_is_that_of_the_scalar_account(history: list[Section], options: TradingOptions) -> None:
    """And so is whether it is bankrupt; units too."""
    simulation, slow = Simulation(options), ScalarAccount(options)
    for one in history:
        step, expected = simulation.step(one), slow.step(one)
        assert step.equity == pytest.approx(expected, rel=1e-9, abs=1e-9)
        assert step.bankrupt == slow.bankrupt
        held = simulation.positions()
        assert dict(zip(held.symbol, held.units, strict=True)) == pytest.approx(
            {symbol: holding.units for symbol, holding in sorted(slow.holdings.items()) if holding.units}, rel=1e-9
        )


@settings(max_examples=50, deadline=None)
@given(histories(splits=False), OPTIONS)
def test_cash_is_what_the_fills_left(history: list[Section], options: TradingOptions) -> None:
    simulation, steps = run(options, history)
    cash, units = options.capital, dict.fromkeys(SYMBOLS, 0.0)
    for step in steps:
        for fills in step.fills:
            cash -= math.fsum(fills.units * fills.price) + math.fsum(fills.commission)
            for symbol, moved in zip(fills.symbol, fills.units, strict=True):
                units[symbol] += moved
        assert step.cash == pytest.approx(cash, rel=1e-9, abs=1e-6)
        assert step.cash + step.net_exposure == pytest.approx(step.equity, rel=1e-12, abs=1e-9)
        assert abs(step.net_exposure) <= step.gross_exposure + 1e-9
    held = simulation.positions()
    assert {symbol: held for symbol, held in units.items() if abs(held) > 1e-9} == pytest.approx(
        dict(zip(held.symbol, held.units, strict=True))
    )


@settings(max_examples=50, deadline=None)
@given(histories(), OPTIONS)
def test_a_step_does_not_depend_on_its_own_signals_nor_on_what_comes(
    history: list[Section], options: TradingOptions
) -> None:
    """So no order fills at the bar that made it, and stepping on from any point gives the same bits."""
    _, steps = run(options, history)
    for number in range(len(history)):
        _, again = run(options, [*history[:number], replace(history[number], signals=())])
        assert bits(again[:number]) == bits(steps[:number])
        assert bits(replace(again[number], unpriced=0)) == bits(replace(steps[number], unpriced=0))


@settings(max_examples=50, deadline=None)
@given(histories(), OPTIONS, st.randoms(use_true_random=False))
def test_the_order_of_batches_and_symbols_changes_no_bit(
    history: list[Section], options: TradingOptions, rng: Any
) -> None:
    mixed = []
    for one in history:
        rows = {
            symbol: (float(batch.open[row]), float(batch.close[row]))
            for batch in one.bars
            for row, symbol in enumerate(batch.symbols)
        }
        names = list(rows)
        rng.shuffle(names)
        cut = rng.randint(0, len(names))
        said = [signal for columns in one.signals for signal in columns]
        rng.shuffle(said)
        signals = tuple(
            signals_of(
                one.event_time,
                {
                    signal.symbol: Said(
                        signal=signal.signal, score=signal.score, scale=signal.position_scale,
                        expires=(signal.expires_at - one.event_time) // 60_000_000_000,
                    )
                },
            )
            for signal in said
        )  # fmt: skip
        batches = tuple(bars_of(one.event_time, rows, order=part) for part in (names[:cut], names[cut:]) if part)
        mixed.append(replace(one, bars=batches, signals=signals))
    (plain, steps), (other, again) = run(options, history), run(options, mixed)
    assert bits(again) == bits(steps)
    assert bits(other.positions()) == bits(plain.positions())
    assert bits(other.by_symbol()) == bits(plain.by_symbol())


@settings(max_examples=50, deadline=None)
@given(histories(splits=False), OPTIONS, st.sampled_from([0.5, 2.0, 4.0]))
def test_a_split_of_everything_changes_nothing_but_units(
    history: list[Section], options: TradingOptions, factor: float
) -> None:
    """From some bar on prices are divided by a power of two: every amount keeps its bits."""
    options = replace(options, lot=0.0)
    half = len(history) // 2
    split = [replace(one) for one in history[:half]]
    for number, one in enumerate(history[half:]):
        batches = tuple(
            replace(
                batch, open=batch.open / factor, high=batch.high / factor, low=batch.low / factor,
                close=batch.close / factor,
            )
            for batch in one.bars
        )  # fmt: skip
        splits = () if number else tuple(split_of(symbol, factor, at(half) - 1) for symbol in SYMBOLS)
        split.append(replace(one, bars=batches, splits=splits))
    _, steps = run(options, history)
    _, again = run(options, split)
    for one, other in zip(steps, again, strict=True):
        assert bits([other.equity, other.traded, other.commission]) == bits([one.equity, one.traded, one.commission])


@settings(max_examples=50, deadline=None)
@given(histories(splits=False), OPTIONS)
def test_limits_hold_at_every_fill(history: list[Section], options: TradingOptions) -> None:
    """Fills at the close without costs: then the account after the step is the account at the fill."""
    options = replace(options, fill="next_close", commission_bps=0.0, slippage_bps=0.0)
    simulation = Simulation(options)
    before: dict[str, float] = {}
    for one in history:
        step = simulation.step(one)
        held = simulation.positions()
        values = dict(zip(held.symbol, held.value, strict=True))
        moved = {
            symbol: units
            for fills in step.fills
            for symbol, units in zip(fills.symbol, fills.units.tolist(), strict=True)
        }
        bought = [symbol for symbol, units in moved.items() if units * values.get(symbol, 0.0) > 0]
        if options.max_positions and step.held > len(before):
            assert step.held <= options.max_positions
        for symbol in moved:
            # A ruined account owes money, and holds nothing.
            assert abs(values.get(symbol, 0.0)) <= options.max_weight * max(step.equity, 0.0) * (1 + 1e-9) + 1e-9
        if bought:
            assert step.gross_exposure <= options.max_gross * step.equity * (1 + 1e-9)
        sides = {math.copysign(1, value) for value in values.values()}
        assert sides <= {"both": {1, -1}, "long": {1}, "short": {-1}}[options.sides]
        if options.lot:
            lots = held.units / options.lot
            assert np.abs(lots - np.rint(lots)).max(initial=0) < 1e-6
        before = values


@settings(max_examples=50, deadline=None)
@given(histories(splits=False, prices=st.just(9.9)), OPTIONS)
def test_constant_prices_without_costs_earn_exactly_nothing(history: list[Section], options: TradingOptions) -> None:
    simulation, steps = run(replace(options, commission_bps=0.0, slippage_bps=0.0), history)
    assert {step.equity for step in steps} == {10_000.0}
    assert not simulation.by_symbol().net.any()
    assert not simulation.by_symbol().wins.any()  # nothing gained is nothing won
    assert not any(trades.net.any() for step in steps for trades in step.trades)
